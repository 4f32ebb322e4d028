#include "engine/audit/tally/audit_tally.h"

#include <algorithm>

#include "engine/audit/event/evidence.h"

namespace rpcaudit::audit {

void AuditTally::add(const AuditTally& more) {
  std::vector<std::uint64_t> values;
  for_each_counter(more, [&](std::string_view, std::uint64_t value) { values.push_back(value); });
  auto next = values.begin();
  for_each_counter(*this, [&](std::string_view, std::uint64_t& value) { value += *next++; });
  for (std::size_t i = 0; i < blindness.size(); ++i) {
    blindness[i].events += more.blindness[i].events;
    blindness[i].bytes += more.blindness[i].bytes;
    blindness[i].messages += more.blindness[i].messages;
  }
  if (policies.size() < more.policies.size()) {
    policies = more.policies;
    for_all_targets = more.for_all_targets;
  }
  filters.resize(std::max(filters.size(), more.filters.size()));
  for (std::size_t i = 0; i < more.filters.size(); ++i) {
    for (std::size_t action = 0; action < evaluate::kVerdictActionCount; ++action) {
      filters[i][action] += more.filters[i][action];
    }
  }
  for (std::size_t action = 0; action < evaluate::kTargetActionCount; ++action) {
    for (std::size_t i = 0; i < policy::kTargetCount; ++i) {
      on_targets[i][action] += more.on_targets[i][action];
    }
    as_judged[action] += more.as_judged[action];
  }
  for (std::size_t i = 0; i < policy::kTargetCount; ++i) {
    differing_targets[i] |= more.differing_targets[i];
  }
  for (std::size_t i = 0; i < evaluate::kControlCount; ++i) {
    for (std::size_t action = 0; action < evaluate::kControlActionCount; ++action) {
      controls[i][action] += more.controls[i][action];
    }
  }
  other_controls.add(more.other_controls);
  activities.add(more.activities);
  servers.add(more.servers);
  consequences.add(more.consequences);
}

void AuditTally::prepare(const evaluate::ServerPolicies& all) {
  std::size_t count = filters.size();
  for (auto i = static_cast<std::uint32_t>(policies.size()); i < all.size(); ++i) {
    policies.push_back(count);
    for_all_targets.push_back(!all.options(i).target);
    count += all.policy(i).filters.size();
  }
  filters.resize(count);
}

void AuditTally::add_verdict(std::uint32_t policy, const evaluate::Verdict& verdict,
                             std::uint64_t count) noexcept {
  const auto add = [count](auto& values, auto index) {
    values[static_cast<std::size_t>(index)] += count;
  };
  judged += count;
  add(actions, verdict.action);
  const evaluate::FilterVerdict& deciding = verdict.deciding_filters();
  if (deciding.filter != evaluate::kNoFilter) {
    add(filters[policies[policy] + deciding.filter], deciding.action);
  } else {
    no_filter += count;
  }
  for (const evaluate::Control control : evaluate::kOtherControls) {
    add(controls[static_cast<std::size_t>(control)], verdict.controls[control].action);
  }
  const bool hides = verdict.mapper_filters &&
                     verdict.mapper_filters->action == evaluate::VerdictAction::would_block;
  if (hides) lookups_hidden += count;
  if (evaluate::is_only_logged(verdict)) audit_only += count;
  add(events_5712, verdict.event_5712.keywords);
  if (verdict.readings_differ) readings_differ += count;
  if (!verdict.depends_on_target) return;
  depends_on_target += count;
  if (!for_all_targets[policy]) return;
  add(as_judged, evaluate::target_action(verdict));
  for (std::size_t i = 0; i < policy::kTargetCount; ++i) {
    add(on_targets[i], verdict.targets[static_cast<policy::Target>(i)]);
  }
  if (count == 1) note_differing(verdict.targets);
}

void AuditTally::note_differing(const evaluate::TargetActions& targets) noexcept {
  static_assert(policy::kTargetCount <= 16);
  std::array<std::uint16_t, evaluate::kTargetActionCount> with_action{};
  const auto action_of = [&targets](std::size_t i) {
    return static_cast<std::size_t>(targets[static_cast<policy::Target>(i)]);
  };
  for (std::size_t i = 0; i < policy::kTargetCount; ++i) {
    auto& mask = with_action[action_of(i)];
    mask = static_cast<std::uint16_t>(mask | 1u << i);
  }
  for (std::size_t i = 0; i < policy::kTargetCount; ++i) {
    differing_targets[i] =
        static_cast<std::uint16_t>(differing_targets[i] | ~unsigned{with_action[action_of(i)]});
  }
}

TargetTally AuditTally::on_target(policy::Target target) const noexcept {
  const std::uint64_t blocked = count(evaluate::VerdictAction::would_block) - audit_only;
  TargetTally all{};
  const auto at = [&all](evaluate::TargetAction action) -> std::uint64_t& {
    return all[static_cast<std::size_t>(action)];
  };
  at(evaluate::TargetAction::would_permit) = count(evaluate::VerdictAction::would_permit);
  at(evaluate::TargetAction::would_block) = blocked;
  at(evaluate::TargetAction::undecidable) = count(evaluate::VerdictAction::undecidable);
  at(evaluate::TargetAction::would_log) = audit_only;
  for (std::size_t action = 0; action < all.size(); ++action) {
    all[action] += on_targets[static_cast<std::size_t>(target)][action] - as_judged[action];
  }
  return all;
}

void AuditTally::note_unwritten_doubt() noexcept {
  --actions[static_cast<std::size_t>(evaluate::VerdictAction::would_permit)];
  ++actions[static_cast<std::size_t>(evaluate::VerdictAction::undecidable)];
  ++in_doubt_unwritten;
}

void AuditTally::note_blindness(const dissect::Blindness& blind) noexcept {
  BlindnessTally& sum = blindness[static_cast<std::size_t>(blind.kind)];
  // Some are told all at once when the input ends.
  const bool is_sum = blind.kind == dissect::BlindnessKind::unfinished_fragments ||
                      blind.kind == dissect::BlindnessKind::encapsulated;
  sum.events += is_sum ? blind.messages : 1;
  sum.bytes += blind.bytes;
  sum.messages += blind.messages;
}

void AuditTally::note_finding(const ContextInfo& context, const CallEvent& call,
                              const IdentityText& identity) {
  activities.note(context, call, identity, for_all_targets[call.policy]);
  if (evaluate::is_only_logged(*call.verdict)) return;
  if (call.verdict->action != evaluate::VerdictAction::would_block) return;
  const Enforced what = evidence_of(context, call).enforced;
  if (what == Enforced::consistent) ++consistent;
  if (what == Enforced::contradicted) ++contradicted;
}

std::vector<NamedCounter> named_counters(const AuditTally& tally) {
  std::vector<NamedCounter> counters;
  for_each_counter(tally, [&](std::string_view name, const std::uint64_t& value) {
    if (!name.empty()) counters.push_back({name, value});
    if (&value != &tally.lookups_hidden) return;
    counters.push_back({"calls_after_hidden_lookups", tally.consequences.calls(false)});
    counters.push_back({"calls_after_listings", tally.consequences.calls(true)});
  });
  return counters;
}

}  // namespace rpcaudit::audit
