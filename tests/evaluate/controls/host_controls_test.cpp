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
  verdict.filter = 0;
  verdict.action =
      filters == Filters::undecided ? VerdictAction::undecidable : VerdictAction::would_block;
  verdict.audit_only = filters == Filters::only_log;
  verdict.filter_action = verdict.action;
  verdict.control = Control::rpc_filter;
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
    verdict.ipsec.action = row.ipsec;
    verdict.registration.action = row.registration;
    verdict.remote_clients.action = row.remote_clients;
    combine_controls(verdict);
    EXPECT_EQ(verdict.action, row.action) << row.name;
    EXPECT_EQ(verdict.control, row.control) << row.name;
    EXPECT_EQ(verdict.filter_action, of_filters(row.filters).filter_action) << row.name;
  }
}

// [semantics] 5.4: a call that is stopped before the filters see it is not logged by them.
TEST(Controls, StoppedCallsAreNotLoggedByFilters) {
  Verdict verdict;
  verdict.logged = Logged::success;
  verdict.logged_by = 0;
  verdict.registration.action = ControlAction::undecidable;
  combine_controls(verdict);
  EXPECT_EQ(verdict.logged, Logged::perhaps);
  EXPECT_EQ(verdict.logged_by, 0u);
  verdict.ipsec.action = ControlAction::would_block;
  combine_controls(verdict);
  EXPECT_EQ(verdict.logged, Logged::no);
  EXPECT_EQ(verdict.logged_by, kNoFilter);
}

TEST(Controls, AContestedOneMattersOnlyWhereNoOtherBlocksForSure) {
  Verdict verdict;
  verdict.remote_clients.action = ControlAction::would_block;
  verdict.remote_clients.readings_differ = true;
  combine_controls(verdict);
  EXPECT_TRUE(verdict.readings_differ);
  verdict.ipsec.action = ControlAction::would_block;
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
  ASSERT_TRUE(verdict.has_what_if);
  EXPECT_EQ(verdict.what_if[0], VerdictAction::would_permit);
  EXPECT_EQ(verdict.what_if[1], VerdictAction::would_permit);
  EXPECT_EQ(verdict.what_if[2], VerdictAction::would_block);
}

// A policy of filters alone is judged as before.
TEST(Controls, WithoutSettingsNothingIsAdded) {
  const Verdict verdict = judge(policy_of({block({interface(kSamr)})}), samr_over_tcp(), {});
  EXPECT_EQ(verdict.action, VerdictAction::would_block);
  EXPECT_EQ(verdict.filter_action, VerdictAction::would_block);
  for (const Control control : kOtherControls) {
    EXPECT_EQ(verdict.find(control)->action, ControlAction::not_judged);
  }
}

}  // namespace
}  // namespace rpcaudit::evaluate
