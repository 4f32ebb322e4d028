#pragma once

#include <array>
#include <cstdint>
#include <vector>

#include "dissect/rpc_observer.h"
#include "engine/audit/event/event_sink.h"
#include "engine/audit/tally/activity_table.h"
#include "engine/audit/tally/control_tally.h"
#include "engine/audit/tally/lookup_chain.h"
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

// What the auditor counted. Grows only.
struct AuditTally {
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
  std::uint64_t consistent = 0;    // of those that would be blocked: access was denied
  std::uint64_t contradicted = 0;  // of those that would be blocked: they were answered
  // TCP connections to ports of RPC that clients tried to open, where IPsec rules judge them.
  std::array<std::uint64_t, evaluate::kVerdictActionCount> connections{};
  std::uint64_t refused_contexts = 0;  // refused, as if what would stop their calls were in force
  std::uint64_t records_given_up = 0;  // written before their outcome because too many waited
  std::array<BlindnessTally, dissect::kBlindnessKindCount> blindness{};
  std::uint64_t other_system = 0;     // not judged: their server does not run Windows
  std::uint64_t without_policy = 0;   // not judged: no policy is that of their server
  std::vector<FilterTally> filters;   // of all policies, one after another
  std::vector<std::size_t> policies;  // where the filters of each begin
  // By Control and ControlAction, of the controls besides the filters.
  std::array<std::array<std::uint64_t, evaluate::kControlActionCount>, evaluate::kControlCount>
      controls{};
  ControlTally other_controls;
  ActivityTable activities;          // would block and undecidable
  std::uint64_t lookups_hidden = 0;  // would be blocked at layer epmap
  LookupConsequences consequences;
  std::uint64_t announcements_forgotten = 0;  // of endpoint mappers, that found no place

  [[nodiscard]] std::uint64_t count(evaluate::VerdictAction action) const noexcept {
    return actions[static_cast<std::size_t>(action)];
  }
  [[nodiscard]] std::uint64_t count(evaluate::AuditKeywords what) const noexcept {
    return events_5712[static_cast<std::size_t>(what)];
  }
  [[nodiscard]] std::uint64_t count(dissect::Outcome outcome) const noexcept {
    return outcomes[static_cast<std::size_t>(outcome)];
  }
  // Whether the policies had anything to say of what was seen.
  [[nodiscard]] bool has_judged() const noexcept {
    return judged + connections[0] + connections[1] + connections[2] != 0;
  }
  // What an auditor of other traffic, with the same policies, counted.
  void add(const AuditTally& more);

  // To be called first: takes the room for the filters.
  void prepare(const evaluate::ServerPolicies& all);

  void note_verdict(std::uint32_t policy, const evaluate::Verdict& verdict) noexcept;
  void note_blindness(const dissect::Blindness& blind) noexcept;
  // A finished call that would be blocked or is undecidable.
  void note_finding(const ContextInfo& context, const CallEvent& call,
                    const IdentityText& identity);
};

[[nodiscard]] std::vector<NamedCounter> named_counters(const AuditTally& tally);

}  // namespace rpcaudit::audit
