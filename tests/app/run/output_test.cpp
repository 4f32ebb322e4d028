// Where records go: several outputs at once, never over what the run reads, and how a run ends
// whose output or input stalls.

#include <gtest/gtest.h>

#include <sys/stat.h>

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

struct StopCase {
  const char* signal;
  const char* workers;
  int status;
};

// The input is a pipe that gives nothing and does not end.
TEST_F(OutputTest, AStopEndsTheWaitForAnIdlePipe) {
  for (const StopCase& one : {StopCase{"INT", "1", 130}, StopCase{"TERM", "3", 143}}) {
    const std::string idle = "(head -c 5000 " + demo +
                             "; sleep 3) | timeout --preserve-status -s " +
                             std::string(one.signal) + " 1 ";
    const Ended ended = run_after(idle, std::string("calls -q -r - --workers ") + one.workers);
    EXPECT_EQ(ended.status, one.status) << ended.err;
    EXPECT_NE(ended.out.find("\"interrupted\":true"), std::string::npos) << ended.out;
    EXPECT_EQ(ended.err.find("rpcaudit: stopped by SIG"), 0u) << ended.err;
    EXPECT_EQ(ended.err.find('\n'), ended.err.size() - 1) << ended.err;
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
