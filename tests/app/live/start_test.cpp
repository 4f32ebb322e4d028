// What keeps a monitor from starting, what --check says of it, and how a service manager hears of
// it.

#include <sys/un.h>

#include <cstring>

#include "engine/app/process/cpu_list.h"
#include "tests/app/live/live_program.h"

namespace rpcaudit::app {
namespace {

class StartTest : public LiveTest {};

// The same errors when it starts and when it is only checked, with the same exit status.
TEST_F(StartTest, ErrorsHaveTheirOwnWords) {
  struct Case {
    std::string arguments;
    int status;
    const char* text;
    std::string before = {};
  };
  const std::string socket = (folder / "control.sock").string();
  LiveProgram other(folder, "-i far0 -o /dev/null --http 9909 --control " + socket, "other");
  const std::string wrong = file("wrong.txt", "rpc filter\nadd rule layer=um actiontype=blook\n");
  const Case cases[] = {
      {"-i nowhere0", 3, "there is no such interface"},
      {"-i far0", 3, "CAP_NET_RAW", "setpriv --bounding-set -net_raw "},
      {"-i far0 -f 'no filter'", 2, "--filter"},
      {"-i far0 --http 127.0.0.1:9909", 3, "the port is in use"},
      {"-i far0 --http 192.0.2.1:80", 3, "192.0.2.1 port 80"},
      {"-i far0 --http somewhere:80", 3, "is not ADDRESS:PORT"},
      {"-i far0 --control " + socket, 3, "another monitor listens there"},
      {"-i far0 --control /nowhere/control.sock", 3, "--control: /nowhere/control.sock"},
      {"-i far0 -o /nowhere/records.jsonl", 3, "/nowhere/records.jsonl"},
      {"-i far0 -o " + folder.string(), 3, folder.c_str()},
      {"-i far0 --user nobody-of-this-name", 3, "there is no user"},
      {"-i far0 --memory 1", 2, "--memory"},
      {"-i far0 --cpu 9999", 2, "--cpu"},
      {"-i far0 -p " + wrong, 2, "blook"},
      {"-i far0 -p /nowhere/policy.txt", 2, "/nowhere/policy.txt"},
  };
  for (const Case& one : cases) {
    for (const char* check : {"", "--check "}) {
      const Ended ended = run_after(one.before, "live " + std::string(check) + one.arguments);
      EXPECT_EQ(ended.status, one.status) << check << one.arguments << "\n" << ended.err;
      EXPECT_NE(ended.err.find(one.text), std::string::npos) << one.arguments << ended.err;
    }
  }
  EXPECT_EQ(other.stop(), 0) << other.said();
}

TEST_F(StartTest, CheckSaysAllAndLeavesNothing) {
  const std::string socket = (folder / "control.sock").string();
  const std::string records = (folder / "records.jsonl").string();
  const Ended well = run("live --check -i far0 --workers 2 --http 9909 -p " + dcsync + " -o " +
                         records + " --control " + socket);
  EXPECT_EQ(well.status, 0) << well.err;
  EXPECT_NE(well.err.find("it would start"), std::string::npos) << well.err;
  EXPECT_FALSE(fs::exists(records));
  EXPECT_FALSE(fs::exists(socket));
  const Ended wrong =
      run("live --check -i nowhere0 --http 1:1:1:1 -p /nowhere/policy -o /nowhere/records");
  EXPECT_EQ(wrong.status, 2);
  for (const char* part : {"nowhere0", "--http", "/nowhere/policy", "/nowhere/records"}) {
    EXPECT_NE(wrong.err.find(part), std::string::npos) << part << wrong.err;
  }
}

TEST_F(StartTest, AServiceManagerHearsOfReadinessLifeAndEnd) {
  const std::string path = (folder / "notify").string();
  const int manager = ::socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  std::strncpy(address.sun_path, path.c_str(), sizeof address.sun_path - 1);
  ASSERT_EQ(::bind(manager, reinterpret_cast<sockaddr*>(&address), sizeof address), 0);
  const timeval patience{20, 0};
  ::setsockopt(manager, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof patience);
  ::setenv("NOTIFY_SOCKET", path.c_str(), 1);
  ::setenv("WATCHDOG_USEC", "1000000", 1);
  LiveProgram live(folder, "-i far0 -o /dev/null");
  ::unsetenv("NOTIFY_SOCKET");
  ::unsetenv("WATCHDOG_USEC");
  const auto next = [&] {
    std::array<char, 256> text{};
    const ssize_t size = ::recv(manager, text.data(), text.size(), 0);
    return std::string(text.data(), static_cast<std::size_t>(std::max<ssize_t>(size, 0)));
  };
  // The monitor may have looked around before the operation has started.
  std::string first = next();
  if (first == "WATCHDOG=1") first = next();
  EXPECT_EQ(first, "READY=1");
  EXPECT_EQ(next(), "WATCHDOG=1");
  EXPECT_EQ(next(), "WATCHDOG=1");
  live.signal(SIGTERM);
  std::string last = next();
  while (last == "WATCHDOG=1") last = next();
  EXPECT_EQ(last, "STOPPING=1");
  EXPECT_EQ(live.wait(), 0) << live.said();
  ::close(manager);
}

TEST_F(StartTest, UnitOfSystemdIsSound) {
  if (!run_shell("systemd-analyze --version > /dev/null 2>&1")) {
    GTEST_SKIP() << "systemd-analyze is missing";
  }
  const std::string text =
      read_file(source_folder() + "/engine/app/live/service/rpcaudit.service.in");
  const std::regex program("@CMAKE_INSTALL_FULL_BINDIR@/rpcaudit");
  const std::regex folder_of_settings("@CMAKE_INSTALL_FULL_SYSCONFDIR@");
  const std::string unit =
      file("rpcaudit.service", std::regex_replace(std::regex_replace(text, program, program_path()),
                                                  folder_of_settings, "/etc"));
  const std::string said = (folder / "said").string();
  EXPECT_TRUE(run_shell("systemd-analyze verify " + unit + " > " + said + " 2>&1"))
      << read_file(said);
  EXPECT_EQ(read_file(said).find("rpcaudit.service:"), std::string::npos) << read_file(said);
}

// The last worker may begin after the program has said that it captures.
TEST_F(StartTest, WorkersRunWhereTheyArePinned) {
  LiveProgram live(folder, "-i far0 -o /dev/null --workers 2 --cpu 0");
  const std::string tasks = "/proc/" + std::to_string(live.process()) + "/task";
  const auto all_are_pinned = [&] {
    std::size_t pinned = 0;
    for (const auto& task : fs::directory_iterator(tasks)) {
      const std::string status = read_file(task.path() / "status");
      if (status.find("Cpus_allowed_list:\t0\n") != std::string::npos) ++pinned;
    }
    return pinned >= 2;
  };
  EXPECT_TRUE(wait_for(all_are_pinned));
  EXPECT_EQ(live.stop(), 0) << live.said();
}

TEST(CpuListTest, HasNumbersAndRanges) {
  std::vector<unsigned> cpus;
  std::string error;
  EXPECT_TRUE(parse_cpu_list("0,0-0", cpus, error)) << error;
  EXPECT_EQ(cpus, (std::vector<unsigned>{0, 0}));
  for (const char* text :
       {"", ",", "0,", "a", "-", "0-", "-0", "1-0", "0x1", "1023", "99999999999"}) {
    EXPECT_FALSE(parse_cpu_list(text, cpus, error)) << text;
    EXPECT_FALSE(error.empty());
  }
}

}  // namespace
}  // namespace rpcaudit::app
