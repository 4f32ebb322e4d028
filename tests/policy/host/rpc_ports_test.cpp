// Commands of Microsoft's article "How to configure RPC to use certain ports and how to help secure
// those ports by using IPsec", and what else the tools take (Windows 2000 Resource Kit,
// `ipsecpol`).

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "engine/policy/host/ipsec_command.h"
#include "tests/policy/host/host_reader.h"

namespace rpcaudit::policy {
namespace {

using namespace test;
using testing::ElementsAre;
using testing::IsEmpty;

// A filter as its parts: `source:port > destination:port/protocol`.
std::string text(const IpsecAddress& side) {
  std::string out = side.is_me       ? "me"
                    : side.mask == 0 ? "any"
                                     : to_string(IpAddress::v4(side.value));
  if (!side.is_me && side.mask != 0 && side.mask != 0xffff'ffff) {
    out += '/' + to_string(IpAddress::v4(side.mask));
  }
  return side.port == 0 ? out : out + ':' + std::to_string(side.port);
}

std::string text(const IpsecRule& rule) {
  std::string out(to_string(rule.action));
  for (const IpsecFilter& filter : rule.filters) {
    out += ' ' + text(filter.source) + (filter.mirrored ? " <> " : " > ") +
           text(filter.destination) + '/' + std::to_string(filter.protocol);
  }
  return out;
}

std::vector<std::string> rules(const ReadHost& read) {
  std::vector<std::string> lines;
  for (const IpsecPolicy& policy : read.host().ipsec.policies) {
    for (const IpsecRule& rule : policy.rules) lines.push_back(text(rule));
  }
  return lines;
}

struct Example {
  const char* name;
  const char* command;
  const char* rule_name;
  const char* rule;
};

// Every command of the article that makes a rule.
constexpr Example kExamples[] = {
    {"mapper_for_all",
     "%IPSECTOOL% -w REG -p \"Block RPC Ports\" -r \"Block Inbound TCP 135 Rule\" "
     "-f *=0:135:TCP -n BLOCK",
     "Block Inbound TCP 135 Rule", "BLOCK any > me:135/6"},
    {"mapper_windows_2000",
     "ipsecpol.exe -w REG -p \"Block RPC Ports\" -r \"Block Inbound TCP 135 Rule\" "
     "-f *=0:135:TCP -n BLOCK",
     "Block Inbound TCP 135 Rule", "BLOCK any > me:135/6"},
    {"mapper_windows_xp",
     "ipseccmd.exe -w REG -p \"Block RPC Ports\" -r \"Block Inbound TCP 135 Rule\" "
     "-f *=0:135:TCP -n BLOCK",
     "Block Inbound TCP 135 Rule", "BLOCK any > me:135/6"},
    {"port_windows_2000",
     "ipsecpol.exe -w REG -p \"Block RPC Ports\" -r \"Block Inbound TCP 5001 Rule\" "
     "-f *=0:5001:TCP -n BLOCK",
     "Block Inbound TCP 5001 Rule", "BLOCK any > me:5001/6"},
    {"port_windows_xp",
     "ipseccmd.exe -w REG -p \"Block RPC Ports\" -r \"Block Inbound TCP 5001 Rule\" "
     "-f *=0:5001:TCP -n BLOCK",
     "Block Inbound TCP 5001 Rule", "BLOCK any > me:5001/6"},
    {"mapper_for_a_subnet",
     "%IPSECTOOL% -w REG -p \"Block RPC Ports\" -r \"Allow Inbound TCP Port 135 from 10.1.1.0 "
     "Rule\" -f 10.1.1.0/255.255.255.0=0:135:TCP -n PASS",
     "Allow Inbound TCP Port 135 from 10.1.1.0 Rule", "PASS 10.1.1.0/255.255.255.0 > me:135/6"},
    {"port_for_a_subnet",
     "%IPSECTOOL% -w REG -p \"Block RPC Ports\" -r \"Allow Inbound TCP Port 5001 from 10.1.1.0 "
     "Rule\" -f 10.1.1.0/255.255.255.0=0:5001:TCP -n PASS",
     "Allow Inbound TCP Port 5001 from 10.1.1.0 Rule", "PASS 10.1.1.0/255.255.255.0 > me:5001/6"},
};

TEST(IpsecArticle, EveryExampleMakesTheRuleThatItDescribes) {
  for (const Example& example : kExamples) {
    const ReadHost read = read_host(example.command, false);
    EXPECT_THAT(read.complaints(), IsEmpty()) << example.name;
    ASSERT_EQ(read.host().ipsec.policies.size(), 1u) << example.name;
    const IpsecPolicy& policy = read.host().ipsec.policies[0];
    EXPECT_EQ(policy.name, "Block RPC Ports");
    EXPECT_FALSE(policy.dynamic);
    EXPECT_FALSE(policy.assigned);
    ASSERT_EQ(policy.rules.size(), 1u) << example.name;
    EXPECT_EQ(policy.rules[0].name, example.rule_name);
    EXPECT_EQ(text(policy.rules[0]), example.rule) << example.name;
  }
}

// The templates of the article, with its places not filled in.
TEST(IpsecArticle, PlacesToFillInAreErrorsButTheToolsName) {
  for (const char* command :
       {"%IPSECTOOL% -w REG -p \"Block RPC Ports\" -r \"Block Inbound TCP %PORT% Rule\" "
        "-f *=0:%PORT%:TCP -n BLOCK",
        "%IPSECTOOL% -w REG -p \"Block RPC Ports\" -r \"Allow Inbound TCP 135 from %SUBNET% Rule\" "
        "-f %SUBNET%/%MASK%=0:135:TCP -n PASS",
        "%IPSECTOOL% -w REG -p \"Block RPC Ports\" -r \"Allow Inbound TCP %PORT% from %SUBNET% "
        "Rule\" -f %SUBNET%/%MASK%=0:%PORT%:TCP -n PASS"}) {
    const ReadHost read = read_host(command, false);
    EXPECT_TRUE(read.says("unreplaced-variable")) << command;
    EXPECT_TRUE(read.host().ipsec.policies.empty()) << command;
  }
}

constexpr std::string_view kRule =
    "%IPSECTOOL% -w REG -p \"Block RPC Ports\" -r \"Block Inbound TCP 135 Rule\" "
    "-f *=0:135:TCP -n BLOCK\n";

TEST(IpsecArticle, AssignUnassignDeleteWithTheDashesOfThePage) {
  const std::string rule(kRule);
  const std::string assign = "%IPSECTOOL% -w REG -p \"Block RPC Ports\" \xe2\x80\x93x\n";
  const std::string unassign = "%IPSECTOOL% -w REG -p \"Block RPC Ports\" \xe2\x80\x93y\n";
  const std::string remove = "%IPSECTOOL% -w REG -p \"Block RPC Ports\" -o\n";
  const ReadHost assigned = read_host(rule + assign);
  EXPECT_THAT(assigned.complaints(), IsEmpty());
  EXPECT_TRUE(assigned.host().ipsec.policies[0].assigned);
  const ReadHost unassigned = read_host(rule + assign + unassign);
  EXPECT_FALSE(unassigned.host().ipsec.policies[0].assigned);
  EXPECT_THAT(unassigned.complaints(), ElementsAre("warning ipsec-unassigned 1"));
  EXPECT_TRUE(read_host(rule + assign + remove).host().ipsec.policies.empty());
  EXPECT_THAT(read_host(rule).complaints(), ElementsAre("warning ipsec-never-assigned 1"));
}

TEST(IpsecArticle, TheRangeOfTheArticleHas21Ports) {
  const ReadHost read = read_host("rpccfg.exe -pe 5001-5021 -d 0\n");
  EXPECT_THAT(read.complaints(), IsEmpty());
  const PortSettings& ports = read.host().ports;
  EXPECT_EQ(port_count(effective_port_ranges(ports)), 21u);
  EXPECT_TRUE(ports.ports_are_internet->value);
  EXPECT_TRUE(ports.use_internet->value);
  EXPECT_EQ(read.message("port-count"), "RPC services are given 5001-5021: 21 ports");
  // And the old default range 1024-5000 has 3,977, not 3,976.
  EXPECT_EQ(port_count({{1024, 5000}}), 3977u);
}

struct Spec {
  const char* text;
  const char* rule;
};

TEST(IpsecFilters, TakeEveryFormOfTheTools) {
  constexpr Spec kSpecs[] = {
      {"*=0", "BLOCK any > me/0"},
      {"*=0::", "BLOCK any > me/0"},
      {"*=0::icmp", "BLOCK any > me/1"},
      {"*=0:135", "BLOCK any > me:135/0"},
      {"*=0:135:tcp", "BLOCK any > me:135/6"},
      {"*+0:135:TCP", "BLOCK any <> me:135/6"},
      {"0:135=*::UDP", "BLOCK me:135 > any/17"},
      {"0=10.1.2.3:445:6", "BLOCK me > 10.1.2.3:445/6"},
      {"144.92.*.*=0:135:TCP", "BLOCK 144.92.0.0/255.255.0.0 > me:135/6"},
      {"0/255.255.255.255=10.0.0.0/255.0.0.0", "BLOCK me > 10.0.0.0/255.0.0.0/0"},
      {"10.1.1.7=0:135:TCP", "BLOCK 10.1.1.7 > me:135/6"},
      {"10.1.1.0/24=0:135:TCP", "BLOCK 10.1.1.0/255.255.255.0 > me:135/6"},
      {"10.1.1.9/255.255.255.0=0:135:TCP", "BLOCK 10.1.1.0/255.255.255.0 > me:135/6"},
      {"*:1024=0:135:RAW", "BLOCK any:1024 > me:135/255"},
  };
  for (const Spec& spec : kSpecs) {
    const ReadHost read = read_host("ipseccmd -f " + std::string(spec.text) + " -n BLOCK\n", false);
    ASSERT_EQ(rules(read).size(), 1u) << spec.text;
    EXPECT_EQ(rules(read)[0], spec.rule) << spec.text;
  }
}

TEST(IpsecFilters, MistakesAreToldWithTheirPlace) {
  for (const char* spec : {"*0:135:TCP", "*=0:99999:TCP", "*=0:135:TPC", "10.1.1=0", "=0:135:TCP",
                           "*=", "10.1.1.0/255.255=0", "host.example=0:135:TCP", "1.*.2.3=0",
                           "*/255.0.0.0=0", "0/255.0.0.0=*", "*::TCP=0:135:TCP", "*=0:1-5:TCP"}) {
    const ReadHost read = read_host("ipseccmd -f " + std::string(spec) + " -n BLOCK\n", false);
    EXPECT_TRUE(read.says("bad-ipsec-filter")) << spec;
    EXPECT_TRUE(rules(read).empty()) << spec;
  }
  const ReadHost read = read_host("ipseccmd -f 10.0.0.9/255.0.255.0=0:135:TCP -n BLOCK\n", false);
  EXPECT_THAT(read.complaints(), ElementsAre("warning mask-with-holes 1", "warning host-bits 1"));
}

TEST(IpsecCommands, FlagsMayStandInAnyOrderAndCase) {
  const ReadHost read = read_host(
      "ipseccmd \\\\srv -n BLOCK -p X:30 -F *=0:135:TCP *=0:5001:TCP -W reg -r r -X -soft\n");
  ASSERT_EQ(read.host().ipsec.policies.size(), 1u);
  EXPECT_EQ(read.host().ipsec.policies[0].name, "X");
  EXPECT_TRUE(read.host().ipsec.policies[0].assigned);
  EXPECT_THAT(rules(read), ElementsAre("BLOCK any > me:135/6 any > me:5001/6"));
}

TEST(IpsecCommands, ActionsDecideWhatAFilterDoes) {
  const auto action = [](const char* rest) {
    const ReadHost read = read_host("ipseccmd -f *=0:135:TCP " + std::string(rest) + "\n", false);
    return std::string(to_string(read.host().ipsec.policies.at(0).rules.at(0).action)) +
           (read.complaints().empty() ? "" : " !");
  };
  EXPECT_EQ(action("-n BLOCK"), "BLOCK");
  EXPECT_EQ(action("-n PASS"), "PASS");
  EXPECT_EQ(action("-n INPASS"), "INPASS");
  EXPECT_EQ(action("-n block"), "BLOCK !");
  EXPECT_EQ(action("-n ESP[3DES,SHA] -a KERBEROS"), "negotiate");
  EXPECT_EQ(action(""), "negotiate !");
  EXPECT_EQ(action("-n ESP[3DES,SHA] -t 10.0.0.1"), "negotiate !");
  EXPECT_EQ(rules(read_host("ipseccmd -f (*=0:135:TCP) -n BLOCK\n", false)).at(0),
            "PASS any > me:135/6");
  EXPECT_EQ(rules(read_host("ipseccmd -f [*=0:135:TCP] -n PASS\n", false)).at(0),
            "BLOCK any > me:135/6");
  const ReadHost bracketed = read_host("ipseccmd -f [*=0:135:TCP]\n", false);
  EXPECT_EQ(rules(bracketed).at(0), "BLOCK any > me:135/6");
  EXPECT_TRUE(bracketed.complaints().empty()) << "brackets are an action";
}

// At most one local policy is assigned; without -w rules are dynamic and live beside it.
TEST(IpsecCommands, OnlyOneStaticPolicyIsAssigned) {
  const ReadHost read = read_host(
      "ipsecpol -w REG -p A -r a -f *=0:135:TCP -n BLOCK -x\n"
      "ipsecpol -w REG -p B -r b -f *=0:135:TCP -n PASS -x\n"
      "ipsecpol -f *=0:5001:TCP -n BLOCK\n",
      false);
  EXPECT_THAT(read.complaints(), ElementsAre("warning ipsec-reassigned 2"));
  const IpsecSettings& ipsec = read.host().ipsec;
  ASSERT_EQ(ipsec.policies.size(), 3u);
  EXPECT_FALSE(ipsec.is_active(ipsec.policies[0]));
  EXPECT_TRUE(ipsec.is_active(ipsec.policies[1]));
  EXPECT_TRUE(ipsec.is_active(ipsec.policies[2]));
  IpsecSettings in_domain = ipsec;
  in_domain.domain_policy = true;
  EXPECT_FALSE(in_domain.is_active(in_domain.policies[1]));
  EXPECT_TRUE(in_domain.is_active(in_domain.policies[2]));
  EXPECT_EQ(read_host("ipsecpol -f *=0:5001:TCP -n BLOCK\nipsecpol -u\n", false)
                .host()
                .ipsec.policies.size(),
            0u);
}

struct Mistake {
  const char* command;
  const char* complaint;
};

TEST(IpsecCommands, MistakesAreTold) {
  constexpr Mistake kMistakes[] = {
      {"ipseccmd -w REG -p X -z", "error unknown-flag 1"},
      {"ipseccmd -w -p X -x", "error missing-value 1"},
      {"ipseccmd -w REG -p X -p Y -x", "error repeated-flag 1"},
      {"ipseccmd -w REG -p X -x", "warning unknown-ipsec-policy 1"},
      {"ipseccmd -p X -x", "error no-ipsec-policy 1"},
      {"ipseccmd -w REG -p X -r r -n BLOCK", "warning no-ipsec-filter 1"},
      {"ipseccmd -w DS:corp -p X -r r -f *=0:135:TCP -n BLOCK", "warning ipsec-store 1"},
      {"ipseccmd -w REG -p X -f *=0:135:TCP -n BLOCK", "warning no-ipsec-rule-name 1"},
      {"ipseccmd -f default -n BLOCK", "warning ipsec-filter-ignored 1"},
      {"ipseccmd -f [*=0:135:TCP] *=0:136:TCP -n PASS", "error mixed-ipsec-actions 1"},
      {"rpccfg -q", "error unknown-flag 1"},
      {"rpccfg -pe", "error missing-value 1"},
      {"rpccfg -pe 5021-5001 -d 0", "error bad-port 1"},
      {"rpccfg -pe 5001-5021 -d", "error missing-value 1"},
      {"rpccfg", "warning no-ports 1"},
      {"rpccfg -pe 5001-5021 -d 0\nfor /L %i in (1,1,2) do rpccfg -pe 1", "error loop 2"},
      {"rpccfg -pe 5001-5021 -d 0\nfor /L %i in (1,1,2) do (", "warning loop 2"},
      {"rpccfg -pe 5001-5021 -d 0\nfrobnicate", "warning unknown-program 2"},
      {"rpccfg -pe 5001-5021 -d 0\nrpccfg -pe 6001-6021 -d 0", "warning contradicting-value 2"},
      {"rpccfg -d 0", "error incomplete-ports 1"},
      {"netsh int ipv4 set dynamicport tcp start=80 num=10", "error bad-port 1"},
  };
  for (const Mistake& mistake : kMistakes) {
    EXPECT_THAT(read_host(mistake.command).complaints(), testing::Contains(mistake.complaint))
        << mistake.command;
  }
}

TEST(IpsecCommands, BoundPoliciesAndTheirRules) {
  const auto script = [](std::size_t count, auto line) {
    std::string text = "@echo off\n";
    for (std::size_t i = 0; i < count; ++i) text += line(std::to_string(i)) + "\n";
    return read_host(text, false);
  };
  const ReadHost rules = script(IpsecCommands::kRulesMax + 2, [](const std::string& number) {
    return "ipsecpol -w REG -p P -r r" + number + " -f *+0:135:TCP -n BLOCK";
  });
  EXPECT_EQ(rules.host().ipsec.policies[0].rules.size(), IpsecCommands::kRulesMax);
  EXPECT_TRUE(rules.says("too-many-ipsec-rules"));
  const ReadHost policies = script(IpsecCommands::kPoliciesMax + 2, [](const std::string& number) {
    return "ipsecpol -w REG -p P" + number + " -r r -f *+0:135:TCP -n BLOCK";
  });
  EXPECT_EQ(policies.host().ipsec.policies.size(), IpsecCommands::kPoliciesMax);
  EXPECT_TRUE(policies.says("too-many-ipsec-policies"));
}

TEST(HostScripts, MixProgramsAsBatchFilesDo) {
  const ReadHost read = read_host(
      "@echo off\n"
      "rem RPC on dc1\n"
      "rpccfg -pe 6001-6100 -d 0 & netsh int ipv4 set dynamicport tcp start=10000 num=1000\n"
      "netsh rpc filter add rule layer=um actiontype=block\n"
      "netsh rpc filter add condition field=if_uuid matchtype=equal "
      "data=e3514235-4b06-11d1-ab04-00c04fc2dcd2\n"
      "netsh rpc filter add filter\n");
  EXPECT_EQ(read.policy.filters.size(), 1u);
  EXPECT_EQ(ports_text(effective_port_ranges(read.host().ports)), "6001-6100");
  ASSERT_TRUE(read.host().ports.system_range);
  EXPECT_EQ(read.host().ports.system_range->value, (PortRange{10000, 10999}));
}

std::string block(int port) {
  const std::string number = std::to_string(port);
  return "ipseccmd -w REG -p P -r \"Block " + number + "\" -f *=0:" + number + ":TCP -n BLOCK\n";
}
std::string pass(int port) {
  const std::string number = std::to_string(port);
  return "ipseccmd -w REG -p P -r \"Pass " + number + "\" -f 10.1.1.0/255.255.255.0=0:" + number +
         ":TCP -n PASS\n";
}
const std::string kAssign = "ipseccmd -w REG -p P -x\n";

TEST(IpsecChecks, ASubnetThatReachesTheMapperNeedsEveryPort) {
  const std::string blocks = block(135) + block(5001) + block(5002);
  const std::string ports = "rpccfg -pe 5001-5002 -d 0\n";
  const ReadHost incomplete = read_host(ports + blocks + pass(135) + pass(5001) + kAssign);
  EXPECT_THAT(incomplete.complaints(), ElementsAre("warning ipsec-subnet-incomplete 5"));
  EXPECT_NE(incomplete.message("ipsec-subnet-incomplete").find("10.1.1.0/255.255.255.0"),
            std::string::npos);
  EXPECT_NE(incomplete.message("ipsec-subnet-incomplete").find("ports 5002 "), std::string::npos);
  EXPECT_THAT(
      read_host(ports + blocks + pass(135) + pass(5001) + pass(5002) + kAssign).complaints(),
      IsEmpty());
}

TEST(IpsecChecks, EveryPortOfTheRangeIsToBeBlocked) {
  const ReadHost read =
      read_host("rpccfg -pe 5001-5021 -d 0\n" + block(135) + block(5001) + block(5003) + kAssign);
  EXPECT_THAT(read.complaints(), ElementsAre("warning ipsec-range-not-blocked 1"));
  EXPECT_NE(read.message("ipsec-range-not-blocked").find("5002, 5004-5021"), std::string::npos);
}

TEST(IpsecChecks, APassWithoutABlockDoesNothing) {
  EXPECT_THAT(read_host(pass(135) + kAssign).complaints(),
              ElementsAre("warning ipsec-pass-without-block 1"));
}

TEST(IpsecChecks, APortInTheNameIsThatOfTheFilter) {
  const ReadHost read = read_host(
      "ipseccmd -w REG -p P -r \"Block Inbound TCP 5001 Rule\" -f *=0:5002:TCP -n BLOCK -x\n"
      "ipseccmd -w REG -p P -r \"from 10.1.1.0\" -f *=0:5003:TCP -n BLOCK\n"
      "ipseccmd -w REG -p P -r \"From 10.1.1.0\" -f *=0:5004:TCP -n BLOCK\n");
  EXPECT_THAT(read.complaints(),
              ElementsAre("warning repeated-ipsec-rule 3", "warning ipsec-rule-name 1"));
}

TEST(IpsecChecks, APolicyOfTheDomainTakesThePlaceOfALocalOne) {
  ReadHost read = read_host(block(135) + kAssign, false);
  read.policy.host.ipsec.domain_policy = true;
  validate(read.policy, read.diagnostics);
  EXPECT_THAT(read.complaints(), ElementsAre("warning ipsec-domain-policy 1"));
}

TEST(Ports, InsideTheDynamicPortsTheRangeIsShared) {
  EXPECT_THAT(read_host("rpccfg -pe 50000-50100 -d 0\n").complaints(),
              ElementsAre("warning ports-overlap 1"));
}

}  // namespace
}  // namespace rpcaudit::policy
