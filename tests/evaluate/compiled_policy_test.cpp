#include "engine/evaluate/compiled_policy.h"

#include <gtest/gtest.h>

#include "tests/evaluate/policy_builder.h"
#include "tests/support/allocation_counter.h"

namespace rpcaudit::evaluate {
namespace {

using namespace test;
using enum policy::MatchType;

std::string dumped(std::vector<policy::Filter> filters) {
  const policy::Policy written = policy_of(std::move(filters));
  return CompiledPolicy::compile(written, {}).dump();
}

struct DumpCase {
  policy::Filter filter;
  const char* expected;  // the line of the filter
};

const DumpCase kDumpCases[] = {
    {block({}), "0 block"},
    {go_on({interface(kSamr)}), "0 continue: if_uuid 12345778-1234-abcd-ef00-0123456789ac"},
    {audited(permit({number(policy::Field::opnum, 3)})), "0 permit audit | per call: opnum 3"},
    {block({number(policy::Field::opnum, greater, 3), number(policy::Field::opnum, less, 2)}),
     "0 block | per call: opnum 4.. or ..1"},
    {block({number(policy::Field::opnum, range, 3, 5)}), "0 block | per call: opnum 3..5"},
    {block({number(policy::Field::opnum, less, 0)}), "0 block | per call: opnum nothing"},
    {block({number(policy::Field::opnum, greater_or_equal, 0)}), "0 block | per call: opnum .."},
    {block({number(policy::Field::if_flag, any_set, 1)}),
     "0 block | per call: if_flag any_set 0x1"},
    {block({number(policy::Field::auth_level, none_set, 6), number(policy::Field::if_version, 1)}),
     "0 block: if_version 1 | per call: auth_level none_set 0x6"},
    {block({address(policy::Field::remote_addr_v4, range, "10.0.0.0", "10.0.0.255")}),
     "0 block: remote_addr_v4 10.0.0.0..10.0.0.255"},
    {block({address(policy::Field::local_addr_v6, greater, "fe80::ffff:ffff:ffff:ffff",
                    "fe80::ffff:ffff:ffff:ffff")}),
     "0 block: local_addr_v6 fe80:0:0:1::.."},
    {block({pipe("\\PIPE\\samr")}), "0 block: pipe `\\PIPE\\samr`"},
    {block({condition(policy::Field::pipe, range, policy::TextRange{"a", "b"})}),
     "0 block: pipe range `a`..`b`"},
    // For a caller that is not, may be, is anonymous: whether it matches if it is not, may be, is
    // authenticated.
    {block({caller("D:(A;;CC;;;AU)")}), "0 block | per call: remote_user_token caller -?+ -?+ -?+"},
    {block({caller("D:(D;;CC;;;AN)(A;;CC;;;WD)")}),
     "0 block | per call: remote_user_token caller +++ ??? ---"},
    {block({image("a.exe"), number(policy::Field::local_port, 135),
            number(policy::Field::sec_key_size, 128)}),
     "0 block: image_name `a.exe`, local_port 135 | unseen: sec_key_size"},
    {block({condition(policy::Field::opnum, equal, policy::TextRange{"0", "0"})}),
     "0 block | per call: opnum ?"},
};

TEST(Compile, EachFilterBecomesOneLine) {
  for (const DumpCase& row : kDumpCases) {
    const std::string dump = dumped({row.filter});
    EXPECT_EQ(dump.substr(0, dump.find('\n')), row.expected);
  }
}

TEST(Compile, FiltersStandInOrderOfEvaluation) {
  EXPECT_EQ(
      dumped({block({}), on_layer(policy::Layer::epmap, block({})),
              permit({number(policy::Field::opnum, 1)}), block({number(policy::Field::opnum, 2)})}),
      "3 block | per call: opnum 2\n"
      "2 permit | per call: opnum 1\n"
      "0 block\n"
      "index: 0 places under 0 interfaces, 0 places under 0 clients, 3 under neither\n");
}

// What only one of several interfaces can match is filed under each of them; orders are not.
TEST(Compile, FiltersAreFiledUnderTheInterfacesTheyName) {
  const std::string dump = dumped({
      block({interface(kSamr), interface(kDrsuapi)}),
      block({interface(kSamr)}),
      block({number(policy::Field::opnum, 1), interface(kSvcctl)}),
      block({condition(policy::Field::if_uuid, greater, policy::UuidRange{kSamr, kSamr})}),
      block({number(policy::Field::opnum, 1)}),
  });
  EXPECT_NE(dump.find("index: 4 places under 3 interfaces, 0 places under 0 clients, 2 under"),
            std::string::npos)
      << dump;
}

// Where no interface is named. Subnets are not filed.
TEST(Compile, FiltersAreFiledUnderTheClientsTheyName) {
  const policy::Policy written = policy_of({
      block({address(policy::Field::remote_addr_v4, "10.0.0.1"),
             address(policy::Field::remote_addr_v4, "10.0.0.2")}),
      block({interface(kSamr), address(policy::Field::remote_addr_v4, "10.0.0.1")}),
      block({address(policy::Field::remote_addr_v6, "fe80::1")}),
      block({address(policy::Field::remote_addr_v4, range, "10.0.0.0", "10.0.0.255")}),
      block({address(policy::Field::local_addr_v4, "10.0.0.1")}),
  });
  const std::string dump = CompiledPolicy::compile(written, {}).dump();
  EXPECT_NE(dump.find("index: 1 places under 1 interfaces, 3 places under 3 clients, 2 under"),
            std::string::npos)
      << dump;
}

// A version that has the bytes of addresses the other way round: both ways are found.
TEST(Compile, FiltersOnSwappedAddressesAreFiledUnderBothReadings) {
  const policy::Policy written =
      policy_of({block({address(policy::Field::remote_addr_v4, "10.0.0.1")})});
  const EvaluationOptions options{policy::Layer::um, policy::TargetProfile(policy::Target::ws2019)};
  const std::string dump = CompiledPolicy::compile(written, options).dump();
  EXPECT_NE(dump.find("2 places under 2 clients, 0 under"), std::string::npos) << dump;
}

TEST(Narrow, OnlyFiltersThatCanStillMatchRemain) {
  const policy::Policy written = policy_of({
      block({interface(kSamr), number(policy::Field::opnum, 1)}),
      block(
          {interface(kSamr), number(policy::Field::protocol, 2), number(policy::Field::opnum, 2)}),
      block({interface(kDrsuapi), number(policy::Field::opnum, 3)}),
      permit({number(policy::Field::opnum, 4)}),
  });
  const CompiledPolicy compiled = CompiledPolicy::compile(written, {});
  NarrowedPolicy narrowed;
  compiled.narrow(samr_over_tcp(), narrowed);
  EXPECT_EQ(narrowed.candidate_count(), 2u);
  EXPECT_FALSE(narrowed.is_constant());
}

TEST(Narrow, NothingStandsAfterAFilterThatDecidesEveryCall) {
  const policy::Policy written = policy_of({
      block({interface(kSamr), number(policy::Field::opnum, 1)}),
      permit({interface(kSamr)}),
      block({number(policy::Field::opnum, 4)}),
      block({}),
  });
  const CompiledPolicy compiled = CompiledPolicy::compile(written, {});
  NarrowedPolicy narrowed;
  compiled.narrow(samr_over_tcp(), narrowed);
  EXPECT_EQ(narrowed.candidate_count(), 2u);
}

TEST(Narrow, AContextThatDecidesEveryCallIsConstant) {
  const policy::Policy written = policy_of(
      {block({interface(kSamr)}), block({interface(kDrsuapi), number(policy::Field::opnum, 3)})});
  const CompiledPolicy compiled = CompiledPolicy::compile(written, {});
  NarrowedPolicy narrowed;
  compiled.narrow(samr_over_tcp(), narrowed);
  EXPECT_TRUE(narrowed.is_constant());
  EXPECT_EQ(text(compiled.evaluate(narrowed, {})), "would_block by 0");
  ContextFacts other = samr_over_tcp();
  other.if_uuid = kSvcctl;
  compiled.narrow(other, narrowed);
  EXPECT_TRUE(narrowed.is_constant());
  EXPECT_EQ(text(compiled.evaluate(narrowed, {})), "would_permit");
}

TEST(Narrow, UnknownFiltersThatAgreeBecomeOne) {
  std::vector<policy::Filter> filters;
  for (int i = 0; i < 100; ++i) filters.push_back(block({interface(kSamr)}));
  const policy::Policy written = policy_of(std::move(filters));
  const CompiledPolicy compiled = CompiledPolicy::compile(written, {});
  ContextFacts unseen = samr_over_tcp();
  unseen.if_uuid.reset();
  NarrowedPolicy narrowed;
  compiled.narrow(unseen, narrowed);
  EXPECT_EQ(narrowed.candidate_count(), 1u);
  EXPECT_EQ(text(compiled.evaluate(narrowed, {})), "undecidable by 99 ?if_uuid");
}

Uuid numbered_interface(std::uint32_t number) {
  Uuid uuid = kSamr;
  for (std::size_t i = 0; i < 4; ++i) {
    uuid.bytes[i] = static_cast<std::uint8_t>(number >> (8 * i));
  }
  return uuid;
}

// A hundred thousand filters, each on an interface and an opnum.
policy::Policy large_policy() {
  std::vector<policy::Filter> filters;
  for (std::uint32_t i = 0; i < 100'000; ++i) {
    filters.push_back(
        block({interface(numbered_interface(i / 4)), number(policy::Field::opnum, i % 4)}));
  }
  return policy_of(std::move(filters));
}

TEST(Narrow, ALargePolicyShrinksToTheFiltersOfTheInterface) {
  const policy::Policy written = large_policy();
  const CompiledPolicy compiled = CompiledPolicy::compile(written, {});
  ContextFacts context = samr_over_tcp();
  context.if_uuid = numbered_interface(12'345);
  NarrowedPolicy narrowed;
  compiled.narrow(context, narrowed);
  EXPECT_EQ(narrowed.candidate_count(), 4u);
  CallFacts call;
  call.opnum = 2;
  EXPECT_EQ(text(compiled.evaluate(narrowed, call)), "would_block by 49382");
  call.opnum = 4;
  EXPECT_EQ(text(compiled.evaluate(narrowed, call)), "would_permit");
}

// Without the interface, all filters that differ in it alone are as unknown as one of them.
TEST(Narrow, ALargePolicyStaysSmallWithoutTheInterface) {
  const policy::Policy written = large_policy();
  const CompiledPolicy compiled = CompiledPolicy::compile(written, {});
  ContextFacts context = samr_over_tcp();
  context.if_uuid.reset();
  NarrowedPolicy narrowed;
  compiled.narrow(context, narrowed);
  EXPECT_EQ(narrowed.candidate_count(), 4u);
  CallFacts call;
  call.opnum = 2;
  EXPECT_EQ(text(compiled.evaluate(narrowed, call)), "undecidable by 99998 ?if_uuid");
}

TEST(Narrow, AsksForNoMemoryOnceItHasGrown) {
  if (!allocations_are_counted()) GTEST_SKIP() << "allocations are not counted in this build";
  const policy::Policy written = policy_of({
      block({interface(kSamr), number(policy::Field::opnum, 1)}),
      audited(block({interface(kSamr), number(policy::Field::auth_type, 10)})),
      permit({pipe("\\PIPE\\samr"), address(policy::Field::remote_addr_v4, "10.0.0.2")}),
      block({caller("D:(A;;CC;;;BA)")}),
  });
  const CompiledPolicy compiled = CompiledPolicy::compile(written, {});
  NarrowedPolicy narrowed;
  ContextFacts unseen = samr_over_pipe();
  unseen.if_uuid.reset();
  compiled.narrow(unseen, narrowed);
  CallFacts call;
  call.auth_type = 9;
  const std::uint64_t before = allocations();
  std::uint64_t blocked = 0;
  for (const ContextFacts& context : {samr_over_tcp(), samr_over_pipe()}) {
    compiled.narrow(context, narrowed);
    for (std::uint16_t opnum = 0; opnum < 4; ++opnum) {
      call.opnum = opnum;
      const Verdict verdict = compiled.evaluate(narrowed, call);
      blocked += verdict.action == VerdictAction::would_block ? 1 : 0;
    }
  }
  EXPECT_EQ(allocations(), before);
  EXPECT_EQ(blocked, 2u);  // opnum 1, whoever calls; any other call is undecidable
}

TEST(Compile, APolicyOutlivesMovesOfItsCompiledForm) {
  const policy::Policy written = policy_of({block({interface(kSamr)})});
  CompiledPolicy first = CompiledPolicy::compile(written, {});
  const CompiledPolicy second = std::move(first);
  EXPECT_EQ(&second.policy(), &written);
}

}  // namespace
}  // namespace rpcaudit::evaluate
