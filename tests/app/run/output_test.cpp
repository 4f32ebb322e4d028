// Where records go: several outputs at once, never over what the run reads, and how a run ends
// whose output or input stalls.

#include <gtest/gtest.h>

#include <signal.h>
#include <sys/stat.h>
#include <unistd.h>

#include <array>
#include <chrono>
#include <thread>

#include "tests/app/program.h"

namespace rpcaudit::app {
namespace {

using OutputTest = ProgramTest;

TEST_F(OutputTest, EveryOutputGetsEveryRecordInItsForm) {
  const std::string audit = "audit -q -r " + demo + " -p " + dcsync;
  const std::string json = run(audit + " --format json").out;
  const std::string text = run(audit + " --format text").out;
  ASSERT_NE(json, "");
  ASSERT_NE(text, "");
  for (const char* workers : {"1", "3"}) {
    const Ended both =
        run(audit + " --workers " + workers + " -o " + (folder / "a.jsonl").string() +
            " -o text:- -o " + (folder / "a.txt").string());
    EXPECT_EQ(both.status, 0);
    EXPECT_EQ(both.err, "");
    EXPECT_TRUE(read_file(folder / "a.jsonl") == json) << workers << " workers";
    EXPECT_TRUE(both.out == text) << workers << " workers";
    EXPECT_TRUE(read_file(folder / "a.txt") == text) << workers << " workers";
  }
}

TEST_F(OutputTest, AFormBeforeTheNameGoesOverFormat) {
  const std::string name = (folder / "records").string();
  EXPECT_EQ(run("calls -q --format text -r " + demo + " -o json:" + name).status, 0);
  EXPECT_EQ(read_file(name).front(), '{');
}

TEST_F(OutputTest, RefusesFilesThatTheRunReads) {
  const std::string capture = file("capture.pcapng", read_file(demo));
  const std::string policy = file("policy.txt", read_file(dcsync));
  const std::string link = (folder / "link").string();
  const std::string name = (folder / "name").string();
  fs::create_symlink(capture, link);
  fs::create_hard_link(policy, name);
  const std::string audit = "audit -r " + capture + " -p " + policy;
  for (const std::string& output : {capture, policy, link, name, "text:" + link}) {
    const Ended refused = run(audit + " -o " + output);
    EXPECT_EQ(refused.status, 2) << output;
    EXPECT_NE(refused.err.find("is read by the same run"), std::string::npos) << refused.err;
  }
  EXPECT_EQ(run("calls -r " + folder.string() + " -o " + capture).status, 2) << "in a folder";
  EXPECT_EQ(run("endpoints -r " + capture + " -o " + capture).status, 2);
  EXPECT_EQ(run("calls -r - -o " + capture + " < " + capture).status, 2) << "as standard input";
  EXPECT_TRUE(read_file(capture) == read_file(demo));
  EXPECT_TRUE(read_file(policy) == read_file(dcsync));
}

TEST_F(OutputTest, RefusesToWriteOneFileTwice) {
  const Ended refused = run("calls -r " + demo + " -o - -o text:-");
  EXPECT_EQ(refused.status, 2);
  EXPECT_EQ(refused.out, "");
}

TEST_F(OutputTest, AFileKeepsWhatItHadUntilTheRunEnds) {
  const std::string output = file("records", "old\n");
  ::chmod(output.c_str(), 0640);
  const std::string half_a_capture = "(cat " + demo + "; sleep 1) | ";
  (void)run_after(half_a_capture,
                  "calls -q -r - -o " + output + " & sleep 0.4; kill -KILL $!; wait $!");
  EXPECT_EQ(read_file(output), "old\n");
  EXPECT_EQ(run("calls -q -r " + demo + " -o " + output).status, 0);
  EXPECT_EQ(read_file(output).front(), '{');
  struct stat status {};
  ASSERT_EQ(::stat(output.c_str(), &status), 0);
  EXPECT_EQ(status.st_mode & 0777u, 0640u);
}

TEST_F(OutputTest, AClosedPipeEndsTheRunQuietly) {
  const std::string closed =
      "python3 -c 'import os,sys; r,w=os.pipe(); os.dup2(w,1); os.close(r); "
      "os.execvp(sys.argv[1], sys.argv[1:])' ";
  const Ended ended = run_after(closed, "calls -r " + demo);
  EXPECT_EQ(ended.status, 3);
  EXPECT_EQ(ended.err, "");
  // Another output is still read.
  const std::string other = (folder / "other").string();
  EXPECT_EQ(run_after(closed, "calls -q -r " + demo + " -o - -o " + other).status, 0);
  EXPECT_TRUE(read_file(other) == run("calls -q -r " + demo).out);
}

// The program with a standard input that gives some bytes, and then none without ending.
class WaitingProgram {
 public:
  WaitingProgram(const std::string& arguments, std::string_view some_bytes) {
    std::array<int, 2> ends{};
    EXPECT_EQ(::pipe(ends.data()), 0);
    input_ = ends[1];
    EXPECT_EQ(::write(input_, some_bytes.data(), some_bytes.size()),
              static_cast<ssize_t>(some_bytes.size()));
    pid_ = ::fork();
    if (pid_ == 0) {
      ::dup2(ends[0], STDIN_FILENO);
      ::close(ends[0]);
      ::close(ends[1]);
      const std::string command = "exec " + program_path() + " " + arguments;
      ::execl("/bin/sh", "sh", "-c", command.c_str(), nullptr);
      std::_Exit(127);
    }
    ::close(ends[0]);
  }
  ~WaitingProgram() { ::close(input_); }

  // Sends a signal once the program catches it, and returns the exit status.
  int end_by(int signal) const {
    while (!catches(signal)) std::this_thread::sleep_for(std::chrono::milliseconds(10));
    ::kill(pid_, signal);
    int status = 0;
    ::waitpid(pid_, &status, 0);
    return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
  }

 private:
  [[nodiscard]] bool catches(int signal) const {
    const std::string status = read_file("/proc/" + std::to_string(pid_) + "/status");
    // Until the program is there, this is the shell, which may catch SIGINT itself.
    if (!status.starts_with("Name:\trpcaudit\n")) return false;
    const std::size_t at = status.find("SigCgt:");
    if (at == std::string::npos) return false;
    const std::uint64_t caught = std::strtoull(status.c_str() + at + 7, nullptr, 16);
    return (caught >> (signal - 1) & 1) != 0;
  }

  pid_t pid_ = -1;
  int input_ = -1;
};

struct StopCase {
  int signal;
  const char* workers;
  int status;
  const char* says;
};

TEST_F(OutputTest, AStopEndsTheWaitForAnIdlePipe) {
  const std::string out = (folder / "out").string();
  const std::string err = (folder / "err").string();
  for (const StopCase& one : {StopCase{SIGINT, "1", 130, "rpcaudit: stopped by SIGINT after "},
                              StopCase{SIGTERM, "3", 143, "rpcaudit: stopped by SIGTERM after "}}) {
    const WaitingProgram program(
        "calls -q -r - --workers " + std::string(one.workers) + " > " + out + " 2> " + err,
        read_file(demo).substr(0, 5000));
    EXPECT_EQ(program.end_by(one.signal), one.status);
    const std::string said = read_file(err);
    EXPECT_EQ(said.find(one.says), 0u) << said;
    EXPECT_EQ(said.find('\n'), said.size() - 1) << said;
    EXPECT_NE(read_file(out).find("\"interrupted\":true"), std::string::npos) << read_file(out);
  }
}

// The output is a pipe that nobody reads.
TEST_F(OutputTest, AStopEndsTheWaitForAnOutputThatNobodyReads) {
  const std::string pipe = (folder / "pipe").string();
  ASSERT_EQ(::mkfifo(pipe.c_str(), 0600), 0);
  const std::string many = "-r " + demo + " -r " + demo + " -r " + demo;
  const Ended ended = run_after("sleep 9 < " + pipe + " & timeout --preserve-status -s TERM 0.5 ",
                                "calls -q " + many + " " + many + " " + many + " -o " + pipe);
  EXPECT_EQ(ended.status, 143) << ended.err;
  EXPECT_NE(ended.err.find("nobody reads it"), std::string::npos) << ended.err;
}

TEST_F(OutputTest, WaitsForAPipeThatTakesNothingRightNow) {
  const std::string plain = run("calls -q -r " + demo).out;
  // The descriptor does not wait by itself, and is read slowly.
  const std::string nonblocking =
      "python3 -c 'import os,sys; os.set_blocking(1, False); os.execvp(sys.argv[1], "
      "sys.argv[1:])' ";
  const Ended ended = run_after(nonblocking, "calls -q -r " + demo + " | (sleep 0.3; cat)");
  EXPECT_EQ(ended.err, "");
  EXPECT_TRUE(ended.out == plain);
}

TEST_F(OutputTest, AFullStandardErrorDoesNotHideAFailure) {
  const std::string audit = "audit -r " + demo + " -p " + dcsync + " -o /dev/null";
  EXPECT_EQ(run(audit + " 2> /dev/full # ").status, 3) << "the summary was lost";
  EXPECT_EQ(run(audit + " -q --fail-on would_block 2> /dev/full # ").status, 1);
  EXPECT_EQ(run("calls -q -r /nowhere -o /dev/null 2> /dev/full # ").status, 3);
}

}  // namespace
}  // namespace rpcaudit::app
