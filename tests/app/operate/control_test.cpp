// How a monitor is asked: requests and answers, the socket, and clients that mean no good.

#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>

#include <cstring>

#include "engine/app/operate/control_request.h"
#include "engine/app/operate/control_server.h"
#include "engine/app/operate/control_socket.h"
#include "engine/app/operate/order_box.h"
#include "engine/app/operate/status_text.h"
#include "tests/app/program.h"

namespace rpcaudit::app {
namespace {

TEST(ControlRequestTest, ReadsWhatItWrites) {
  const ControlRequest requests[] = {
      {ControlCommand::status, true},
      {ControlCommand::stop},
      {ControlCommand::netsh, false, {"rpc", "filter", "add", "condition", "data=a\"b\\\n"}},
  };
  for (const ControlRequest& request : requests) {
    std::string error;
    const std::string line = write_request(request);
    EXPECT_EQ(line.find('\n'), std::string::npos);
    EXPECT_EQ(read_request(line, error), request) << error;
  }
  const ControlAnswer answer{1, "done\n", "a `quoted` word\n"};
  EXPECT_EQ(read_answer(write_answer(answer)), answer);
}

TEST(ControlRequestTest, RefusesWhatIsNone) {
  const std::string deep(50'000, '[');
  const std::string texts[] = {
      "",
      "status",
      "[]",
      R"({"command":"explode"})",
      R"({"command":7})",
      R"({"command":"status","format":"xml"})",
      R"({"command":"netsh","words":"rpc"})",
      R"({"command":"netsh","words":[1]})",
      R"({"command":"status"} trailing)",
      "{\"command\":\"st\xff\"}",
      R"({"command":"netsh","words":["\udddd"]})",
      R"({"command":"netsh","script":"\udddd"})",
      deep,
      R"({"command":"status","words":)" + deep,
      std::string(kRequestBytesMax + 1, ' ') + R"({"command":"status"})",
  };
  for (const std::string& text : texts) {
    std::string error;
    EXPECT_FALSE(read_request(text, error)) << text.substr(0, 40);
    EXPECT_FALSE(error.empty());
  }
}

class ControlTest : public ProgramTest {
 protected:
  [[nodiscard]] std::string path() const { return (folder / "control.sock").string(); }

  [[nodiscard]] int connect() const {
    sockaddr_un address{};
    address.sun_family = AF_UNIX;
    std::strncpy(address.sun_path, path().c_str(), sizeof address.sun_path - 1);
    const int client = ::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    EXPECT_EQ(::connect(client, reinterpret_cast<sockaddr*>(&address), sizeof address), 0);
    return client;
  }
};

TEST_F(ControlTest, SocketIsForItsUserAndForOneMonitor) {
  std::string error;
  {
    ControlSocket first;
    ASSERT_TRUE(first.open(path(), error)) << error;
    struct stat status {};
    ASSERT_EQ(::lstat(path().c_str(), &status), 0);
    EXPECT_TRUE(S_ISSOCK(status.st_mode));
    EXPECT_EQ(status.st_mode & 07777u, 0600u);
    ControlSocket second;
    EXPECT_FALSE(second.open(path(), error));
    EXPECT_NE(error.find("another monitor"), std::string::npos) << error;
  }
  EXPECT_FALSE(fs::exists(path()));
}

TEST_F(ControlTest, SocketOfADeadMonitorIsReplacedAndAFileIsNot) {
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  std::strncpy(address.sun_path, path().c_str(), sizeof address.sun_path - 1);
  const int dead = ::socket(AF_UNIX, SOCK_STREAM, 0);
  ASSERT_EQ(::bind(dead, reinterpret_cast<sockaddr*>(&address), sizeof address), 0);
  ::close(dead);
  std::string error;
  {
    ControlSocket socket;
    EXPECT_TRUE(socket.open(path(), error)) << error;
  }
  file("control.sock", "precious");
  ControlSocket socket;
  EXPECT_FALSE(socket.open(path(), error));
  EXPECT_EQ(read_file(path()), "precious");
  EXPECT_FALSE(socket.open(std::string(200, 'x'), error));
  EXPECT_FALSE(socket.open("/nowhere/control.sock", error));
}

TEST_F(ControlTest, SlowAndHostileClientsDoNotKeepOthersWaiting) {
  std::string error;
  ControlSocket socket;
  ASSERT_TRUE(socket.open(path(), error)) << error;
  ControlServer server(socket.descriptor(), [](const ControlRequest&) {
    return ControlAnswer{0, "here\n", {}};
  });
  const int silent = connect();
  const int half = connect();
  ASSERT_EQ(::send(half, "{\"comm", 6, 0), 6);
  const int flood = connect();
  const std::string much(4 * kRequestBytesMax, 'x');
  (void)::send(flood, much.data(), much.size(), MSG_NOSIGNAL);  // is cut off
  const int gone = connect();
  ASSERT_GT(::send(gone, "{\"command\":\"status\"}\n", 21, 0), 0);
  ::close(gone);
  ControlAnswer answer;
  for (int i = 0; i < 20; ++i) {
    ASSERT_TRUE(ask_monitor(path(), {ControlCommand::status}, answer, error)) << error;
    EXPECT_EQ(answer.out, "here\n");
  }
  for (const int client : {silent, half, flood}) ::close(client);
}

TEST(OrderBoxTest, OrdersAreCarriedOutByTheThreadThatServes) {
  OrderBox box;
  const auto me = std::this_thread::get_id();
  std::atomic<bool> done{false};
  std::thread asker([&] {
    EXPECT_EQ(box.ask({ControlCommand::rotate}, std::chrono::seconds(30)).out, "rotated");
    done = true;
  });
  while (!done) {
    box.serve([&](const ControlRequest& request) {
      EXPECT_EQ(std::this_thread::get_id(), me);
      EXPECT_EQ(request.command, ControlCommand::rotate);
      return ControlAnswer{0, "rotated", {}};
    });
    std::this_thread::sleep_for(std::chrono::milliseconds(1));
  }
  asker.join();
  EXPECT_NE(box.ask({}, std::chrono::seconds(0)).err.find("busy"), std::string::npos);
  box.close();
  EXPECT_NE(box.ask({}, std::chrono::seconds(30)).err.find("stopping"), std::string::npos);
}

TEST(StatusTextTest, DurationsHaveTheirTwoLargestUnits) {
  const std::pair<std::int64_t, const char*> cases[] = {
      {0, "0 s"},    {59, "59 s"},        {60, "1 min"},           {3661, "1 h 1 min"},
      {3601, "1 h"}, {90'000, "1 d 1 h"}, {86'400 * 400, "400 d"},
  };
  for (const auto& [seconds, text] : cases) EXPECT_EQ(duration_text(seconds), text);
}

}  // namespace
}  // namespace rpcaudit::app
