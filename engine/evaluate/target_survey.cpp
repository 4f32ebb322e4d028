#include "engine/evaluate/target_survey.h"

#include <algorithm>
#include <array>
#include <iterator>

namespace rpcaudit::evaluate {
namespace {

using DifferenceSet = std::array<bool, policy::kDifferenceCount>;

// The rows of the table that can matter to a filter.
void note_differences(const policy::Filter& filter, DifferenceSet& matter) noexcept {
  const auto set = [&matter](policy::Difference difference, bool holds) {
    bool& value = matter[static_cast<std::size_t>(difference)];
    value = value || holds;
  };
  if (filter.enforcer == policy::Enforcer::rpc_firewall) return;
  set(policy::Difference::datagrams, filter.action != policy::Action::permit);
  set(policy::Difference::only_continue, filter.action == policy::Action::continue_);
  set(policy::Difference::audit, filter.audit && !filter.by_api);
  set(policy::Difference::audited_block,
      filter.audit && !filter.by_api && filter.action == policy::Action::block);
  set(policy::Difference::separate_processes, filter.by_separate_processes);
  set(policy::Difference::audit_parameters, filter.audit_parameters);
  for (std::size_t i = 0; i < filter.conditions.size(); ++i) {
    const policy::Condition& condition = filter.conditions[i];
    const policy::FieldType type = policy::info(condition.field).type;
    const bool is_v4 = type == policy::FieldType::address_v4;
    const bool is_address = is_v4 || type == policy::FieldType::address_v6;
    set(policy::Difference::opnum, condition.field == policy::Field::opnum);
    set(policy::Difference::pipe_addresses, is_address);
    set(policy::Difference::address_order,
        is_address && condition.match != policy::MatchType::equal);
    set(policy::Difference::v4_byte_order, is_v4 && !condition.in_network_order);
    set(policy::Difference::alternatives,
        i > 0 && filter.conditions[i - 1].field == condition.field);
  }
}

DifferenceSet differences_of(const policy::Policy& policy, policy::Layer layer) noexcept {
  DifferenceSet matter{};
  for (const policy::Filter& filter : policy.filters) {
    if (filter.layer == layer) note_differences(filter, matter);
  }
  return matter;
}

}  // namespace

TargetSurvey::TargetSurvey(const CompiledPolicy& policy) {
  const EvaluationOptions& own = policy.options();
  DifferenceSet matter = differences_of(policy.policy(), own.layer);
  if (own.keeps_v4_order) {
    matter[static_cast<std::size_t>(policy::Difference::v4_byte_order)] = false;
  }
  for (std::size_t i = 0; i < policy::kTargetCount; ++i) {
    const policy::TargetProfile target(static_cast<policy::Target>(i));
    policy::TargetProfile profile = own.profile;
    ProtocolSet protocols = 0;
    for (std::size_t row = 0; row < policy::kDifferenceCount; ++row) {
      const auto difference = static_cast<policy::Difference>(row);
      if (!matter[row] || target[difference] == own.profile[difference]) continue;
      profile.set(difference, target[difference]);
      protocols |= protocols_of(difference);
    }
    if (profile == own.profile) continue;
    auto variant = std::find_if(variants_.begin(), variants_.end(), [&profile](const Variant& one) {
      return one.policy.options().profile == profile;
    });
    if (variant == variants_.end()) {
      EvaluationOptions options = own;
      options.profile = profile;
      variants_.push_back({CompiledPolicy::compile(policy.policy(), options), protocols, {}});
      variant = std::prev(variants_.end());
    }
    variant->targets.push_back(static_cast<policy::Target>(i));
  }
}

void TargetSurvey::narrow(const ContextFacts& context,
                          std::vector<NarrowedPolicy>& narrowed) const {
  if (narrowed.size() < variants_.size()) narrowed.resize(variants_.size());
  for (std::size_t i = 0; i < variants_.size(); ++i) {
    if (variants_[i].concerns(context)) variants_[i].policy.narrow(context, narrowed[i]);
  }
}

bool TargetSurvey::is_of_interface(const ContextFacts& context,
                                   const std::vector<NarrowedPolicy>& narrowed) const noexcept {
  for (std::size_t i = 0; i < variants_.size(); ++i) {
    if (variants_[i].concerns(context) && !narrowed[i].is_of_interface()) return false;
  }
  return true;
}

bool TargetSurvey::names_client(const IpAddress& client) const noexcept {
  return std::any_of(variants_.begin(), variants_.end(), [&client](const Variant& variant) {
    return variant.policy.names_client(client);
  });
}

void TargetSurvey::compare(const std::vector<NarrowedPolicy>& narrowed, const ContextFacts& context,
                           const CallFacts& call, Verdict& verdict) const noexcept {
  TargetActions targets(target_action(verdict));
  for (std::size_t i = 0; i < variants_.size(); ++i) {
    if (!variants_[i].concerns(context)) continue;
    const Verdict other = variants_[i].policy.evaluate(narrowed[i], call);
    if (other.action != verdict.action ||
        other.filters.by_audit_filter != verdict.filters.by_audit_filter) {
      verdict.depends_on_target = true;
    }
    for (const policy::Target target : variants_[i].targets) {
      targets.set(target, target_action(other));
    }
  }
  if (verdict.depends_on_target) verdict.targets = targets;
}

void TargetSurvey::split(const std::vector<NarrowedPolicy>& narrowed, const ContextFacts& context,
                         OpnumRange& range) const noexcept {
  for (std::size_t i = 0; i < variants_.size(); ++i) {
    if (variants_[i].concerns(context)) variants_[i].policy.split(narrowed[i], range);
  }
}

}  // namespace rpcaudit::evaluate
