// What a run cannot do any longer once its inputs are open, and what it still can.

#include "engine/app/process/sandbox.h"

#include <fcntl.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cerrno>
#include <thread>

#include "tests/app/program.h"

namespace rpcaudit::app {
namespace {

constexpr int kAsExpected = 42;
constexpr int kNoSandbox = 43;

bool is_denied(long result) { return result < 0 && errno == EPERM; }

// How a child process ends that enters the sandbox and then calls `attempt`.
template <class Attempt>
int ends_after(Attempt attempt) {
  const pid_t child = ::fork();
  if (child == 0) {
    if (enter_sandbox() != Sandbox::entered) ::_exit(kNoSandbox);
    ::_exit(attempt() ? kAsExpected : 1);
  }
  int status = 0;
  ::waitpid(child, &status, 0);
  return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

struct Attempt {
  const char* what;
  bool (*succeeds)();
};

class SandboxTest : public testing::TestWithParam<Attempt> {};

TEST_P(SandboxTest, Holds) {
  const int status = ends_after(GetParam().succeeds);
  if (status == kNoSandbox) GTEST_SKIP() << "no sandbox here";
  EXPECT_EQ(status, kAsExpected) << GetParam().what;
}

void* map_page(int protection) {
  return ::mmap(nullptr, 4096, protection, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
}

const Attempt kAttempts[] = {
    {"DeniesSockets", [] { return is_denied(::socket(AF_INET, SOCK_STREAM, 0)); }},
    {"DeniesExecution",
     [] {
       char name[] = "/bin/true";
       char* const arguments[] = {name, nullptr};
       return is_denied(::execve(name, arguments, nullptr));
     }},
    {"DeniesProcesses", [] { return is_denied(::fork()); }},
    {"DeniesNewFiles",
     [] { return is_denied(::open("/tmp/rpcaudit-sandbox", O_WRONLY | O_CREAT, 0600)); }},
    {"DeniesWritingFiles", [] { return is_denied(::open("/dev/null", O_RDWR)); }},
    {"DeniesExecutableMemory",
     [] {
       if (map_page(PROT_READ | PROT_EXEC) != MAP_FAILED) return false;
       void* const page = map_page(PROT_READ | PROT_WRITE);
       return is_denied(::mprotect(page, 4096, PROT_READ | PROT_EXEC));
     }},
    {"DeniesSignalsToOthers", [] { return is_denied(::kill(::getppid(), 0)); }},
    {"AllowsReadingFiles", [] { return ::open("/proc/self/status", O_RDONLY) >= 0; }},
    {"AllowsMemory", [] { return map_page(PROT_READ | PROT_WRITE) != MAP_FAILED; }},
    {"AllowsThreads",
     [] {
       bool ran = false;
       std::thread([&ran] { ran = true; }).join();
       return ran;
     }},
};

INSTANTIATE_TEST_SUITE_P(Attempts, SandboxTest, testing::ValuesIn(kAttempts),
                         [](const auto& test) { return std::string(test.param.what); });

class SandboxedRunTest : public ProgramTest {};

TEST_F(SandboxedRunTest, IsSaidAndMayBeLeftOut) {
  const std::string files = "calls -v -q -o /dev/null -r " + demo;
  const int status = ends_after([] { return true; });
  const char* const said =
      status == kNoSandbox ? "no sandbox: this system or build has none" : "in a sandbox:";
  EXPECT_NE(run(files).err.find(said), std::string::npos);
  EXPECT_NE(run(files + " --no-sandbox").err.find("no sandbox, as asked for"), std::string::npos);
}

// Whatever a run opens late, or does at its end, is allowed.
TEST_F(SandboxedRunTest, WritesTheSameAsWithout) {
  const std::string captures = source_folder() + "/pcaps";
  const std::string policy = " -p " + source_folder() + "/pcaps/policies/require-privacy.netsh.txt";
  const std::string records = (folder / "records").string();
  const std::string text = (folder / "records.txt").string();
  const std::string commands[] = {
      "audit --all -r " + captures + policy + " --workers 8",
      "audit -r " + captures + policy,
      "calls -r - --workers 2 < " + demo,
      "endpoints --format json -r " + captures,
      "explain --frame 30 -r " + demo + policy,
  };
  for (const std::string& command : commands) {
    const Ended inside = run(command);
    const Ended outside = run(command + " --no-sandbox");
    EXPECT_EQ(inside.status, outside.status) << command << inside.err;
    EXPECT_EQ(inside.out, outside.out) << command;
  }
  const std::string both = "calls -r " + captures + " -o " + records + " -o text:" + text;
  EXPECT_EQ(run(both).status, 0);
  const std::string inside = read_file(records) + read_file(text);
  EXPECT_EQ(run(both + " --no-sandbox").status, 0);
  EXPECT_EQ(inside, read_file(records) + read_file(text));
  EXPECT_FALSE(inside.empty());
}

}  // namespace
}  // namespace rpcaudit::app
