#include "engine/audit/tally/audit_tally.h"

#include <algorithm>

#include "engine/audit/event/evidence.h"

namespace rpcaudit::audit {

void AuditTally::add(const AuditTally& more) {
  contexts += more.contexts;
  calls += more.calls;
  judged += more.judged;
  for (std::size_t i = 0; i < actions.size(); ++i) actions[i] += more.actions[i];
  for (std::size_t i = 0; i < outcomes.size(); ++i) outcomes[i] += more.outcomes[i];
  audit_only += more.audit_only;
  for (std::size_t i = 0; i < events_5712.size(); ++i) events_5712[i] += more.events_5712[i];
  readings_differ += more.readings_differ;
  depends_on_target += more.depends_on_target;
  no_filter += more.no_filter;
  consistent += more.consistent;
  contradicted += more.contradicted;
  records_given_up += more.records_given_up;
  for (std::size_t i = 0; i < blindness.size(); ++i) {
    blindness[i].events += more.blindness[i].events;
    blindness[i].bytes += more.blindness[i].bytes;
    blindness[i].messages += more.blindness[i].messages;
  }
  without_policy += more.without_policy;
  other_system += more.other_system;
  for (std::size_t i = 0; i < connections.size(); ++i) connections[i] += more.connections[i];
  refused_contexts += more.refused_contexts;
  filters.resize(std::max(filters.size(), more.filters.size()));
  for (std::size_t i = 0; i < more.filters.size(); ++i) {
    for (std::size_t action = 0; action < evaluate::kVerdictActionCount; ++action) {
      filters[i][action] += more.filters[i][action];
    }
  }
  for (std::size_t i = 0; i < evaluate::kControlCount; ++i) {
    for (std::size_t action = 0; action < evaluate::kControlActionCount; ++action) {
      controls[i][action] += more.controls[i][action];
    }
  }
  other_controls.add(more.other_controls);
  activities.add(more.activities);
  lookups_hidden += more.lookups_hidden;
  announcements_forgotten += more.announcements_forgotten;
  consequences.add(more.consequences);
}

void AuditTally::prepare(const evaluate::ServerPolicies& all) {
  std::size_t count = 0;
  for (std::uint32_t i = 0; i < all.size(); ++i) {
    policies.push_back(count);
    count += all.policy(i).filters.size();
  }
  filters.resize(count);
}

void AuditTally::note_verdict(std::uint32_t policy, const evaluate::Verdict& verdict) noexcept {
  const auto action = static_cast<std::size_t>(verdict.action);
  ++judged;
  ++actions[action];
  const evaluate::FilterVerdict& deciding = verdict.deciding_filters();
  if (deciding.filter != evaluate::kNoFilter) {
    ++filters[policies[policy] + deciding.filter][static_cast<std::size_t>(deciding.action)];
  } else {
    ++no_filter;
  }
  for (const evaluate::Control control : evaluate::kOtherControls) {
    ++controls[static_cast<std::size_t>(control)]
              [static_cast<std::size_t>(verdict.controls[control].action)];
  }
  if (verdict.mapper_filters &&
      verdict.mapper_filters->action == evaluate::VerdictAction::would_block) {
    ++lookups_hidden;
  }
  if (evaluate::is_only_logged(verdict)) ++audit_only;
  ++events_5712[static_cast<std::size_t>(verdict.event_5712.keywords)];
  if (verdict.readings_differ) ++readings_differ;
  if (verdict.depends_on_target) ++depends_on_target;
}

void AuditTally::note_blindness(const dissect::Blindness& blind) noexcept {
  BlindnessTally& sum = blindness[static_cast<std::size_t>(blind.kind)];
  // All of them are told at once, those of each shard apart.
  sum.events += blind.kind == dissect::BlindnessKind::unfinished_fragments ? blind.messages : 1;
  sum.bytes += blind.bytes;
  sum.messages += blind.messages;
}

void AuditTally::note_finding(const ContextInfo& context, const CallEvent& call,
                              const IdentityText& identity) {
  activities.note(context, call, identity);
  if (call.verdict->action != evaluate::VerdictAction::would_block) return;
  const Enforced what = evidence_of(context, call).enforced;
  if (what == Enforced::consistent) ++consistent;
  if (what == Enforced::contradicted) ++contradicted;
}

std::vector<NamedCounter> named_counters(const AuditTally& tally) {
  constexpr auto kBlocked = static_cast<std::size_t>(evaluate::VerdictAction::would_block);
  constexpr auto kUndecided = static_cast<std::size_t>(evaluate::VerdictAction::undecidable);
  constexpr auto kPermitted = static_cast<std::size_t>(evaluate::VerdictAction::would_permit);
  return {
      {"contexts", tally.contexts},
      {"calls", tally.calls},
      {"judged", tally.judged},
      {"would_block", tally.count(evaluate::VerdictAction::would_block)},
      {"would_permit", tally.count(evaluate::VerdictAction::would_permit)},
      {"undecidable", tally.count(evaluate::VerdictAction::undecidable)},
      {"without_policy", tally.without_policy},
      {"other_system", tally.other_system},
      {"audit_only", tally.audit_only},
      {"event_5712_success", tally.count(evaluate::AuditKeywords::success)},
      {"event_5712_failure", tally.count(evaluate::AuditKeywords::failure)},
      {"event_5712_perhaps", tally.count(evaluate::AuditKeywords::perhaps)},
      {"readings_differ", tally.readings_differ},
      {"depends_on_target", tally.depends_on_target},
      {"enforced_consistent", tally.consistent},
      {"enforced_contradicted", tally.contradicted},
      {"connections_would_block", tally.connections[kBlocked]},
      {"connections_undecidable", tally.connections[kUndecided]},
      {"connections_would_permit", tally.connections[kPermitted]},
      {"refused_consistent", tally.refused_contexts},
      {"response", tally.count(dissect::Outcome::response)},
      {"fault", tally.count(dissect::Outcome::fault)},
      {"rejected", tally.count(dissect::Outcome::rejected)},
      {"cancelled", tally.count(dissect::Outcome::cancelled)},
      {"orphaned", tally.count(dissect::Outcome::orphaned)},
      {"one_way", tally.count(dissect::Outcome::one_way)},
      {"unanswered", tally.count(dissect::Outcome::unanswered)},
      {"lookups_hidden", tally.lookups_hidden},
      {"calls_after_hidden_lookups", tally.consequences.calls(false)},
      {"calls_after_listings", tally.consequences.calls(true)},
      {"announcements_forgotten", tally.announcements_forgotten},
      {"records_given_up", tally.records_given_up},
  };
}

}  // namespace rpcaudit::audit
