// What `check` says of the effect of a policy: the calls that it stops of those that a domain lives
// on, and those that it leaves open of a technique.

#include "engine/app/commands/policy_reach.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "engine/app/commands/policy_table.h"
#include "engine/audit/catalogue/attack_techniques.h"
#include "engine/audit/catalogue/catalogue.h"
#include "engine/policy/policy_text.h"

namespace rpcaudit::app {
namespace {

using testing::AllOf;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::Not;

policy::Policy policy_of(std::string_view text) {
  policy::Policy policy;
  std::vector<policy::Diagnostic> diagnostics;
  policy::read_policy(text, "policy.txt", policy, diagnostics);
  for (const policy::Diagnostic& one : diagnostics) {
    EXPECT_NE(one.severity, policy::Severity::error) << format(one, policy.files);
  }
  return policy;
}

std::string block(std::string_view conditions) {
  return "rpc filter\nadd rule um block\n" + std::string(conditions) + "add filter\n";
}

struct Reach {
  const char* about;
  std::string policy;
  std::vector<const char*> says;
};

TEST(VitalCalls, ThatAPolicyStopsAreTold) {
  const Reach kReaches[] = {
      {"an interface",
       block("add condition if_uuid equal e3514235-4b06-11d1-ab04-00c04fc2dcd2\n"),
       {"replication", "drsuapi", "all operations, for everybody on every target"}},
      {"an operation that some targets ignore, or refuse",
       block("add condition if_uuid equal e3514235-4b06-11d1-ab04-00c04fc2dcd2\n"
             "add condition opnum equal 3\n"),
       {"IDL_DRSGetNCChanges, for everybody on documented, ws2025, w11-24h2, w11-25h2",
        "all operations, for everybody on ws2019, ws2022, w10"}},
      {"one way to authenticate",
       block("add condition if_uuid equal 12345778-1234-abcd-ef00-0123456789ac\n"
             "add condition auth_type equal 10\n"),
       {"samr                TCP   all operations, for NTLM on every target"}},
      {"a transport",
       block("add condition protocol equal ncacn_np\n"),
       {"netlogon            pipe  all operations, for everybody", "svcctl              pipe"}},
      {"a group that nobody tells of",
       block("add condition if_uuid equal 367abb81-9844-35f1-ad32-98f038001003\n"
             "add condition remote_user_token equal D:(A;;CC;;;DA)\n"),
       {"perhaps all operations, for NTLM, Kerberos"}},
      {"RestrictRemoteClients",
       "reg add \"HKLM\\SOFTWARE\\Policies\\Microsoft\\Windows NT\\Rpc\" /v RestrictRemoteClients "
       "/t REG_DWORD /d 2\n",
       {"netlogon            TCP   all operations, for anonymous"}},
      {"IPsec, on the port of the mapper",
       "ipseccmd -f *=0:135:TCP -n BLOCK\n",
       {"epmapper            TCP   all operations, for everybody on every target"}},
      {"IPsec, on the port of pipes",
       "ipseccmd -f *=0:445:TCP -n BLOCK\n",
       {"svcctl              pipe  all operations, for everybody on every target"}},
  };
  for (const Reach& row : kReaches) {
    const std::string text = vital_text(policy_of(row.policy), {});
    for (const char* const part : row.says) EXPECT_THAT(text, HasSubstr(part)) << row.about;
  }
}

TEST(VitalCalls, ThatAPolicyDoesNotStopAreNotNamed) {
  EXPECT_THAT(vital_text(policy_of(block("add condition if_uuid equal "
                                         "c681d488-d850-11d0-8c52-00c04fd90f7e\n")),
                         {}),
              IsEmpty());
  evaluate::EvaluationOptions options;
  options.target = policy::Target::ws2016;
  const policy::Policy refused =
      policy_of(block("add condition if_uuid equal e3514235-4b06-11d1-ab04-00c04fc2dcd2\n"
                      "add condition opnum equal 3\n"));
  EXPECT_THAT(vital_text(refused, options), IsEmpty());
}

TEST(Technique, ShowsWhatStaysOpenFirst) {
  const policy::Policy policy =
      policy_of(block("add condition if_uuid equal c681d488-d850-11d0-8c52-00c04fd90f7e\n") +
                block("add condition protocol equal ncacn_np\nadd condition if_uuid equal "
                      "12345678-1234-abcd-ef00-0123456789ab\n"));
  const std::string text = technique_text(policy, {}, "T1187");
  EXPECT_THAT(text, AllOf(HasSubstr("efsrpc.EfsRpcOpenFileRaw"), HasSubstr("open on every target"),
                          HasSubstr("stopped on every target")));
  const std::size_t open = text.find("spoolss.RpcRemoteFindFirstPrinterChangeNotificationEx");
  ASSERT_NE(open, std::string::npos);
  EXPECT_THAT(text.substr(open, text.find('\n', open) - open), HasSubstr("TCP   open"));
  EXPECT_LT(text.rfind("open on every"), text.find("stopped on every"));
}

TEST(Technique, HasOperationsThatTheCatalogueKnows) {
  std::string_view last;
  for (const audit::AttackOperation& one : audit::attack_operations()) {
    EXPECT_LE(last, one.technique);  // in order, so that each technique is one piece
    last = one.technique;
    EXPECT_FALSE(audit::interface_name(one.interface).empty()) << to_string(one.interface);
    EXPECT_FALSE(audit::operation_name(one.interface, one.opnum).empty())
        << to_string(one.interface) << ' ' << one.opnum;
  }
  EXPECT_TRUE(audit::attack_operations("T9999").empty());
  EXPECT_FALSE(audit::attack_operations("T1003.006").empty());
}

TEST(PolicyTable, HasFiltersInTheOrderThatDecidesAndDefaults) {
  const std::string text = policy_table(policy_of(
      "netsh rpc filter delete filter all\n"
      "reg add \"HKLM\\SOFTWARE\\Policies\\Microsoft\\Windows NT\\Rpc\" /v RestrictRemoteClients "
      "/t REG_DWORD /d 1\nrpccfg -pe 5001-5021 -d 0\n"
      "ipseccmd -w REG -p P -r r -f *=0:135:TCP -n BLOCK -x\n"));
  EXPECT_THAT(text, AllOf(HasSubstr("RestrictRemoteClients         1  policy.txt:2"),
                          HasSubstr("EnableAuthEpResolution        not set: 0"),
                          HasSubstr("RPC services are given 5001-5021"),
                          HasSubstr("IPsec policy P, in force\n  block     *=0:135:TCP")));
  const std::string filters = policy_table(
      policy_of("rpc filter\nadd rule um block\nadd condition opnum equal 1\nadd filter\n"
                "add rule um permit persistence=volatile\nadd condition if_uuid equal "
                "e3514235-4b06-11d1-ab04-00c04fc2dcd2\nadd filter\n"));
  EXPECT_LT(filters.find("permit um"), filters.find("block um"));
  EXPECT_THAT(filters, HasSubstr("until the system restarts"));
  EXPECT_THAT(policy_table({}), IsEmpty());
}

}  // namespace
}  // namespace rpcaudit::app
