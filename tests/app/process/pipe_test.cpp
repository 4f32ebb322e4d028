// Records leave the program while its input is still open: for `tcpdump -w - | rpcaudit calls -`.

#include <fcntl.h>
#include <gtest/gtest.h>
#include <poll.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <csignal>
#include <string>
#include <vector>

#include "tests/app/program.h"

namespace rpcaudit::app {
namespace {

// `rpcaudit` between two pipes.
class PipedProgram {
 public:
  explicit PipedProgram(std::vector<std::string> words) {
    std::array<int, 2> in{};
    std::array<int, 2> out{};
    if (::pipe2(in.data(), O_CLOEXEC) != 0 || ::pipe2(out.data(), O_CLOEXEC) != 0) std::abort();
    process_ = ::fork();
    if (process_ == 0) {
      ::dup2(in[0], STDIN_FILENO);
      ::dup2(out[1], STDOUT_FILENO);
      words.insert(words.begin(), program_path());
      std::vector<char*> arguments;
      for (std::string& word : words) arguments.push_back(word.data());
      arguments.push_back(nullptr);
      ::execv(arguments[0], arguments.data());
      ::_exit(127);
    }
    ::close(in[0]);
    ::close(out[1]);
    input_ = in[1];
    output_ = out[0];
  }
  ~PipedProgram() {
    ::close(input_);
    ::close(output_);
    ::kill(process_, SIGKILL);
    ::waitpid(process_, nullptr, 0);
  }

  void say(std::string_view bytes) const {
    while (!bytes.empty()) {
      const ssize_t written = ::write(input_, bytes.data(), bytes.size());
      ASSERT_GT(written, 0);
      bytes.remove_prefix(static_cast<std::size_t>(written));
    }
  }
  // What it writes until nothing comes for `quiet` milliseconds; at first it may take longer.
  [[nodiscard]] std::string hear(int quiet) const {
    constexpr int kAtFirst = 30'000;
    std::string text;
    std::array<char, 4096> part{};
    pollfd watched{output_, POLLIN, 0};
    while (::poll(&watched, 1, text.empty() ? kAtFirst : quiet) > 0) {
      const ssize_t count = ::read(output_, part.data(), part.size());
      if (count <= 0) break;
      text.append(part.data(), static_cast<std::size_t>(count));
    }
    return text;
  }

 private:
  pid_t process_ = -1;
  int input_ = -1;
  int output_ = -1;
};

class PipeTest : public ProgramTest, public testing::WithParamInterface<const char*> {};

TEST_P(PipeTest, RecordsLeaveWhileTheInputWaits) {
  const std::string capture = read_file(demo);
  const PipedProgram program({"calls", "-q", "-", "--workers", GetParam()});
  program.say(std::string_view(capture).substr(0, capture.size() / 2));  // amid a frame
  const std::string heard = program.hear(1'000);
  const std::string all = run("calls -q " + demo).out;
  ASSERT_GT(heard.size(), 10'000u);
  EXPECT_EQ(heard.back(), '\n') << "whole records";
  // Records name their capture by its path: none of standard input has one.
  EXPECT_EQ(heard.substr(0, heard.find(",\"src_ip\"")), all.substr(0, all.find(",\"src_ip\"")));
}

INSTANTIATE_TEST_SUITE_P(Workers, PipeTest, testing::Values("1", "2", "3", "8"));

}  // namespace
}  // namespace rpcaudit::app
