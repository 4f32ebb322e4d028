// What a person sees: records as wide as the terminal.

#include <gtest/gtest.h>
#include <pty.h>
#include <sys/wait.h>
#include <unistd.h>

#include <sstream>

#include "tests/app/program.h"

namespace rpcaudit::app {
namespace {

// What the program writes to a terminal of so many columns.
std::string shown_on_terminal(unsigned short columns, const std::string& arguments) {
  winsize size{};
  size.ws_row = 24;
  size.ws_col = columns;
  int terminal = -1;
  const pid_t child = ::forkpty(&terminal, nullptr, nullptr, &size);
  if (child == 0) {
    ::unsetenv("COLUMNS");
    const std::string command = "exec " + program_path() + " " + arguments;
    ::execl("/bin/sh", "sh", "-c", command.c_str(), nullptr);
    ::_exit(127);
  }
  std::string shown;
  char bytes[4096];
  for (ssize_t size_read = 0; (size_read = ::read(terminal, bytes, sizeof bytes)) > 0;) {
    shown.append(bytes, static_cast<std::size_t>(size_read));
  }
  ::close(terminal);
  int status = 0;
  ::waitpid(child, &status, 0);
  return shown;
}

class TerminalTest : public ProgramTest {};

TEST_F(TerminalTest, RecordsFitTheTerminal) {
  const std::string arguments = "audit --color never -q " + demo + " -p " + dcsync;
  for (const std::uint16_t columns : {std::uint16_t{80}, std::uint16_t{120}}) {
    std::istringstream lines(shown_on_terminal(columns, arguments));
    std::size_t longest = 0;
    std::size_t records = 0;
    for (std::string line; std::getline(lines, line);) {
      if (line.ends_with('\r')) line.pop_back();
      longest = std::max(longest, line.size());
      records += line.find("Z  WOULD ") != std::string::npos ? 1u : 0u;
    }
    EXPECT_EQ(records, 13u);
    EXPECT_LE(longest, columns);
    EXPECT_GT(longest, columns / 2u);
  }
}

// What is said of inputs and outputs, as a person meets it.
TEST_F(TerminalTest, ManyInputsThatCannotBeOpenedAreToldOnce) {
  fs::create_directory(folder / "many");
  for (int i = 0; i < 120; ++i) {
    fs::create_symlink(source_folder() + "/pcaps/dcsync-ntlm-privacy.pcap",
                       folder / "many" / (std::to_string(i) + ".pcap"));
  }
  const std::string question = "calls -q -o /dev/null " + (folder / "many").string();
  EXPECT_EQ(run_after("ulimit -Sn 64; ", question).status, 0) << "the limit is raised";
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
  GTEST_SKIP() << "sanitizers open files of their own, and report what they cannot look at";
#endif
  const Ended ended = run_after("ulimit -n 64; ", question);
  EXPECT_EQ(ended.status, 3);
  EXPECT_EQ(std::count(ended.err.begin(), ended.err.end(), '\n'), 2) << ended.err;
  EXPECT_NE(ended.err.find("only 64 files may be open"), std::string::npos) << ended.err;
}

TEST_F(TerminalTest, AFileThatIsReplacedIsTold) {
  const std::string out = file("records.jsonl", "something of value\n");
  const std::string question = "calls " + demo + " -o " + out;
  EXPECT_NE(run(question).err.find("records.jsonl: is replaced"), std::string::npos);
  EXPECT_EQ(run(question + " -q").err, "");
  EXPECT_EQ(run("calls " + demo + " -o " + out + ".new").err.find("is replaced"),
            std::string::npos);
}

TEST_F(TerminalTest, StandardInputIsNotReadTwice) {
  const Ended ended = run("audit - -p - < /dev/null");
  EXPECT_EQ(ended.status, 2);
  EXPECT_EQ(ended.err, "rpcaudit: standard input cannot be a capture and a policy at once\n");
}

TEST_F(TerminalTest, InFilesARecordIsALine) {
  const Ended ended = run("audit --format text " + demo + " -p " + dcsync);
  EXPECT_EQ(std::count(ended.out.begin(), ended.out.end(), '\n'), 13);
  EXPECT_EQ(ended.err.find("...\n"), std::string::npos) << "nothing of the summary is cut";
}

}  // namespace
}  // namespace rpcaudit::app
