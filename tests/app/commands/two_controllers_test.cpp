// The example of all controls at once: what the README shows of it is what the program says.

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>

#include "tests/app/program.h"
#include "tests/support/places.h"

namespace rpcaudit::app {
namespace {

using testing::HasSubstr;

class TwoControllersTest : public ProgramTest {
 protected:
  const std::string config = source_folder() + "/pcaps/policies/two-controllers/deployment.toml";
};

TEST_F(TwoControllersTest, ThePoliciesAreWithoutFault) {
  const Ended ended = run("check --strict --target ws2025 --ignore lookups-refused -c " + config);
  EXPECT_EQ(ended.status, 0) << ended.out << ended.err;
}

TEST_F(TwoControllersTest, TheReadmeShowsTheSummaryAsItIs) {
  const Ended ended =
      run("audit -r " + demo + " -c " + config + " --what-if restrict_remote_clients=0..2");
  EXPECT_EQ(ended.status, 0);
  const std::string readme = read_file(source_folder() + "/engine/app/walkthrough.md");
  std::string shown = readme.substr(readme.find("What the other controls say"));
  shown = shown.substr(0, shown.find("```"));
  EXPECT_GT(shown.size(), 500u);
  std::istringstream lines(shown);
  for (std::string line; std::getline(lines, line);) {
    EXPECT_THAT(ended.err, HasSubstr(line + '\n'));
  }
}

TEST_F(TwoControllersTest, EachControlSpeaksForItself) {
  // One client that the IPsec policy keeps out, asking the endpoint mapper anonymously.
  const Ended ended = run("audit -q -r " + demo + " -c " + config);
  std::istringstream lines(ended.out);
  std::string line;
  while (std::getline(lines, line) && line.find("\"src_ip\":\"10.77.0.23\"") == line.npos) {
  }
  EXPECT_THAT(line, HasSubstr("\"action\":\"would_block\",\"deployment\":\"dc1\","));
  EXPECT_THAT(line, HasSubstr("{\"control\":\"ipsec\",\"action\":\"would_block\""));
  EXPECT_THAT(line,
              HasSubstr("{\"control\":\"interface_registration\",\"action\":\"would_permit\""));
  EXPECT_THAT(line,
              HasSubstr("{\"control\":\"restrict_remote_clients\",\"action\":\"would_block\""));
  EXPECT_THAT(line, HasSubstr("{\"control\":\"rpc_filter\",\"action\":\"would_permit\"}"));
}

TEST_F(TwoControllersTest, ExplainShowsTheRowThatApplies) {
  const Ended ended = run("explain -r " + demo + " -c " + config + " --frame 209");
  EXPECT_EQ(ended.status, 0) << ended.err;
  EXPECT_THAT(ended.out, HasSubstr("verdict  would_block by restrict_remote_clients\n"));
  EXPECT_THAT(ended.out, HasSubstr("restrict_remote_clients would_block [tcp-anonymous]\n"));
  EXPECT_THAT(ended.out, HasSubstr("ipsec would_permit [Allow Inbound TCP 135 Rule]\n"));
}

TEST_F(TwoControllersTest, WorkersCountAsOneThreadDoes) {
  const std::string command =
      "audit -r " + demo + " -c " + config + " --what-if restrict_remote_clients=0..2";
  const Ended one = run(command);
  const Ended three = run(command + " --workers 3");
  EXPECT_EQ(one.out, three.out);
  EXPECT_EQ(one.err, three.err);
}

}  // namespace
}  // namespace rpcaudit::app
