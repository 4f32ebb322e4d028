// Several controls on one call: each judged for itself, and together.

#include <gtest/gtest.h>

#include "engine/evaluate/controls/host_controls.h"
#include "tests/evaluate/policy_builder.h"

namespace rpcaudit::evaluate {
namespace {

using namespace test;

enum class Filters { permit, block, only_log, undecided };

Verdict of_filters(Filters filters) {
  Verdict verdict;
  if (filters == Filters::permit) return verdict;
  verdict.filters.filter = 0;
  verdict.filters.action =
      filters == Filters::undecided ? VerdictAction::undecidable : VerdictAction::would_block;
  verdict.filters.by_audit_filter = filters == Filters::only_log;
  combine_controls(verdict);
  return verdict;
}

struct Combination {
  const char* name;
  ControlAction ipsec;
  ControlAction registration;
  ControlAction remote_clients;
  Filters filters;
  VerdictAction action;
  Control control;
};

using enum ControlAction;
constexpr ControlAction kNone = not_judged;
constexpr ControlAction kAway = not_applicable;
constexpr ControlAction kPermit = would_permit;
constexpr ControlAction kBlock = would_block;
constexpr ControlAction kDoubt = undecidable;
constexpr VerdictAction kGoes = VerdictAction::would_permit;
constexpr VerdictAction kStops = VerdictAction::would_block;
constexpr VerdictAction kOpen = VerdictAction::undecidable;
constexpr Control kRegistration = Control::interface_registration;
constexpr Control kFilter = Control::rpc_filter;
constexpr Control kRemoteClients = Control::restrict_remote_clients;

// clang-format off
constexpr Combination kCombinations[] = {
  // name, ipsec, interface_registration, restrict_remote_clients, filters -> together, by which
  {"nothing_judged",       kNone,   kNone,   kNone,   Filters::permit,    kGoes,  Control::none},
  {"all_permit",           kPermit, kPermit, kPermit, Filters::permit,    kGoes,  Control::none},
  {"first_to_stop",        kBlock,  kBlock,  kBlock,  Filters::block,     kStops, Control::ipsec},
  {"registration_first",   kPermit, kBlock,  kBlock,  Filters::block,     kStops, kRegistration},
  {"remote_clients_first", kAway,   kPermit, kBlock,  Filters::block,     kStops, kRemoteClients},
  {"filter_alone",         kPermit, kPermit, kPermit, Filters::block,     kStops, kFilter},
  {"block_beats_doubt",    kDoubt,  kPermit, kBlock,  Filters::permit,    kStops, kRemoteClients},
  {"filter_beats_doubt",   kDoubt,  kNone,   kNone,   Filters::block,     kStops, kFilter},
  {"doubt_beats_permit",   kPermit, kDoubt,  kPermit, Filters::permit,    kOpen,  kRegistration},
  {"doubt_of_filters",     kPermit, kPermit, kPermit, Filters::undecided, kOpen,  kFilter},
  {"first_doubt",          kNone,   kDoubt,  kDoubt,  Filters::undecided, kOpen,  kRegistration},
  {"logging_stops_nobody", kPermit, kDoubt,  kPermit, Filters::only_log,  kOpen,  kRegistration},
  {"logging_alone",        kPermit, kPermit, kPermit, Filters::only_log,  kStops, kFilter},
  {"block_beats_logging",  kPermit, kPermit, kBlock,  Filters::only_log,  kStops, kRemoteClients},
};
// clang-format on

TEST(Controls, AreCombinedInTheOrderInWhichACallMeetsThem) {
  for (const Combination& row : kCombinations) {
    Verdict verdict = of_filters(row.filters);
    verdict.controls[Control::ipsec].action = row.ipsec;
    verdict.controls[Control::interface_registration].action = row.registration;
    verdict.controls[Control::restrict_remote_clients].action = row.remote_clients;
    combine_controls(verdict);
    EXPECT_EQ(verdict.action, row.action) << row.name;
    EXPECT_EQ(verdict.control, row.control) << row.name;
    EXPECT_EQ(verdict.filters, of_filters(row.filters).filters) << row.name;
  }
}

// [semantics] 5.4: a call that is stopped before the filters see it is not logged by them.
TEST(Controls, StoppedCallsAreNotLoggedByFilters) {
  Verdict verdict;
  verdict.filters.event_5712 = {AuditKeywords::success, 0};
  verdict.controls[Control::interface_registration].action = ControlAction::undecidable;
  combine_controls(verdict);
  EXPECT_EQ(verdict.event_5712, (Event5712{AuditKeywords::perhaps, 0}));
  verdict.controls[Control::ipsec].action = ControlAction::would_block;
  combine_controls(verdict);
  EXPECT_EQ(verdict.event_5712, Event5712{});
}

TEST(Controls, AContestedOneMattersOnlyWhereNoOtherBlocksForSure) {
  Verdict verdict;
  verdict.controls[Control::restrict_remote_clients].action = ControlAction::would_block;
  verdict.controls[Control::restrict_remote_clients].readings_differ = true;
  combine_controls(verdict);
  EXPECT_TRUE(verdict.readings_differ);
  verdict.controls[Control::ipsec].action = ControlAction::would_block;
  combine_controls(verdict);
  EXPECT_FALSE(verdict.readings_differ);
}

TEST(Controls, WhatIfShowsEveryValueBesideTheRealOne) {
  policy::HostSettings host;
  host.restrict_remote_clients = {policy::RestrictRemoteClients::none, {}};
  host.what_if_restrict_remote_clients = true;
  policy::InterfaceRegistration exempt;
  exempt.interface = kSamr;
  exempt.flags = policy::kAllowCallbacksWithNoAuth;
  exempt.has_callback = true;
  host.registrations.push_back(exempt);
  const HostControls controls(host);
  ContextFacts context;
  context.if_uuid = kSamr;
  context.local_address = IpAddress::v4(1);
  Verdict verdict;
  controls.apply(controls.narrow(context), CallFacts{}, verdict);
  EXPECT_EQ(verdict.action, VerdictAction::would_permit);
  EXPECT_EQ(verdict.what_if, (WhatIf{VerdictAction::would_permit, VerdictAction::would_permit,
                                     VerdictAction::would_block}));
}

// A policy of filters alone is judged as before.
TEST(Controls, WithoutSettingsNothingIsAdded) {
  const Verdict verdict = judge(policy_of({block({interface(kSamr)})}), samr_over_tcp(), {});
  EXPECT_EQ(verdict.action, VerdictAction::would_block);
  EXPECT_EQ(verdict.filters.action, VerdictAction::would_block);
  for (const Control control : kOtherControls) {
    EXPECT_EQ(verdict.controls[control].action, ControlAction::not_judged);
  }
}

}  // namespace
}  // namespace rpcaudit::evaluate
