// Each row of the target table, on the side where it applies and where it does not.

#include "engine/policy/target.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "engine/evaluate/explain.h"
#include "engine/evaluate/target_survey.h"
#include "tests/evaluate/policy_builder.h"

namespace rpcaudit::evaluate {
namespace {

using namespace test;
using enum policy::Target;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;

std::string judged_for(policy::Target target, const policy::Policy& written,
                       const ContextFacts& context) {
  return text(judge_for({policy::Layer::um, policy::TargetProfile(target)}, written, context, {}));
}

struct TargetCase {
  const char* name;
  std::vector<policy::Filter> filters;
  ContextFacts context;
  std::vector<policy::Target> targets;
  const char* verdict;
};

ContextFacts with_addresses(ContextFacts context, std::string_view remote) {
  context.remote_address = parse_ip(remote).value();
  return context;
}

policy::Filter by_api(policy::Filter filter) {
  filter.by_api = true;
  return filter;
}

policy::Filter by_separate_processes(policy::Filter filter) {
  filter.by_separate_processes = true;
  return filter;
}

policy::Filter with_parameters(policy::Filter filter) {
  filter.audit_parameters = true;
  return filter;
}

const std::vector<policy::Filter> kBlockByOpnum{
    block({interface(kSamr), number(policy::Field::opnum, 7)})};
const std::vector<policy::Filter> kBlockByAddress{
    block({address(policy::Field::remote_addr_v4, "10.1.1.10")})};
const std::vector<policy::Filter> kBlockByRange{block({address(
    policy::Field::remote_addr_v4, policy::MatchType::range, "10.0.0.0", "10.255.255.255")})};
const std::vector<policy::Filter> kBlockByOrder{block(
    {address(policy::Field::remote_addr_v6, policy::MatchType::greater, "fe80::", "fe80::")})};
const std::vector<policy::Filter> kBlockBySkewedAddress{
    block({address(policy::Field::remote_addr_v4, "10.0.0.2")})};
const std::vector<policy::Filter> kBlockByEither{block({interface(kSamr), interface(kDrsuapi)})};
const std::vector<policy::Filter> kBlockAll{block({})};
const std::vector<policy::Filter> kOnlyContinue{go_on({})};
const std::vector<policy::Filter> kAuditedBlock{permit({interface(kSamr)}), audited(block({}))};
const std::vector<policy::Filter> kParameters{
    permit({interface(kSamr)}),
    by_api(with_parameters(audited(block({number(policy::Field::opnum, 0)}))))};
const std::vector<policy::Filter> kAuditedByApi{by_api(audited(block({})))};
const std::vector<policy::Filter> kSeparateBlock{by_separate_processes(block({}))};

const TargetCase kTargetCases[] = {
    // [semantics] 2.6: opnum is enforced from Windows 11 24H2 and Server 2025 on.
    {"opnum_enforced",
     kBlockByOpnum,
     samr_over_tcp(),
     {documented, ws2025, w11_24h2, w11_25h2},
     "would_permit"},
    {"opnum_ignored", kBlockByOpnum, samr_over_tcp(), {ws2019, ws2022, w10}, "would_block by 0"},
    {"opnum_refused",
     {block({number(policy::Field::opnum, 0)})},
     samr_over_tcp(),
     {ws2008, ws2008r2, ws2012r2, ws2016},
     "would_permit"},
    // [semantics] 3.5.2: addresses of calls over named pipes.
    {"pipe_address_contested",
     kBlockByAddress,
     with_addresses(samr_over_pipe(), "10.1.1.10"),
     {documented},
     "would_block by 0 readings-differ"},
    {"pipe_address_absent",
     kBlockByAddress,
     with_addresses(samr_over_pipe(), "10.1.1.10"),
     {ws2008, ws2016, ws2022, ws2025, w10, w11_24h2},
     "would_permit"},
    {"pipe_address_present",
     kBlockByAddress,
     with_addresses(samr_over_pipe(), "10.1.1.10"),
     {w11_25h2},
     "would_block by 0"},
    // [semantics] 3.5.3: ranges and orders of addresses match nothing on Windows.
    {"address_range_documented", kBlockByRange, samr_over_tcp(), {documented}, "would_block by 0"},
    {"address_range_never",
     kBlockByRange,
     samr_over_tcp(),
     {ws2008, ws2022, w11_25h2},
     "would_permit"},
    {"address_order_documented",
     kBlockByOrder,
     with_addresses(samr_over_tcp(), "fe80::9"),
     {documented},
     "would_block by 0"},
    {"address_order_never",
     kBlockByOrder,
     with_addresses(samr_over_tcp(), "fe80::9"),
     {ws2025},
     "would_permit"},
    // [semantics] 3.5.4: the order of the bytes of IPv4 addresses.
    {"v4_as_documented", kBlockBySkewedAddress, samr_over_tcp(), {documented}, "would_block by 0"},
    {"v4_swapped",
     kBlockBySkewedAddress,
     samr_over_tcp(),
     {ws2008, ws2022, w11_25h2},
     "would_permit readings-differ"},
    {"v4_swapped_matches",
     kBlockBySkewedAddress,
     with_addresses(samr_over_tcp(), "2.0.0.10"),
     {ws2022},
     "would_block by 0 readings-differ"},
    // [semantics] 4.1.2: adjacent conditions on one field, from Windows 7 and Server 2008 R2 on.
    {"alternatives",
     kBlockByEither,
     samr_over_tcp(),
     {documented, ws2008r2, ws2022, w11_25h2},
     "would_block by 0"},
    {"no_alternatives", kBlockByEither, samr_over_tcp(), {ws2008}, "would_permit"},
    // [semantics] 3.8.1.
    {"datagram_documented",
     kBlockAll,
     samr_over(dissect::ProtocolSequence::ncadg_ip_udp),
     {documented},
     "would_block by 0"},
    {"datagram_not_told",
     kBlockAll,
     samr_over(dissect::ProtocolSequence::ncadg_ip_udp),
     {ws2008, ws2022, w11_25h2},
     "undecidable by 0 datagram"},
    {"datagram_permitted_anyway",
     {permit({})},
     samr_over(dissect::ProtocolSequence::ncadg_ip_udp),
     {ws2022},
     "would_permit by 0"},
    // [semantics] 4.2.3.
    {"only_continue_documented",
     kOnlyContinue,
     samr_over_tcp(),
     {documented},
     "undecidable by 0 only-continue"},
    {"only_continue_permits",
     kOnlyContinue,
     samr_over_tcp(),
     {ws2008, ws2022, w11_25h2},
     "would_permit"},
    // [semantics] 4.2.4, 4.4.1, 5.2, 5.6: audit as a sublayer that blocks.
    {"audit_documented",
     kAuditedBlock,
     samr_over_tcp(),
     {documented},
     "would_permit by 0 readings-differ"},
    {"audit_applies",
     kAuditedBlock,
     samr_over_tcp(),
     {ws2008, ws2022},
     "would_block by 1 readings-differ"},
    // [semantics] 1.1.13: auditparameters came with build 26200.
    {"parameters_refused",
     kParameters,
     samr_over_tcp(),
     {ws2022, ws2025, w11_24h2},
     "would_permit by 0"},
    {"audited_block_refused", kAuditedBlock, samr_over_tcp(), {w11_25h2}, "would_permit by 0"},
    {"separate_processes_documented",
     kSeparateBlock,
     samr_over_tcp(),
     {documented},
     "would_block by 0"},
    {"separate_processes_leave_nothing",
     kSeparateBlock,
     samr_over_tcp(),
     {ws2008, ws2022, w11_25h2},
     "would_permit"},
    {"audit_by_api_applies_everywhere",
     kAuditedByApi,
     samr_over_tcp(),
     {documented, ws2022, ws2025, w11_25h2},
     "would_block by 0"},
    {"parameters_taken",
     kParameters,
     samr_over_tcp(),
     {w11_25h2},
     "would_block by 1 readings-differ"},
};

TEST(TargetTable, EachRowDoesWhatItSays) {
  for (const TargetCase& row : kTargetCases) {
    for (const policy::Target target : row.targets) {
      EXPECT_EQ(judged_for(target, policy_of(row.filters), row.context), row.verdict)
          << row.name << " on " << to_string(target);
    }
  }
}

TEST(TargetTable, HasARowPerDifferenceAndSaysWhereItIsFrom) {
  ASSERT_EQ(policy::target_table().size(), policy::kDifferenceCount);
  for (const policy::DifferenceRow& row : policy::target_table()) {
    EXPECT_FALSE(row.about.empty());
    EXPECT_FALSE(row.source.empty());
    EXPECT_EQ(policy::TargetProfile()[row.difference], row.behaviours[0])
        << to_string(row.difference);
  }
}

TEST(TargetTable, IsNamedOnTheCommandLine) {
  for (std::size_t i = 0; i < policy::kTargetCount; ++i) {
    const auto target = static_cast<policy::Target>(i);
    EXPECT_EQ(policy::parse_target(to_string(target)), target);
  }
  EXPECT_EQ(policy::parse_target("W11-24H2"), w11_24h2);
  EXPECT_EQ(policy::parse_target("vista"), std::nullopt);
}

// RPC Firewall sees every opnum, range and address, whatever Windows does.
TEST(TargetTable, DoesNotConcernRpcFirewall) {
  policy::Filter line = block({number(policy::Field::opnum, 7)});
  line.enforcer = policy::Enforcer::rpc_firewall;
  policy::Filter range = kBlockByRange[0];
  range.enforcer = policy::Enforcer::rpc_firewall;
  for (std::size_t i = 0; i < policy::kTargetCount; ++i) {
    const auto target = static_cast<policy::Target>(i);
    EXPECT_EQ(judged_for(target, policy_of({line}), samr_over_tcp()), "would_permit");
    EXPECT_EQ(judged_for(target, policy_of({range}), samr_over_pipe()), "would_block by 0");
  }
}

bool depends(const policy::Policy& written, const ContextFacts& context) {
  const CompiledPolicy compiled = CompiledPolicy::compile(written, {});
  const TargetSurvey survey(compiled);
  NarrowedPolicy narrowed;
  std::vector<NarrowedPolicy> ways;
  compiled.narrow(context, narrowed);
  survey.narrow(context, ways);
  Verdict verdict = compiled.evaluate(narrowed, {});
  survey.compare(ways, context, {}, verdict);
  return verdict.depends_on_target;
}

// [semantics] 7.1.
TEST(TargetSurvey, FindsVerdictsThatDependOnTheTarget) {
  for (const TargetCase& row : kTargetCases) {
    const std::string documented_verdict =
        judged_for(documented, policy_of(row.filters), row.context);
    bool expected = false;
    for (std::size_t i = 0; i < policy::kTargetCount; ++i) {
      const Verdict other =
          judge_for({policy::Layer::um, policy::TargetProfile(static_cast<policy::Target>(i))},
                    policy_of(row.filters), row.context, {});
      const Verdict own = judge(policy_of(row.filters), row.context, {});
      expected = expected || other.action != own.action ||
                 other.filters.by_audit_filter != own.filters.by_audit_filter;
    }
    EXPECT_EQ(depends(policy_of(row.filters), row.context), expected) << row.name;
  }
  EXPECT_FALSE(depends(policy_of({block({interface(kSamr)})}), samr_over_tcp()));
}

TEST(TargetSurvey, HasNoWaysForPoliciesThatEveryTargetJudgesAlike) {
  const policy::Policy plain = policy_of({permit({interface(kSamr)})});
  EXPECT_EQ(TargetSurvey(CompiledPolicy::compile(plain, {})).size(), 0u);
  const policy::Policy blocks = policy_of({block({interface(kSamr)})});
  EXPECT_EQ(TargetSurvey(CompiledPolicy::compile(blocks, {})).size(), 1u);  // datagrams
}

TEST(Explain, NamesTheRowOfTheTargetTable) {
  EXPECT_THAT(
      explain(policy_of(kBlockByOpnum), {}, samr_over_tcp(), {}).targets,
      ElementsAre("on ws2019, ws2022, w10: conditions on `opnum` (ignored); the verdict is then "
                  "would_block by `block um if_uuid=12345778-1234-abcd-ef00-0123456789ac "
                  "opnum=7` (policy.txt:1)"));
  EXPECT_THAT(explain(policy_of(kOnlyContinue), {}, samr_over_tcp(), {}).targets,
              ElementsAre(HasSubstr("only `continue` filters match")));
  EXPECT_THAT(explain(policy_of(kBlockAll), {}, samr_over_tcp(), {}).targets, IsEmpty());
}

TEST(Explain, SaysWhatEachSublayerGives) {
  EXPECT_THAT(explain(policy_of(kAuditedBlock), {}, samr_over_tcp(), {}).sublayers,
              ElementsAre(HasSubstr("filters without audit: would_permit"),
                          HasSubstr("filters with audit, logged only: would_block"),
                          HasSubstr("a block of one prevails")));
  EXPECT_THAT(explain(policy_of(kBlockAll), {}, samr_over_tcp(), {}).sublayers, IsEmpty());
}

}  // namespace
}  // namespace rpcaudit::evaluate
