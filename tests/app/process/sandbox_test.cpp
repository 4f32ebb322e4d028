// What a run cannot do any longer once its inputs are open, and what it still can.

#include "engine/app/process/sandbox.h"

#include <fcntl.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <csignal>
#include <fstream>
#include <thread>
#include <vector>

#include "engine/app/process/landlock.h"
#include "tests/app/program.h"

namespace rpcaudit::app {
namespace {

constexpr int kAsExpected = 42;
constexpr int kNoSandbox = 43;
constexpr int kDied = 128 + SIGSYS;

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
  return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}

struct Attempt {
  const char* what;
  bool (*succeeds)();
  int status = kAsExpected;  // that the process ends with
};

class SandboxTest : public testing::TestWithParam<Attempt> {};

TEST_P(SandboxTest, Holds) {
  const int status = ends_after(GetParam().succeeds);
  if (status == kNoSandbox) GTEST_SKIP() << "no sandbox here";
  EXPECT_EQ(status, GetParam().status) << GetParam().what;
}

void* map_page(int protection) {
  return ::mmap(nullptr, 4096, protection, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
}

const Attempt kAttempts[] = {
    {"DiesOfSockets", [] { return ::socket(AF_INET, SOCK_STREAM, 0) >= 0; }, kDied},
    {"DiesOfExecution",
     [] {
       char name[] = "/bin/true";
       char* const arguments[] = {name, nullptr};
       return ::execve(name, arguments, nullptr) == 0;
     },
     kDied},
    {"DiesOfProcesses", [] { return ::fork() >= 0; }, kDied},
    {"DeniesNewFiles",
     [] { return is_denied(::open("/tmp/rpcaudit-sandbox", O_WRONLY | O_CREAT, 0600)); }},
    {"DeniesWritingFiles", [] { return is_denied(::open("/dev/null", O_RDWR)); }},
    {"DiesOfExecutableMemory", [] { return map_page(PROT_READ | PROT_EXEC) != MAP_FAILED; }, kDied},
    {"DiesOfMakingMemoryExecutable",
     [] {
       void* const page = map_page(PROT_READ | PROT_WRITE);
       return ::mprotect(page, 4096, PROT_READ | PROT_EXEC) == 0;
     },
     kDied},
    {"DiesOfSignalsToOthers", [] { return ::kill(::getppid(), 0) == 0; }, kDied},
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

TEST(SandboxDeathTest, SaysWhichCallItWas) {
  if (ends_after([] { return true; }) == kNoSandbox) GTEST_SKIP() << "no sandbox here";
  int pipe_ends[2] = {};
  ASSERT_EQ(::pipe(pipe_ends), 0);
  const pid_t child = ::fork();
  if (child == 0) {
    ::dup2(pipe_ends[1], STDERR_FILENO);
    if (enter_sandbox() != Sandbox::entered) ::_exit(kNoSandbox);
    ::_exit(::socket(AF_INET, SOCK_STREAM, 0) < 0 ? 1 : 2);
  }
  ::close(pipe_ends[1]);
  std::array<char, 256> said{};
  const ssize_t size = ::read(pipe_ends[0], said.data(), said.size());
  ::close(pipe_ends[0]);
  int status = 0;
  ::waitpid(child, &status, 0);
  EXPECT_TRUE(WIFSIGNALED(status) && WTERMSIG(status) == SIGSYS) << status;
  ASSERT_GT(size, 0);
  const std::string text(said.data(), static_cast<std::size_t>(size));
  EXPECT_NE(text.find("(socket) is not permitted"), std::string::npos) << text;
}

// Reading works everywhere, writing where it was permitted.
TEST(LandlockTest, HoldsOutsideItsFolders) {
  std::string pattern = (fs::temp_directory_path() / "rpcaudit-landlock-XXXXXX").string();
  const fs::path folder = ::mkdtemp(pattern.data());
  const std::string inside = folder / "inside";
  const std::string outside = folder / "outside";
  ASSERT_TRUE(fs::create_directory(inside) && fs::create_directory(outside));
  std::ofstream(outside + "/kept") << "kept";
  const auto creates = [](const std::string& path) {
    const int file = ::open(path.c_str(), O_WRONLY | O_CREAT | O_APPEND, 0600);
    return file >= 0 && ::write(file, "x", 1) == 1 && ::close(file) == 0;
  };
  const pid_t child = ::fork();
  if (child == 0) {
    const std::vector<std::string> folders = {inside, "/nowhere"};
    if (!enter_landlock(folders)) ::_exit(kNoSandbox);
    const bool holds = creates(inside + "/a") &&
                       ::rename((inside + "/a").c_str(), (inside + "/a.1").c_str()) == 0 &&
                       ::unlink((inside + "/a.1").c_str()) == 0 && creates(inside + "/b") &&
                       !creates(outside + "/a") && ::unlink((outside + "/kept").c_str()) != 0 &&
                       !creates(outside + "/kept") && read_file(outside + "/kept") == "kept";
    ::_exit(holds ? kAsExpected : 1);
  }
  int status = 0;
  ::waitpid(child, &status, 0);
  fs::remove_all(folder);
  if (WEXITSTATUS(status) == kNoSandbox) GTEST_SKIP() << "no Landlock here";
  EXPECT_EQ(WEXITSTATUS(status), kAsExpected);
}

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
