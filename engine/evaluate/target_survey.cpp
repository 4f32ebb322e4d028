#include "engine/evaluate/target_survey.h"

#include <algorithm>
#include <array>

namespace rpcaudit {
namespace {

using DifferenceSet = std::array<bool, kDifferenceCount>;

// The rows of the table that can matter to a filter.
void note_differences(const Filter& filter, DifferenceSet& matter) noexcept {
  const auto set = [&matter](Difference difference, bool holds) {
    bool& value = matter[static_cast<std::size_t>(difference)];
    value = value || holds;
  };
  if (filter.enforcer == Enforcer::rpc_firewall) return;
  set(Difference::datagrams, filter.action != Action::permit);
  set(Difference::only_continue, filter.action == Action::continue_);
  set(Difference::audit, filter.audit);
  set(Difference::audit_parameters, filter.audit_parameters);
  for (std::size_t i = 0; i < filter.conditions.size(); ++i) {
    const Condition& condition = filter.conditions[i];
    const FieldType type = info(condition.field).type;
    const bool is_v4 = type == FieldType::address_v4;
    const bool is_address = is_v4 || type == FieldType::address_v6;
    set(Difference::opnum, condition.field == Field::opnum);
    set(Difference::pipe_addresses, is_address);
    set(Difference::address_order, is_address && condition.match != MatchType::equal);
    set(Difference::v4_byte_order, is_v4 && !condition.in_network_order);
    set(Difference::alternatives, i > 0 && filter.conditions[i - 1].field == condition.field);
  }
}

DifferenceSet differences_of(const Policy& policy, Layer layer) noexcept {
  DifferenceSet matter{};
  for (const Filter& filter : policy.filters) {
    if (filter.layer == layer) note_differences(filter, matter);
  }
  return matter;
}

}  // namespace

TargetSurvey::TargetSurvey(const CompiledPolicy& policy) {
  const EvaluationOptions& own = policy.options();
  const DifferenceSet matter = differences_of(policy.policy(), own.layer);
  std::vector<TargetProfile> profiles{own.profile};
  for (std::size_t i = 0; i < kTargetCount; ++i) {
    const TargetProfile target(static_cast<Target>(i));
    TargetProfile profile = own.profile;
    ProtocolSet protocols = 0;
    for (std::size_t row = 0; row < kDifferenceCount; ++row) {
      const auto difference = static_cast<Difference>(row);
      if (!matter[row] || target[difference] == own.profile[difference]) continue;
      profile.set(difference, target[difference]);
      protocols |= protocols_of(difference);
    }
    if (std::find(profiles.begin(), profiles.end(), profile) != profiles.end()) continue;
    profiles.push_back(profile);
    ways_.push_back({CompiledPolicy::compile(policy.policy(), {own.layer, profile}), protocols});
  }
}

void TargetSurvey::narrow(const ContextFacts& context,
                          std::vector<NarrowedPolicy>& narrowed) const {
  if (narrowed.size() < ways_.size()) narrowed.resize(ways_.size());
  for (std::size_t i = 0; i < ways_.size(); ++i) {
    if (ways_[i].concerns(context)) ways_[i].policy.narrow(context, narrowed[i]);
  }
}

bool TargetSurvey::depends(const std::vector<NarrowedPolicy>& narrowed, const ContextFacts& context,
                           const CallFacts& call, const Verdict& verdict) const noexcept {
  for (std::size_t i = 0; i < ways_.size(); ++i) {
    if (!ways_[i].concerns(context)) continue;
    const Verdict other = ways_[i].policy.evaluate(narrowed[i], call);
    if (other.action != verdict.action || other.audit_only != verdict.audit_only) return true;
  }
  return false;
}

void TargetSurvey::split(const std::vector<NarrowedPolicy>& narrowed, const ContextFacts& context,
                         OpnumRange& range) const noexcept {
  for (std::size_t i = 0; i < ways_.size(); ++i) {
    if (ways_[i].concerns(context)) ways_[i].policy.split(narrowed[i], range);
  }
}

}  // namespace rpcaudit
