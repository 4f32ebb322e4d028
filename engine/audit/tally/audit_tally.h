#pragma once

#include <array>
#include <cstdint>
#include <string_view>
#include <vector>

#include "dissect/rpc_observer.h"
#include "engine/audit/event/event_sink.h"
#include "engine/audit/tally/activity_table.h"
#include "engine/audit/tally/control_tally.h"
#include "engine/audit/tally/lookup_chain.h"
#include "engine/audit/tally/server_table.h"
#include "engine/evaluate/server_policies.h"

namespace rpcaudit::audit {

// What one kind of blindness amounts to.
struct BlindnessTally {
  std::uint64_t events = 0;
  std::uint64_t bytes = 0;
  std::uint64_t messages = 0;
};

// Calls that one filter decided, by action.
using FilterTally = std::array<std::uint64_t, evaluate::kVerdictActionCount>;

// What the auditor counted, number by number. All only grow, but for verdicts on calls that come
// into doubt after they were judged: those move from one action to another.
struct AuditCounters {
  std::uint64_t contexts = 0;  // proposed in sight
  std::uint64_t calls = 0;
  std::uint64_t judged = 0;
  std::array<std::uint64_t, evaluate::kVerdictActionCount> actions{};
  std::array<std::uint64_t, dissect::kOutcomeCount> outcomes{};
  std::uint64_t audit_only = 0;  // would block, by filters that only log
  std::array<std::uint64_t, evaluate::kAuditKeywordsCount> events_5712{};  // by AuditKeywords
  std::uint64_t readings_differ = 0;
  std::uint64_t depends_on_target = 0;
  std::uint64_t no_filter = 0;     // permitted because nothing matched
  std::uint64_t consistent = 0;    // would block, and access was denied
  std::uint64_t contradicted = 0;  // would block, and was answered
  // TCP connections to ports of RPC that clients tried to open, where IPsec rules judge them.
  std::array<std::uint64_t, evaluate::kVerdictActionCount> connections{};
  std::uint64_t refused_contexts = 0;  // refused, as if what would stop their calls were in force
  std::uint64_t records_given_up = 0;  // written before their outcome because too many waited
  std::uint64_t other_system = 0;      // not judged: their server does not run Windows
  std::uint64_t without_policy = 0;    // not judged: no policy is that of their server
  std::uint64_t lookups_hidden = 0;    // would be blocked at layer epmap
  std::uint64_t announcements_forgotten = 0;  // of endpoint mappers, that found no place
  std::uint64_t identities_forgotten = 0;     // names of users that found no place
  std::uint64_t in_doubt = 0;                 // calls of which the wire leaves several readings
  // Calls that came into doubt after they had been judged as permitted, so that no record has them.
  std::uint64_t in_doubt_unwritten = 0;
};

// Calls `visit(name, value)` for each counter, in the order in which they are written. A name that
// is empty is not written.
template <typename Counters, typename Visit>
constexpr void for_each_counter(Counters& counters, Visit&& visit) {
  using evaluate::AuditKeywords;
  using evaluate::VerdictAction;
  const auto at = [](auto& values, auto index) -> auto& {
    return values[static_cast<std::size_t>(index)];
  };
  visit("contexts", counters.contexts);
  visit("calls", counters.calls);
  visit("judged", counters.judged);
  visit("would_block", at(counters.actions, VerdictAction::would_block));
  visit("would_permit", at(counters.actions, VerdictAction::would_permit));
  visit("undecidable", at(counters.actions, VerdictAction::undecidable));
  visit("without_policy", counters.without_policy);
  visit("other_system", counters.other_system);
  visit("audit_only", counters.audit_only);
  visit("", at(counters.events_5712, AuditKeywords::none));
  visit("event_5712_success", at(counters.events_5712, AuditKeywords::success));
  visit("event_5712_failure", at(counters.events_5712, AuditKeywords::failure));
  visit("event_5712_perhaps", at(counters.events_5712, AuditKeywords::perhaps));
  visit("readings_differ", counters.readings_differ);
  visit("depends_on_target", counters.depends_on_target);
  visit("", counters.no_filter);
  visit("enforced_consistent", counters.consistent);
  visit("enforced_contradicted", counters.contradicted);
  visit("connections_would_block", at(counters.connections, VerdictAction::would_block));
  visit("connections_undecidable", at(counters.connections, VerdictAction::undecidable));
  visit("connections_would_permit", at(counters.connections, VerdictAction::would_permit));
  visit("refused_consistent", counters.refused_contexts);
  visit("response", at(counters.outcomes, dissect::Outcome::response));
  visit("fault", at(counters.outcomes, dissect::Outcome::fault));
  visit("rejected", at(counters.outcomes, dissect::Outcome::rejected));
  visit("cancelled", at(counters.outcomes, dissect::Outcome::cancelled));
  visit("orphaned", at(counters.outcomes, dissect::Outcome::orphaned));
  visit("one_way", at(counters.outcomes, dissect::Outcome::one_way));
  visit("unanswered", at(counters.outcomes, dissect::Outcome::unanswered));
  visit("lookups_hidden", counters.lookups_hidden);
  visit("announcements_forgotten", counters.announcements_forgotten);
  visit("records_given_up", counters.records_given_up);
  visit("identities_forgotten", counters.identities_forgotten);
  visit("in_doubt", counters.in_doubt);
  visit("in_doubt_unwritten", counters.in_doubt_unwritten);
}

// A counter that for_each_counter() forgets does not compile.
static_assert([] {
  AuditCounters counters;
  std::size_t visited = 0;
  for_each_counter(counters, [&](std::string_view, std::uint64_t) { ++visited; });
  return visited * sizeof(std::uint64_t) == sizeof(AuditCounters);
}());

// Calls by what they would meet.
using TargetTally = std::array<std::uint64_t, evaluate::kTargetActionCount>;

// All that the auditor counted: the counters, and tables.
struct AuditTally : AuditCounters {
  std::array<BlindnessTally, dissect::kBlindnessKindCount> blindness{};
  std::vector<FilterTally> filters;   // of all policies, one after another
  std::vector<std::size_t> policies;  // where the filters of each begin
  std::vector<bool> for_all_targets;  // of each policy
  // Of calls whose verdict depends on the target, by policies for all targets: on each of them, and
  // as they were judged.
  std::array<TargetTally, policy::kTargetCount> on_targets{};
  TargetTally as_judged{};
  // For each target, by bit, those that judged some call otherwise.
  std::array<std::uint16_t, policy::kTargetCount> differing_targets{};
  // By Control and ControlAction, of the controls besides the filters.
  std::array<std::array<std::uint64_t, evaluate::kControlActionCount>, evaluate::kControlCount>
      controls{};
  ControlTally other_controls;
  ActivityTable activities;  // would block and undecidable
  ServerTable servers;
  LookupConsequences consequences;

  [[nodiscard]] std::uint64_t count(evaluate::VerdictAction action) const noexcept {
    return actions[static_cast<std::size_t>(action)];
  }
  [[nodiscard]] std::uint64_t count(evaluate::AuditKeywords what) const noexcept {
    return events_5712[static_cast<std::size_t>(what)];
  }
  [[nodiscard]] TargetTally on_target(policy::Target target) const noexcept;
  // Whether somebody has to hear of the call.
  [[nodiscard]] bool is_finding(std::uint32_t policy,
                                const evaluate::Verdict& verdict) const noexcept {
    return verdict.action != evaluate::VerdictAction::would_permit ||
           (verdict.depends_on_target && for_all_targets[policy]);
  }
  [[nodiscard]] std::uint64_t count(dissect::Outcome outcome) const noexcept {
    return outcomes[static_cast<std::size_t>(outcome)];
  }
  // Whether the policies had anything to say of what was seen.
  [[nodiscard]] bool has_judged() const noexcept {
    return judged + connections[0] + connections[1] + connections[2] != 0;
  }
  // Adds what an auditor of other traffic, with the same policies, counted.
  void add(const AuditTally& more);
  // To be called first: takes the room for the filters.
  void prepare(const evaluate::ServerPolicies& all);
  void note_verdict(std::uint32_t policy, const evaluate::Verdict& verdict) noexcept {
    add_verdict(policy, verdict, 1);
  }
  // Takes back what note_verdict() counted.
  void forget_verdict(std::uint32_t policy, const evaluate::Verdict& verdict) noexcept {
    add_verdict(policy, verdict, ~std::uint64_t{0});
  }
  // A call that was counted as permitted, and has no record, came into doubt.
  void note_unwritten_doubt() noexcept;
  void note_blindness(const dissect::Blindness& blind) noexcept;
  // A finished call that is_finding().
  void note_finding(const ContextInfo& context, const CallEvent& call,
                    const IdentityText& identity);

 private:
  // `count` is 1, or what a sum with it takes back.
  void note_differing(const evaluate::TargetActions& targets) noexcept;
  void add_verdict(std::uint32_t policy, const evaluate::Verdict& verdict,
                   std::uint64_t count) noexcept;
};

[[nodiscard]] std::vector<NamedCounter> named_counters(const AuditTally& tally);

}  // namespace rpcaudit::audit
