// What a monitor serves over HTTP, in network namespaces.

#include <arpa/inet.h>
#include <netinet/in.h>

#include <set>

#include "engine/app/operate/http_server.h"
#include "tests/app/live/live_program.h"

namespace rpcaudit::app {
namespace {

class HttpTest : public LiveTest {
 protected:
  static constexpr std::uint16_t kPort = 9909;

  [[nodiscard]] static int connect() {
    const int client = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_port = htons(kPort);
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    EXPECT_EQ(::connect(client, reinterpret_cast<sockaddr*>(&address), sizeof address), 0);
    const timeval patience{20, 0};
    ::setsockopt(client, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof patience);
    return client;
  }
  [[nodiscard]] static std::string get(const std::string& path, const std::string& method = "GET") {
    const int client = connect();
    const std::string request =
        method + " " + path + " HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n";
    (void)::send(client, request.data(), request.size(), MSG_NOSIGNAL);
    std::string answer;
    std::array<char, 4096> piece{};
    for (ssize_t got = 1; got > 0;) {
      got = ::recv(client, piece.data(), piece.size(), 0);
      if (got > 0) answer.append(piece.data(), static_cast<std::size_t>(got));
    }
    ::close(client);
    return answer;
  }
  // Once a status was published.
  [[nodiscard]] static std::string body_of(const std::string& path) {
    std::string answer;
    EXPECT_TRUE(wait_for([&] {
      answer = get(path);
      return answer.starts_with("HTTP/1.1 200");
    })) << answer;
    return answer.substr(std::min(answer.size(), answer.find("\r\n\r\n") + 4));
  }
  [[nodiscard]] static std::set<std::string> names_in(const std::string& text,
                                                      const std::string& pattern) {
    const std::regex expression(pattern);
    std::set<std::string> names;
    for (std::sregex_iterator it(text.begin(), text.end(), expression), end; it != end; ++it) {
      names.insert(it->str());
    }
    return names;
  }
};

TEST_F(HttpTest, MetricsCountWhatWasSeen) {
  LiveProgram live(folder, "-i far0 --http 9909 -p " + dcsync + " -o /dev/null");
  const std::vector<std::string> frames =
      sendable_frames(source_folder() + "/pcaps/dcsync-ntlm-privacy.pcap");
  ASSERT_FALSE(frames.empty());
  send(frames);
  std::string text;
  EXPECT_TRUE(wait_for([&] {
    text = body_of("/metrics");
    return text.find("\nrpcaudit_verdicts_total{action=\"would_block\"} 0\n") == std::string::npos;
  })) << text;
  for (const char* line :
       {"\nrpcaudit_interface_up{interface=\"far0\"} 1\n", "\nrpcaudit_last_reload_successful 1\n",
        "\nrpcaudit_output_up{output=\"/dev/null\"} 1\n",
        "\nrpcaudit_confinement{kind=\"no_capabilities\"} 1\n",
        "\nrpcaudit_rule_findings_total{rule=", "# HELP ", "# TYPE "}) {
    EXPECT_NE(text.find(line), std::string::npos) << line << "\n" << text;
  }
  EXPECT_EQ(body_of("/healthz"), "ok\n");
  EXPECT_NE(body_of("/status").find(R"("name": "far0")"), std::string::npos);
  EXPECT_TRUE(get("/etc/passwd").starts_with("HTTP/1.1 404"));
  EXPECT_TRUE(get("/metrics", "POST").starts_with("HTTP/1.1 405"));
  EXPECT_EQ(live.stop(), 0) << live.said();
}

TEST_F(HttpTest, SlowClientsDoNotKeepOthersWaiting) {
  LiveProgram live(folder, "-i far0 --http 127.0.0.1:9909 -o /dev/null");
  std::vector<int> silent;
  for (int i = 0; i < 10; ++i) silent.push_back(connect());
  EXPECT_EQ(body_of("/healthz"), "ok\n");
  for (const int client : silent) ::close(client);
  EXPECT_EQ(live.stop(), 0) << live.said();
}

TEST_F(HttpTest, PromtoolFindsNoFaultWithTheMetricsOrTheRules) {
  if (!run_shell("promtool --version > /dev/null 2>&1")) {
    GTEST_SKIP() << "promtool is missing: apt install prometheus";
  }
  LiveProgram live(folder, "-i far0 --http 9909 -o /dev/null -p " + dcsync);
  const std::string metrics = file("metrics", body_of("/metrics"));
  const std::string said = (folder / "said").string();
  EXPECT_TRUE(run_shell("promtool check metrics < " + metrics + " > " + said + " 2>&1"))
      << read_file(said);
  EXPECT_TRUE(run_shell("promtool check rules " + source_folder() +
                        "/engine/app/live/service/rpcaudit.rules.yml > " + said + " 2>&1"))
      << read_file(said);
  EXPECT_EQ(live.stop(), 0) << live.said();
}

TEST_F(HttpTest, DashboardAndRulesAskForMetricsThatAreServed) {
  LiveProgram live(folder, "-i far0 --http 9909 -o /dev/null -p " + dcsync);
  const std::set<std::string> served =
      names_in(body_of("/metrics"), "(rpcaudit|process)_[a-z0-9_]+");
  for (const char* name : {"grafana-dashboard.json", "rpcaudit.rules.yml"}) {
    const std::string path = source_folder() + "/engine/app/live/service/" + name;
    const std::set<std::string> asked =
        names_in(read_file(path), "\\b(rpcaudit|process)_[a-z0-9_]+");
    EXPECT_GT(asked.size(), 5u) << name;
    for (const std::string& metric : asked) EXPECT_TRUE(served.contains(metric)) << metric;
  }
  EXPECT_TRUE(run_shell("python3 -m json.tool " + source_folder() +
                        "/engine/app/live/service/grafana-dashboard.json > /dev/null"));
  EXPECT_EQ(live.stop(), 0) << live.said();
}

TEST_F(HttpTest, AnAddressThatCannotBeHadIsAnError) {
  LiveProgram live(folder, "-i far0 --http 9909 -o /dev/null");
  const Ended second = run("live -i far0 --http 127.0.0.1:9909 -o /dev/null");
  EXPECT_EQ(second.status, 3);
  EXPECT_NE(second.err.find("the port is in use"), std::string::npos) << second.err;
  EXPECT_EQ(live.stop(), 0) << live.said();
}

TEST_F(HttpTest, OthersThanThisHostAreWarnedOf) {
  LiveProgram live(folder, "-i far0 --http 0.0.0.0:9909 -o /dev/null");
  EXPECT_TRUE(live.says("other hosts can read")) << live.said();
  EXPECT_EQ(live.stop(), 0) << live.said();
}

TEST(HttpAddressTest, HasANumericHostAndAPort) {
  struct Case {
    const char* text;
    const char* host;
    const char* port;
    bool is_loopback;
  };
  const Case cases[] = {
      {"9909", "127.0.0.1", "9909", true},     {":9909", "127.0.0.1", "9909", true},
      {"127.3.2.1:1", "127.3.2.1", "1", true}, {"[::1]:65535", "::1", "65535", true},
      {"0.0.0.0:80", "0.0.0.0", "80", false},  {"[2001:db8::1]:80", "2001:db8::1", "80", false},
  };
  for (const Case& one : cases) {
    HttpAddress address;
    std::string error;
    ASSERT_TRUE(parse_http_address(one.text, address, error)) << error;
    EXPECT_EQ(address.host, one.host);
    EXPECT_EQ(address.port, one.port);
    EXPECT_EQ(address.is_loopback, one.is_loopback) << one.text;
  }
  for (const char* text : {"", ":", "localhost:80", "127.0.0.1", "127.0.0.1:", "127.0.0.1:65536",
                           "127.0.0.1:-1", "127.0.0.1:8x", "999.0.0.1:80", "[::1:80"}) {
    HttpAddress address;
    std::string error;
    EXPECT_FALSE(parse_http_address(text, address, error)) << text;
    EXPECT_FALSE(error.empty());
  }
}

}  // namespace
}  // namespace rpcaudit::app
