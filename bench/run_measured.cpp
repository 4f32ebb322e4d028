// Runs a command and says what it took, as one line of JSON on standard output; the command's own
// output is thrown away. It exists because the kernel counts the memory of whoever starts a program
// into that program's peak, and this is smaller than any other starter.

#include <fcntl.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cstdio>
#include <ctime>

namespace {

double seconds_of(const timeval& time) {
  return static_cast<double>(time.tv_sec) + static_cast<double>(time.tv_usec) / 1e6;
}

double now() {
  timespec time{};
  clock_gettime(CLOCK_MONOTONIC, &time);
  return static_cast<double>(time.tv_sec) + static_cast<double>(time.tv_nsec) / 1e9;
}

}  // namespace

int main(int argc, char** argv) {
  if (argc < 2) {
    std::fprintf(stderr, "usage: bench_run COMMAND [ARGUMENT...]\n");
    return 2;
  }
  const double begin = now();
  const pid_t child = fork();
  if (child < 0) {
    std::perror("bench_run");
    return 1;
  }
  if (child == 0) {
    const int null = open("/dev/null", O_RDWR | O_CLOEXEC);
    if (null >= 0) {
      dup2(null, STDIN_FILENO);
      dup2(null, STDOUT_FILENO);
    }
    execvp(argv[1], argv + 1);
    std::perror(argv[1]);
    _exit(127);
  }
  int status = 0;
  rusage usage{};
  if (wait4(child, &status, 0, &usage) != child) {
    std::perror("bench_run");
    return 1;
  }
  std::printf(
      "{\"seconds\": %.6f, \"cpu_seconds\": %.6f, \"peak_kilobytes\": %ld, \"status\": %d}\n",
      now() - begin, seconds_of(usage.ru_utime) + seconds_of(usage.ru_stime), usage.ru_maxrss,
      WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status));
  return 0;
}
