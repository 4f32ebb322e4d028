// The table of servers in the summary.

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <array>

#include "engine/audit/report/server_summary.h"
#include "engine/audit/tally/audit_tally.h"

namespace rpcaudit::audit {
namespace {

using testing::AllOf;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::Not;

constexpr Uuid kDrsuapi = uuid("e3514235-4b06-11d1-ab04-00c04fc2dcd2");

IpAddress server(std::uint8_t last) { return IpAddress::v4(0x0a4d'0000u | last); }

void note(AuditTally& tally, const dissect::RpcContext& context, std::uint32_t policy,
          const evaluate::Verdict& verdict) {
  ServerCounter counter(tally.servers);
  ServerCounter::Sum sum;
  counter.note(context, policy, verdict, sum);
  counter.settle([&](std::uint32_t) -> ServerCounter::Sum& { return sum; });
}

void note(AuditTally& tally, std::uint8_t last, bool blocked, std::uint32_t policy = 0) {
  dissect::RpcContext context;
  context.key.generation = 1;
  context.result = dissect::ContextResult::accepted;
  context.server.address = server(last);
  if (last == 1) context.abstract_syntax = dissect::SyntaxId{kDrsuapi, 4, 0};
  evaluate::Verdict verdict;
  verdict.action =
      blocked ? evaluate::VerdictAction::would_block : evaluate::VerdictAction::would_permit;
  note(tally, context, policy, verdict);
}

evaluate::ServerPolicies two_policies() {
  evaluate::ServerPolicies policies;
  evaluate::EvaluationOptions options;
  const std::uint32_t first = policies.add({}, options, {}, "controllers");
  options.target = policy::Target::ws2022;
  const std::uint32_t second = policies.add({}, options, {}, "members");
  policies.bind({server(1), 128, {}}, first);
  policies.bind({server(2), 128, {}}, second);
  policies.bind({server(3), 128, {}}, second);
  return policies;
}

TEST(ServerSummary, HasALineForEachServerTheWorstFirst) {
  AuditTally tally;
  note(tally, 1, false);
  note(tally, 2, true, 1);
  note(tally, 2, true, 1);
  const std::string text = server_summary(tally, two_policies());
  EXPECT_THAT(text,
              HasSubstr("\n  10.77.0.2        members        ws2022               2         2"));
  EXPECT_THAT(text, HasSubstr("documented           1         0            0  domain controller"));
  EXPECT_LT(text.find("10.77.0.2"), text.find("10.77.0.1"));
}

TEST(ServerSummary, NamesServersThatWereSilent) {
  AuditTally tally;
  note(tally, 1, false);
  EXPECT_THAT(server_summary(tally, two_policies()),
              HasSubstr("  no call seen of 10.77.0.2, 10.77.0.3\n"));
}

TEST(ServerSummary, DoesNotCallServersSilentWhoseCallsAreNotJudged) {
  AuditTally tally;
  note(tally, 1, false);
  dissect::RpcContext context;
  context.server.address = server(2);
  tally.servers.note_unjudged(context);
  EXPECT_THAT(server_summary(tally, two_policies()), HasSubstr("  no call seen of 10.77.0.3\n"));
}

// Contexts come and go in one slot, and a verdict may be taken back before sums are settled.
TEST(ServerCounter, LosesNoCallOfContextsThatCameAndWent) {
  AuditTally tally;
  ServerCounter counter(tally.servers);
  std::array<ServerCounter::Sum, 2> sums;
  evaluate::Verdict permit;
  permit.action = evaluate::VerdictAction::would_permit;
  evaluate::Verdict unknown;
  unknown.action = evaluate::VerdictAction::undecidable;
  dissect::RpcContext context;
  for (std::uint32_t i = 1; i <= 60; ++i) {
    context.key = {i % 2, i};
    context.server.address = server(static_cast<std::uint8_t>(1 + i % 3));
    ServerCounter::Sum& sum = sums[context.key.slot];
    for (std::uint32_t call = 0; call < i; ++call) counter.note(context, 0, permit, sum);
    const std::uint32_t place = tally.servers.place_of(context.server.address);
    tally.servers.note(place, 0, permit, ~std::uint64_t{0});
    counter.note(context, 0, unknown, sum);
  }
  const auto sum_of = [&](std::uint32_t slot) -> ServerCounter::Sum& { return sums[slot]; };
  counter.settle(sum_of);
  counter.settle(sum_of);
  std::uint64_t calls = 0;
  std::uint64_t permitted = 0;
  for (const auto& entry : tally.servers.entries()) {
    calls += entry.value.calls;
    permitted += entry.value.actions[static_cast<std::size_t>(permit.action)];
  }
  EXPECT_EQ(tally.servers.entries().size(), 3u);
  EXPECT_EQ(calls, 60u * 61 / 2);
  EXPECT_EQ(permitted, calls - 60);
}

TEST(ServerSummary, IsLeftOutForOneServer) {
  AuditTally tally;
  note(tally, 9, true);
  EXPECT_THAT(server_summary(tally, evaluate::ServerPolicies(policy::Policy{}, {})), IsEmpty());
}

TEST(ServerSummary, SaysWhichTargetBlocksMost) {
  AuditTally tally;
  note(tally, 2, false);
  dissect::RpcContext context;
  context.server.address = server(1);
  evaluate::Verdict verdict;
  verdict.action = evaluate::VerdictAction::would_permit;
  verdict.depends_on_target = true;
  verdict.targets = evaluate::TargetActions(evaluate::TargetAction::would_permit);
  verdict.targets.set(policy::Target::ws2019, evaluate::TargetAction::would_block);
  context.key.generation = 1;
  note(tally, context, 0, verdict);
  const evaluate::ServerPolicies policies(policy::Policy{}, {});
  EXPECT_THAT(server_summary(tally, policies),
              AllOf(HasSubstr("  1 on ws2019\n"), Not(HasSubstr("domain controller"))));
  AuditTally sum;
  sum.servers.add(tally.servers);
  sum.servers.add(tally.servers);
  EXPECT_THAT(server_summary(sum, policies), HasSubstr("  2 on ws2019\n"));
}

}  // namespace
}  // namespace rpcaudit::audit
