#include "engine/evaluate/server_policies.h"

#include <gtest/gtest.h>

#include <random>
#include <string>
#include <vector>

namespace rpcaudit::evaluate {
namespace {

policy::Subnet subnet(std::string_view address, std::uint8_t prefix) {
  return {parse_ip(address).value(), prefix, {}};
}

TEST(ServerPolicies, TheLongestPrefixCounts) {
  ServerPolicies policies;
  for (const char* name : {"host", "near", "far", "others"}) (void)policies.add({}, {}, {}, name);
  policies.bind(subnet("10.1.0.0", 112), 2);
  policies.bind(subnet("10.1.2.3", 128), 0);
  policies.bind(subnet("10.1.2.0", 120), 1);
  policies.bind(subnet("10.1.3.0", 120), 1);
  EXPECT_EQ(policies.find(*parse_ip("10.1.2.3")), 0u);
  EXPECT_EQ(policies.find(*parse_ip("10.1.2.4")), 1u);
  EXPECT_EQ(policies.find(*parse_ip("10.1.3.4")), 1u);
  EXPECT_EQ(policies.find(*parse_ip("10.1.4.4")), 2u);
  EXPECT_EQ(policies.find(*parse_ip("10.2.0.1")), kNoPolicy);
  EXPECT_EQ(policies.find(*parse_ip("fe80::1")), kNoPolicy);
  policies.bind_others(3);
  EXPECT_EQ(policies.find(*parse_ip("fe80::1")), 3u);
}

// The look-up by lengths and the walk through the file are two ways to one answer.
TEST(ServerPolicies, FindWhatTheDeploymentFileSays) {
  std::mt19937 random(1);
  std::uniform_int_distribution<int> byte(0, 3);
  std::uniform_int_distribution<int> length(104, 128);
  for (int round = 0; round < 200; ++round) {
    policy::DeploymentFile file;
    ServerPolicies policies;
    for (std::uint32_t i = 0; i < 6; ++i) {
      policy::Subnet servers = subnet("10.0.0.0", static_cast<std::uint8_t>(length(random)));
      for (unsigned bit = 104; bit < servers.prefix; ++bit) {
        const auto mask = static_cast<std::uint8_t>(0x80 >> bit % 8);
        if (byte(random) == 0) servers.address.bytes[bit / 8] |= mask;
      }
      file.deployments.emplace_back().servers = {servers};
      policies.bind(servers, policies.add({}, {}, {}, "x"));
    }
    for (int i = 0; i < 50; ++i) {
      IpAddress server = IpAddress::v4(0x0a000000);
      for (std::size_t at = 13; at < 16; ++at) {
        server.bytes[at] = static_cast<std::uint8_t>(byte(random) << 6 | byte(random));
      }
      const std::size_t expected = policy::find_deployment(file, server);
      const std::uint32_t found = policies.find(server);
      if (expected == policy::kNoDeployment) {
        ASSERT_EQ(found, kNoPolicy);
      } else {  // of two that are written alike either may be meant; a file has no such two
        ASSERT_NE(found, kNoPolicy);
        ASSERT_EQ(file.deployments[found].servers[0].address,
                  file.deployments[expected].servers[0].address);
        ASSERT_EQ(file.deployments[found].servers[0].prefix,
                  file.deployments[expected].servers[0].prefix);
      }
    }
  }
}

class HostKnowledgeTest : public testing::Test {
 protected:
  HostKnowledgeTest() {
    facts_.images = {
        {"first.exe", 49153, std::nullopt, std::nullopt, {}},
        {"lsass.exe", std::nullopt, "\\pipe\\lsarpc", std::nullopt, {}},
        {"spooler.exe", std::nullopt, std::nullopt, kInterface, {}},
    };
    facts_.users.resize(2);
    facts_.users[0].name = "corp\\alice";
    facts_.users[1].name = "corp\\dc2$";
    facts_.client_users = {{subnet("10.77.0.0", 120), "corp\\alice", {}},
                           {subnet("10.77.0.2", 128), "corp\\dc2$", {}}};
  }

  std::string image(const ContextFacts& context) {
    ContextFacts completed = context;
    const HostKnowledge knowledge(facts_);
    knowledge.complete(completed);
    return std::string(completed.image_name.value_or("-"));
  }

  // The user that the call is taken to be made by.
  std::string user(std::string_view name, std::string_view client, Truth authenticated) {
    dissect::RpcContext context;
    context.client.address = parse_ip(client).value();
    dissect::RpcCall call;
    call.identity.user = name;
    call.identity.domain = name.empty() ? "" : "CORP";
    CallFacts facts;
    facts.authenticated = authenticated;
    const HostKnowledge knowledge(facts_);
    knowledge.complete(context, call, caller_, facts);
    return facts.token == nullptr ? "-" : facts.token->name;
  }

  static constexpr Uuid kInterface = uuid("12345678-1234-abcd-ef00-0123456789ab");
  policy::HostFacts facts_;
  KnownCaller caller_;
};

TEST_F(HostKnowledgeTest, AnImageIsThatOfTheFirstRowThatFits) {
  ContextFacts context;
  EXPECT_EQ(image(context), "-");
  context.if_uuid = kInterface;
  EXPECT_EQ(image(context), "spooler.exe");
  context.local_port = 49153;
  EXPECT_EQ(image(context), "first.exe");
}

TEST_F(HostKnowledgeTest, AnImageOfAPipeIsKnownByEitherName) {
  ContextFacts context;
  context.protocol = dissect::ProtocolSequence::ncacn_np;
  context.local_port = 49153;  // a pipe has no port
  context.pipe = "\\PIPE\\LsaRpc";
  EXPECT_EQ(image(context), "lsass.exe");
  context.pipe = "\\PIPE\\other";
  EXPECT_EQ(image(context), "-");
  context.pipe_of_server = "\\pipe\\lsarpc";
  EXPECT_EQ(image(context), "lsass.exe");
}

TEST_F(HostKnowledgeTest, AUserIsKnownByNameAndElseByTheClient) {
  EXPECT_EQ(user("Alice", "10.77.0.2", Truth::yes), "corp\\alice");
  caller_ = {};
  EXPECT_EQ(user("", "10.77.0.2", Truth::yes), "corp\\dc2$");
  caller_ = {};
  EXPECT_EQ(user("", "10.77.0.3", Truth::yes), "corp\\alice");
  caller_ = {};
  EXPECT_EQ(user("", "10.78.0.3", Truth::yes), "-");
  // A name that nobody lists is somebody else, whoever usually sits there.
  EXPECT_EQ(user("mallory", "10.77.0.2", Truth::yes), "-");
}

TEST_F(HostKnowledgeTest, ACallerWhoMayBeAnonymousHasNoToken) {
  EXPECT_EQ(user("Alice", "10.77.0.2", Truth::unknown), "-");
  EXPECT_EQ(user("", "10.77.0.2", Truth::no), "-");
}

TEST_F(HostKnowledgeTest, AnActivationHasTheApplicationOfItsClass) {
  constexpr Uuid kClass = uuid("4991d34b-80a1-4291-83b6-3328366b9097");
  facts_.users.clear();
  facts_.classes = {{kClass, kInterface, {}}, {kClass, kClass, {}}};
  const HostKnowledge knowledge(facts_);
  dissect::RpcCall call;
  CallFacts facts;
  knowledge.complete({}, call, caller_, facts);
  EXPECT_EQ(facts.app_id, nullptr);
  call.activated_class = kInterface;
  knowledge.complete({}, call, caller_, facts);
  EXPECT_EQ(facts.app_id, nullptr);
  call.activated_class = kClass;
  knowledge.complete({}, call, caller_, facts);
  ASSERT_NE(facts.app_id, nullptr);
  EXPECT_EQ(*facts.app_id, kInterface);
}

TEST_F(HostKnowledgeTest, TheNextCallerOfAContextIsLookedUpAgain) {
  EXPECT_EQ(user("Alice", "10.77.0.2", Truth::yes), "corp\\alice");
  EXPECT_EQ(user("DC2$", "10.77.0.2", Truth::yes), "corp\\dc2$");
  EXPECT_EQ(user("Alice", "10.77.0.2", Truth::yes), "corp\\alice");
}

}  // namespace
}  // namespace rpcaudit::evaluate
