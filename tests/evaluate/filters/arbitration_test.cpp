// Which of several filters decides, and when none can be said to.

#include <gtest/gtest.h>

#include "engine/policy/filter_weight.h"
#include "tests/evaluate/policy_builder.h"

namespace rpcaudit::evaluate {
namespace {

using namespace test;

const policy::Condition kInterface = interface(kSamr);
const policy::Condition kOtherInterface = interface(kDrsuapi);
const policy::Condition kTcp = number(policy::Field::protocol, 1);
const policy::Condition kOpnumZero = number(policy::Field::opnum, 0);
const policy::Condition kAdministrators = caller("D:(A;;CC;;;BA)");
const policy::Condition kImage = image("lsass.exe");

std::string judged(std::vector<policy::Filter> filters) {
  return text(judge(policy_of(std::move(filters)), samr_over_tcp(), {}));
}

// [semantics] 4.2.5.
TEST(Arbitration, NothingMatchedIsPermitted) {
  EXPECT_EQ(judged({}), "would_permit");
  EXPECT_EQ(judged({block({kOtherInterface})}), "would_permit");
  EXPECT_EQ(judge(policy_of({}), samr_over_tcp(), {}).control, Control::none);
}

// [semantics] 4.2.6: RPC filters of other layers do not decide calls.
TEST(Arbitration, OnlyTheLayerOfCallsDecidesCalls) {
  EXPECT_EQ(judged({on_layer(policy::Layer::epmap, block({}))}), "would_permit");
}

TEST(Arbitration, TheHeaviestMatchingFilterDecides) {
  const Verdict verdict = judge(policy_of({block({kInterface}), permit({kInterface, kOpnumZero})}),
                                samr_over_tcp(), {});
  EXPECT_EQ(text(verdict), "would_permit by 1");
  EXPECT_EQ(verdict.control, Control::rpc_filter);
  EXPECT_EQ(judged({permit({kInterface, kOpnumZero}), block({kInterface})}), "would_permit by 0");
}

struct WeightCase {
  const char* name;
  std::vector<policy::Condition> heavier;
  std::vector<policy::Condition> lighter;
};

// [semantics] 4.2.1, 4.3.1: the presence of fields, compared in the engine's own order.
const WeightCase kWeightCases[] = {
    {"a caller over an interface", {kAdministrators}, {kInterface, kTcp, kOpnumZero}},
    {"an interface over all after it",
     {kInterface},
     {kTcp, number(policy::Field::auth_type, 0), pipe("a"), kOpnumZero}},
    {"a protocol over authentication", {kTcp}, {number(policy::Field::auth_level, 1), kOpnumZero}},
    {"a pipe over a remote address",
     {pipe("a")},
     {address(policy::Field::remote_addr_v4, "10.0.0.2")}},
    {"a remote address over an opnum",
     {address(policy::Field::remote_addr_v4, "10.0.0.2")},
     {kOpnumZero}},
    {"more fields over fewer", {kInterface, kOpnumZero}, {kInterface}},
    {"any field over none", {kOpnumZero}, {}},
};

TEST(Arbitration, WeightIsThePresenceOfFieldsInTheEnginesOrder) {
  for (const WeightCase& row : kWeightCases) {
    EXPECT_GT(policy::filter_weight(block(row.heavier)), policy::filter_weight(block(row.lighter)))
        << row.name;
  }
}

TEST(Arbitration, RepeatedFieldsAndMatchTypesAddNoWeight) {
  EXPECT_EQ(policy::filter_weight(block({kOpnumZero})),
            policy::filter_weight(
                block({kOpnumZero, number(policy::Field::opnum, policy::MatchType::greater, 5)})));
}

// [semantics] 4.3.5: `block pipe` loses to `permit if_uuid`.
TEST(Arbitration, ABlockedPipeLosesToAPermittedInterface) {
  const policy::Policy both = policy_of({block({pipe("\\PIPE\\samr")}), permit({kInterface})});
  EXPECT_EQ(text(judge(both, samr_over_pipe(), {})), "would_permit by 1");
}

// [semantics] 4.3.4: equal weights are listed newest first.
TEST(Arbitration, TheNewestOfEqualWeightDecides) {
  EXPECT_EQ(judged({permit({kInterface}), block({kInterface})}), "would_block by 1");
  EXPECT_EQ(judged({block({kInterface}), permit({kInterface})}), "would_permit by 1");
}

TEST(Arbitration, EvaluationOrderIsByWeightThenAge) {
  const policy::Policy all =
      policy_of({block({}), block({kOpnumZero}), block({kInterface}),
                 on_layer(policy::Layer::epmap, block({kInterface})), block({kOpnumZero})});
  EXPECT_EQ(policy::evaluation_order(all, policy::Layer::um),
            (std::vector<std::uint32_t>{2, 4, 1, 0}));
}

// [semantics] 4.2.2.
TEST(Arbitration, ContinueFallsThrough) {
  EXPECT_EQ(judged({go_on({kInterface}), block({kTcp})}), "would_block by 1");
  EXPECT_EQ(judged({go_on({kInterface}), permit({kTcp})}), "would_permit by 1");
}

// [semantics] 4.2.3: when only `continue` matches, one text denies and the other permits.
TEST(Arbitration, OnlyContinueIsUndecidable) {
  EXPECT_EQ(judged({go_on({kInterface}), block({kOtherInterface})}),
            "undecidable by 0 only-continue");
  EXPECT_EQ(judged({go_on({kOtherInterface})}), "would_permit");
  EXPECT_EQ(judged({go_on({kImage})}), "undecidable by 0 ?image_name only-continue");
  EXPECT_EQ(judged({go_on({kImage}), go_on({kInterface})}), "undecidable by 1 only-continue");
  EXPECT_EQ(judged({go_on({kInterface}), permit({kImage})}), "undecidable by 1 ?image_name");
}

// [semantics] 3.1.2: an unknown that could change the outcome makes it undecidable; others do not.
TEST(Unknowns, AnUnknownBlockAboveAPermitIsUndecidable) {
  EXPECT_EQ(judged({block({kAdministrators}), permit({kInterface})}),
            "undecidable by 0 ?remote_user_token");
  EXPECT_EQ(judged({block({kAdministrators})}), "undecidable by 0 ?remote_user_token");
}

TEST(Unknowns, AnUnknownPermitAboveABlockIsUndecidable) {
  EXPECT_EQ(judged({permit({kAdministrators, kInterface}), block({kInterface})}),
            "undecidable by 0 ?remote_user_token");
}

TEST(Unknowns, AnUnknownFilterThatChangesNothingDoesNotMatter) {
  EXPECT_EQ(judged({permit({kAdministrators})}), "would_permit");
  EXPECT_EQ(judged({block({kAdministrators}), block({kInterface})}), "would_block by 1");
  EXPECT_EQ(judged({permit({kAdministrators}), permit({kInterface})}), "would_permit by 1");
}

TEST(Unknowns, AnUnknownFilterBelowTheDecidingOneDoesNotMatter) {
  EXPECT_EQ(judged({permit({kInterface}), block({kImage})}), "would_permit by 0");
}

TEST(Unknowns, OnlyFieldsThatCouldChangeTheVerdictAreNamed) {
  // Whether the image permits does not matter: what follows permits as well.
  EXPECT_EQ(judged({block({kAdministrators}), permit({kImage}), permit({kTcp})}),
            "undecidable by 0 ?remote_user_token");
  // Here the permit keeps the block from deciding, so that both do.
  EXPECT_EQ(judged({permit({kAdministrators}), block({kImage})}),
            "undecidable by 0 ?remote_user_token ?image_name");
}

TEST(Unknowns, AMissedBindLeavesTheInterfaceUnknown) {
  ContextFacts context = samr_over_tcp();
  context.if_uuid.reset();
  const policy::Policy both = policy_of({block({kInterface}), permit({kTcp})});
  EXPECT_EQ(text(judge(both, context, {})), "undecidable by 0 ?if_uuid");
}

// [semantics] 5.1: audit=enable is documented as logged, not applied; judged twice.
TEST(Audit, AnAuditedBlockIsReportedAsOnlyLogged) {
  EXPECT_EQ(judged({audited(block({kInterface}))}), "would_block by 0 audit-only readings-differ");
  EXPECT_EQ(judged({audited(block({kInterface})), permit({kTcp})}),
            "would_block by 0 audit-only readings-differ");
}

TEST(Audit, AnAuditedBlockNeverHidesALowerFilter) {
  EXPECT_EQ(judged({audited(block({kInterface})), block({kTcp})}), "would_block by 1");
}

// [semantics] 5.6: sublayers combined, the audited block would prevail; weighed in one list, the
// permit does.
TEST(Audit, AnAuditedBlockBelowAPermitDecidesWhereSublayersAreCombined) {
  EXPECT_EQ(judged({permit({kInterface}), audited(block({kTcp}))}),
            "would_permit by 0 readings-differ");
}

TEST(Audit, AnAuditedPermitIsNotApplied) {
  EXPECT_EQ(judged({audited(permit({kInterface})), block({kTcp})}),
            "would_block by 1 readings-differ");
  EXPECT_EQ(judged({audited(permit({kInterface})), audited(block({kTcp}))}), "would_permit");
}

TEST(Audit, AnAuditedContinueDecidesNothing) {
  EXPECT_EQ(judged({audited(go_on({kInterface}))}), "would_permit");
}

TEST(Audit, AnUnknownAuditedBlockIsUndecidable) {
  EXPECT_EQ(judged({audited(block({kImage}))}), "undecidable by 0 ?image_name readings-differ");
  EXPECT_EQ(judged({audited(block({kImage})), block({kTcp})}), "would_block by 1");
}

struct LogCase {
  const char* name;
  std::vector<policy::Filter> filters;
  AuditKeywords logged;
  std::uint32_t by;
};

const LogCase kLogCases[] = {
    {"no filter with audit", {block({kInterface})}, AuditKeywords::none, kNoFilter},
    {"a permit with audit", {audited(permit({kInterface}))}, AuditKeywords::success, 0},
    {"a block with audit", {audited(block({kInterface}))}, AuditKeywords::failure, 0},
    {"one that does not match",
     {audited(permit({kOtherInterface}))},
     AuditKeywords::none,
     kNoFilter},
    {"continue decides nothing", {audited(go_on({kInterface}))}, AuditKeywords::none, kNoFilter},
    {"the heaviest with audit",
     {audited(permit({kTcp})), audited(block({kInterface}))},
     AuditKeywords::failure,
     1},
    // Every sublayer is evaluated, whatever another one decides.
    {"a heavier filter without audit",
     {permit({kInterface}), audited(block({kTcp}))},
     AuditKeywords::failure,
     1},
    {"one that may match", {audited(permit({kImage}))}, AuditKeywords::perhaps, 0},
    {"one that may match before one that does, alike",
     {audited(permit({kAdministrators})), audited(permit({kTcp}))},
     AuditKeywords::success,
     0},
    {"one that may match before one that does, otherwise",
     {audited(permit({kAdministrators})), audited(block({kTcp}))},
     AuditKeywords::perhaps,
     0},
};

// [semantics] 5.4: which calls have an event 5712, and of which kind.
TEST(Audit, LogsWhatTheSublayerOfAuditFiltersDecides) {
  for (const LogCase& row : kLogCases) {
    for (const policy::Target target : {policy::Target::documented, policy::Target::ws2022}) {
      EvaluationOptions options;
      options.profile = policy::TargetProfile(target);
      const Verdict verdict = judge_for(options, policy_of(row.filters), samr_over_tcp(), {});
      EXPECT_EQ(verdict.event_5712.keywords, row.logged) << row.name;
      EXPECT_EQ(verdict.event_5712.filter, row.by) << row.name;
    }
  }
}

// No source tells whether filters see datagram calls on Windows.
TEST(Audit, MayLogDatagramCalls) {
  const policy::Policy logs = policy_of({audited(permit({kInterface}))});
  EvaluationOptions options;
  options.profile = policy::TargetProfile(policy::Target::ws2022);
  const ContextFacts datagram = samr_over(dissect::ProtocolSequence::ncadg_ip_udp);
  EXPECT_EQ(judge_for(options, logs, datagram, {}).event_5712.keywords, AuditKeywords::perhaps);
  EXPECT_EQ(judge(logs, datagram, {}).event_5712.keywords, AuditKeywords::success);
}

TEST(Audit, AnUnknownFilterThatAppliesOutweighsAnAuditedBlock) {
  EXPECT_EQ(judged({audited(block({kInterface})), block({kImage})}),
            "undecidable by 1 ?image_name readings-differ");
}

}  // namespace
}  // namespace rpcaudit::evaluate
