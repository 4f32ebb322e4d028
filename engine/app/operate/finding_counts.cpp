#include "engine/app/operate/finding_counts.h"

#include "engine/policy/netsh/rule_name.h"

namespace rpcaudit::app {
namespace {

std::string name_of_decision(const evaluate::ServerPolicies& policies,
                             const audit::CallEvent& call) {
  const evaluate::Verdict& verdict = *call.verdict;
  if (verdict.deciding_control() != nullptr) return std::string(to_string(verdict.control));
  const std::uint32_t filter = verdict.deciding_filters().filter;
  if (filter == evaluate::kNoFilter) return "(none)";
  return policy::rule_name(policies.policy(call.policy).filters[filter]);
}

}  // namespace

FindingCounts::Actions& FindingCounts::actions_of(const audit::CallEvent& call) {
  const evaluate::Verdict& verdict = *call.verdict;
  // Filters and controls have numbers of their own.
  const std::uint32_t decision =
      verdict.deciding_control() != nullptr
          ? evaluate::kNoFilter - 1 - static_cast<std::uint32_t>(verdict.control)
          : verdict.deciding_filters().filter;
  Actions*& known = by_filter_[{call.policy, decision}];
  if (known == nullptr) {
    std::string name = name_of_decision(*policies_, call);
    if (rules_.size() >= kRulesMax && !rules_.contains(name)) name = kOtherRules;
    known = &rules_[std::move(name)];
  }
  return *known;
}

void FindingCounts::on_call(const audit::ContextInfo&, const audit::CallEvent& call,
                            const audit::IdentityText&) {
  if (!call.verdict || policies_ == nullptr || !call.reported) return;
  const evaluate::Verdict& verdict = *call.verdict;
  ++actions_of(call)[static_cast<std::size_t>(verdict.action)];
  if (verdict.action != evaluate::VerdictAction::undecidable) return;
  const evaluate::FieldSet unseen = verdict.deciding_filters().unseen;
  for (std::size_t i = 0; i < policy::kFieldCount; ++i) {
    if ((unseen & evaluate::field_bit(static_cast<policy::Field>(i))) != 0) ++fields_[i];
  }
}

FindingStatus FindingCounts::status() const {
  FindingStatus status;
  for (const auto& [rule, actions] : rules_) status.rules.push_back({rule, actions});
  for (std::size_t i = 0; i < policy::kFieldCount; ++i) {
    if (fields_[i] == 0) continue;
    status.fields.push_back({to_string(static_cast<policy::Field>(i)), fields_[i]});
  }
  return status;
}

}  // namespace rpcaudit::app
