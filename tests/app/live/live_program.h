#pragma once

#include <fcntl.h>
#include <gtest/gtest.h>
#include <linux/if_packet.h>
#include <net/ethernet.h>
#include <net/if.h>
#include <sched.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <chrono>
#include <csignal>
#include <cstdlib>
#include <fstream>
#include <functional>
#include <regex>
#include <string>
#include <string_view>
#include <thread>
#include <utility>
#include <vector>

#include "capture/frame.h"
#include "capture/pcap_file.h"
#include "tests/app/program.h"

namespace rpcaudit::app {

inline bool run_shell(const std::string& command) { return std::system(command.c_str()) == 0; }

// Waits until `is_met`, for as long as a busy machine may take; false when it never is.
inline bool wait_for(const std::function<bool()>& is_met) {
  const auto end = std::chrono::steady_clock::now() + std::chrono::seconds(30);
  while (!is_met()) {
    if (std::chrono::steady_clock::now() > end) return false;
    std::this_thread::sleep_for(std::chrono::milliseconds(20));
  }
  return true;
}

// Puts this process into namespaces of its own, where it may make interfaces, once. False where
// that is not to be had.
inline bool enter_namespaces() {
  static const bool entered = [] {
    const uid_t user = ::geteuid();
    const gid_t group = ::getegid();
    if (::unshare(CLONE_NEWUSER | CLONE_NEWNET) != 0) return false;
    const auto write = [](const char* path, const std::string& text) {
      std::ofstream file(path);
      file << text << std::flush;
      return file.good();
    };
    return write("/proc/self/setgroups", "deny") &&
           write("/proc/self/uid_map", "0 " + std::to_string(user) + " 1") &&
           write("/proc/self/gid_map", "0 " + std::to_string(group) + " 1") &&
           run_shell("ip link set lo up 2> /dev/null");
  }();
  return entered;
}

// Two interfaces with a wire between them: what is sent on one is received on the other.
class Wire {
 public:
  Wire() = default;
  Wire(const Wire&) = delete;
  Wire& operator=(const Wire&) = delete;
  ~Wire() { remove(); }

  void make() {
    ASSERT_TRUE(
        run_shell("ip link add near0 mtu 65535 type veth peer name far0 mtu 65535 && "
                  "ip link set near0 up && ip link set far0 up"));
    sender_ = ::socket(AF_PACKET, SOCK_RAW | SOCK_CLOEXEC, 0);
    sockaddr_ll address{};
    address.sll_family = AF_PACKET;
    address.sll_ifindex = static_cast<int>(::if_nametoindex("near0"));
    ASSERT_EQ(::bind(sender_, reinterpret_cast<sockaddr*>(&address), sizeof address), 0);
  }
  void remove() {
    if (sender_ >= 0) ::close(std::exchange(sender_, -1));
    (void)run_shell("ip link delete near0 2> /dev/null");
  }

  // Waits while the wire is busy.
  void send(Bytes frame) const {
    for (;;) {
      const ssize_t sent = ::send(sender_, frame.data(), frame.size(), 0);
      if (sent == static_cast<ssize_t>(frame.size())) return;
      ASSERT_TRUE(sent < 0 && (errno == ENOBUFS || errno == EAGAIN || errno == EINTR)) << errno;
    }
  }

 private:
  int sender_ = -1;
};

// The frames of a capture; none when not all of them can be sent over a wire as they are.
inline std::vector<std::string> sendable_frames(const fs::path& path) {
  const std::array<std::string, 1> paths = {path.string()};
  const capture::OpenedCaptures opened = capture::open_captures(paths, {});
  std::vector<std::string> frames;
  std::array<Frame, 64> batch;
  for (;;) {
    const capture::ReadResult result = opened.source->read(batch);
    if (result.status == capture::ReadStatus::end) return frames;
    for (std::size_t i = 0; i < result.count; ++i) {
      const Frame& frame = batch[i];
      constexpr std::size_t kHeader = 14;
      if (frame.link != LinkType::ethernet || frame.bytes.size() < kHeader ||
          frame.bytes.size() < frame.original_length || frame.bytes.size() > 65535) {
        return {};
      }
      frames.emplace_back(reinterpret_cast<const char*>(frame.bytes.data()), frame.bytes.size());
    }
  }
}

// `rpcaudit live` as a process.
class LiveProgram {
 public:
  // Starts it and waits until it captures; its standard output and error go to files of `folder`.
  LiveProgram(const fs::path& folder, const std::string& arguments,
              const std::string& name = "live")
      : out_(folder / (name + ".out")), err_(folder / (name + ".err")) {
    fs::remove(out_);
    fs::remove(err_);
    const std::string command = "exec " + program_path() + " live -v " + arguments + " > " +
                                out_.string() + " 2> " + err_.string();
    process_ = ::fork();
    if (process_ == 0) {
      ::execl("/bin/sh", "sh", "-c", command.c_str(), nullptr);
      ::_exit(127);
    }
    EXPECT_TRUE(wait_for([this] { return says("capturing") || has_ended(); })) << said();
  }
  LiveProgram(const LiveProgram&) = delete;
  LiveProgram& operator=(const LiveProgram&) = delete;
  ~LiveProgram() {
    if (status_ < 0) {
      ::kill(process_, SIGKILL);
      ::waitpid(process_, nullptr, 0);
    }
  }

  [[nodiscard]] std::string said() const { return read_file(err_); }
  [[nodiscard]] bool says(std::string_view text) const {
    return said().find(text) != std::string::npos;
  }
  [[nodiscard]] std::string written() const { return read_file(out_); }
  [[nodiscard]] pid_t process() const { return process_; }
  void signal(int number) const { ::kill(process_, number); }

  // Its exit status, once a signal has ended it; 128 and the signal when it died of that.
  int stop(int number = SIGTERM) {
    signal(number);
    return wait();
  }
  int wait() {
    EXPECT_TRUE(wait_for([this] { return has_ended(); })) << said();
    return status_;
  }

 private:
  bool has_ended() {
    int status = 0;
    if (status_ < 0 && ::waitpid(process_, &status, WNOHANG) == process_) {
      status_ = WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
    }
    return status_ >= 0;
  }

  fs::path out_;
  fs::path err_;
  pid_t process_ = -1;
  int status_ = -1;
};

// Records without what differs from one run to the next: when, and in which frame of which input,
// and what is made of these.
// Sorted; counters and policies are left out.
inline std::vector<std::string> comparable_records(const std::string& records) {
  static const std::regex kOwn(
      R"re("(timestamp|pcap|in_iface)":"[^"]*",?)re"
      R"re(|"(flow_id|frame|outcome_frame|rtt|since_frame)":-?[0-9.]+,?)re");
  std::vector<std::string> lines;
  std::istringstream text(records);
  for (std::string line; std::getline(text, line);) {
    if (line.find(R"("event_type":"stats")") != std::string::npos) continue;
    if (line.find(R"("event_type":"policy")") != std::string::npos) continue;
    lines.push_back(std::regex_replace(line, kOwn, ""));
  }
  std::sort(lines.begin(), lines.end());
  return lines;
}

// Frames that the last record of counters says were captured.
inline std::uint64_t frames_captured(const std::string& records) {
  const std::size_t stats = records.rfind(R"("interfaces":[)");
  if (stats == std::string::npos) return 0;
  constexpr std::string_view kFrames = R"("frames":)";
  const std::size_t at = records.find(kFrames, stats);
  return std::strtoull(records.c_str() + at + kFrames.size(), nullptr, 10);
}

class LiveTest : public ProgramTest {
 protected:
  void SetUp() override {
    if (!enter_namespaces()) GTEST_SKIP() << "no namespaces, or no `ip`: nothing to capture from";
    wire = std::make_unique<Wire>();
    wire->make();
    ASSERT_FALSE(HasFatalFailure());
  }

  void send(const std::vector<std::string>& frames) const {
    for (const std::string& frame : frames) wire->send(std::as_bytes(std::span(frame)));
  }

  std::unique_ptr<Wire> wire;
};

}  // namespace rpcaudit::app
