// Audits with a deployment file: each server by its own policy, with what is known of it.

#include <gtest/gtest.h>

#include <algorithm>
#include <string>

#include "tests/app/program.h"

namespace rpcaudit::app {
namespace {

class DeploymentProgramTest : public ProgramTest {
 protected:
  // How many records say both.
  static std::size_t count_records(const std::string& json, std::string_view a,
                                   std::string_view b) {
    std::istringstream lines(json);
    std::size_t count = 0;
    for (std::string line; std::getline(lines, line);) {
      if (line.find(a) != line.npos && line.find(b) != line.npos) ++count;
    }
    return count;
  }

  std::string deployment(std::string_view text) { return file("rpcaudit.toml", text); }
};

constexpr std::string_view kBlockDrsuapiTo =
    "add rule layer=um actiontype=block\n"
    "add condition field=if_uuid matchtype=equal data=e3514235-4b06-11d1-ab04-00c04fc2dcd2\n";

TEST_F(DeploymentProgramTest, EachServerIsJudgedByItsOwnPolicy) {
  file("block.txt", std::string(kBlockDrsuapiTo) + "add filter\n");
  const std::string config = deployment(
      "[[deployment]]\nname = 'first'\nservers = '10.77.0.1'\npolicies = 'block.txt'\n"
      "[[deployment]]\nname = 'second'\nservers = '10.77.0.2'\n");
  const Ended ended = run("calls -r " + demo + " -c " + config);
  EXPECT_EQ(ended.status, 0) << ended.err;
  // The recording has 52 drsuapi calls to one controller and 13 to the other, besides look-ups.
  const std::string drsuapi = "\"interface_name\":\"drsuapi\",\"operation\"";
  EXPECT_EQ(count_records(ended.out, "\"would_block\",\"deployment\":\"first\"", drsuapi), 52u);
  EXPECT_EQ(count_records(ended.out, "\"would_permit\",\"deployment\":\"second\"", drsuapi), 13u);
  EXPECT_EQ(count_records(ended.out, "\"would_block\"", "\"dest_ip\":\"10.77.0.2\""), 0u);
}

TEST_F(DeploymentProgramTest, AServerOfNoDeploymentIsNotJudgedAndThatIsSaid) {
  file("block.txt", std::string(kBlockDrsuapiTo) + "add filter\n");
  const std::string config =
      deployment("[[deployment]]\nname = 'x'\nservers = '10.77.0.1'\npolicies = 'block.txt'\n");
  const Ended ended = run("audit -r " + demo + " -c " + config);
  EXPECT_EQ(ended.status, 0) << ended.err;
  EXPECT_EQ(count_records(ended.out, "\"verdict\"", "\"dest_ip\":\"10.77.0.2\""), 0u);
  EXPECT_NE(ended.err.find("calls not judged: no deployment names the server"), std::string::npos)
      << ended.err;
}

TEST_F(DeploymentProgramTest, PoliciesOfTheCommandLineHoldForEveryServer) {
  const std::string policy = file("block.txt", std::string(kBlockDrsuapiTo) + "add filter\n");
  const std::string config = deployment("[[deployment]]\nname = 'x'\nservers = '10.77.0.1'\n");
  const Ended ended = run("audit -r " + demo + " -c " + config + " -p " + policy);
  EXPECT_EQ(count_records(ended.out, "\"would_block\",\"deployment\":\"x\"", ""), 52u);
  EXPECT_EQ(count_records(ended.out, "\"would_block\",\"deployment\":\"other servers\"", ""), 13u);
}

TEST_F(DeploymentProgramTest, AUserThatIsKnownDecidesWhatTheWireCannot) {
  const std::string policy =
      file("block.txt", std::string(kBlockDrsuapiTo) +
                            "add condition field=remote_user_token matchtype=equal "
                            "data=D:(A;;CC;;;DA)\n"
                            "add filter\n");
  const Ended without = run("audit -r " + demo + " -p " + policy);
  EXPECT_EQ(count_records(without.out, "\"would_block\"", "rpc_audit"), 0u);
  EXPECT_EQ(count_records(without.out, "\"undecidable\"", "remote_user_token"), 65u);

  // The administrator by name (NTLM), the controllers by address (Kerberos hides them), and the
  // two callers that nobody tells of.
  file("users.csv",
       "user,sid,groups\n"
       "corp\\it-admin,S-1-5-21-1-2-3-1104,DA\n"
       "corp\\dc1$,S-1-5-21-1-2-3-1000,DD\ncorp\\dc2$,S-1-5-21-1-2-3-1001,DD\n");
  const std::string config = deployment(
      "domain_sid = 'S-1-5-21-1-2-3'\nuser_tables = 'users.csv'\npolicies = 'block.txt'\n"
      "[[client]]\naddresses = '10.77.0.1'\nuser = 'corp\\dc1$'\n"
      "[[client]]\naddresses = '10.77.0.2'\nuser = 'corp\\dc2$'\n"
      "[[deployment]]\nname = 'all'\nservers = '*'\n");
  const Ended with = run("audit -r " + demo + " -c " + config);
  EXPECT_EQ(with.status, 0) << with.err;
  const std::size_t blocked = count_records(with.out, "\"would_block\"", "rpc_audit");
  EXPECT_EQ(count_records(with.out, "\"would_block\"", "\"user\":\"it-admin\""), blocked);
  EXPECT_GT(blocked, 5u);
  EXPECT_EQ(count_records(with.out, "\"undecidable\"", "\"src_ip\":\"10.77.0.2\""), 0u);
  EXPECT_EQ(count_records(with.out, "\"undecidable\"", "\"user\":"), 0u);
}

TEST_F(DeploymentProgramTest, ExplainSaysWhatTheDeploymentSays) {
  file("block.txt", std::string(kBlockDrsuapiTo) +
                        "add condition field=image_name matchtype=equal data=slsass.exe\n"
                        "add filter\n");
  const std::string config = deployment(
      "[[deployment]]\nname = 'dc'\nservers = '10.77.0.1'\npolicies = 'block.txt'\n"
      "[[deployment.image]]\nport = 49153\nimage = 'lsass.exe'\n");
  const Ended ended =
      run("explain -c " + config +
          " --call 'interface=drsuapi opnum=3 client=10.77.0.9 server=10.77.0.1 port=49153'");
  EXPECT_EQ(ended.status, 0) << ended.err;
  EXPECT_NE(ended.out.find("policy   of dc"), std::string::npos) << ended.out;
  EXPECT_NE(ended.out.find("would_block"), std::string::npos) << ended.out;
  const Ended other =
      run("explain -c " + config + " --call 'interface=drsuapi opnum=3 server=10.77.0.2'");
  EXPECT_NE(other.out.find("no deployment names the server"), std::string::npos) << other.out;
}

TEST_F(DeploymentProgramTest, CheckNamesWhatIsWrongInEveryFileOnce) {
  file("block.txt", "add rule layer=um actiontype=bock\n");
  const std::string config = deployment(
      "policies = 'block.txt'\n"
      "[[deployment]]\nservers = '10.77.0.1'\n[[deployment]]\nservers = '10.77.0.2'\n");
  const Ended ended = run("check -c " + config);
  EXPECT_EQ(ended.status, 2);
  const std::string place = "block.txt:1:";
  const std::size_t first = ended.out.find(place);
  ASSERT_NE(first, std::string::npos) << ended.out;
  EXPECT_NE(ended.out.find("[unknown-action]"), std::string::npos) << ended.out;
  EXPECT_EQ(ended.out.find("[unknown-action]", ended.out.find("[unknown-action]") + 1),
            std::string::npos);
}

TEST_F(DeploymentProgramTest, AnUnknownKeyIsAnErrorWithASuggestion) {
  const std::string config = deployment("polices = 'block.txt'\n");
  const Ended ended = run("audit -r " + demo + " -c " + config);
  EXPECT_EQ(ended.status, 2);
  EXPECT_NE(ended.err.find("rpcaudit.toml:1:1: error: unknown key `polices`"), std::string::npos)
      << ended.err;
  EXPECT_NE(ended.err.find("did you mean `policies`?"), std::string::npos) << ended.err;
}

TEST_F(DeploymentProgramTest, WorkersJudgeAsOneThreadDoes) {
  file("block.txt", std::string(kBlockDrsuapiTo) + "add filter\n");
  const std::string config = deployment(
      "[[deployment]]\nservers = '10.77.0.1'\npolicies = 'block.txt'\n"
      "[[deployment]]\nservers = '10.77.0.2'\n");
  const Ended one = run("calls -q -r " + demo + " -c " + config);
  const Ended two = run("calls -q --workers 2 -r " + demo + " -c " + config);
  EXPECT_EQ(one.out, two.out);
  EXPECT_FALSE(one.out.empty());
}

}  // namespace
}  // namespace rpcaudit::app
