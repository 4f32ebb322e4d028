#include "engine/evaluate/explain.h"

#include <algorithm>
#include <array>
#include <utility>

#include "engine/evaluate/controls/control_text.h"
#include "engine/evaluate/filters/condition_truth.h"
#include "engine/evaluate/filters/near_match.h"
#include "engine/evaluate/filters/reference.h"
#include "engine/policy/filter_weight.h"
#include "engine/policy/netsh/printer.h"

namespace rpcaudit::evaluate {
namespace {

std::string describe_outcome(const policy::Policy& policy, const FilterVerdict& verdict) {
  std::string text(to_string(verdict.action));
  if (verdict.by_audit_filter) text += " (logged only)";
  if (verdict.filter == kNoFilter) return text;
  const policy::Filter& filter = policy.filters[verdict.filter];
  return text + " by `" + policy::describe(filter) + "` (" +
         policy::source_text(policy, filter.span) + ')';
}

// What the filters say in the ways in which sources have audit=enable.
void note_audit_readings(const Case& judged, const ReferenceJudgement& judgement,
                         Explanation& explanation) {
  if (!judgement.verdict.readings_differ) return;
  const SublayerVerdicts& parts = judgement.sublayers;
  const auto note = [&](std::string_view words, const FilterVerdict& verdict) {
    explanation.notes.push_back(std::string(words) + ": " +
                                describe_outcome(judged.policy, verdict));
  };
  note("filters with audit=enable only logged", parts.filters);
  note("filters with audit=enable applied", parts.one_list);
  const FilterVerdict combined = block_over_permit(parts.filters, parts.audit);
  if (combined.action == parts.one_list.action) return;
  note("filters with audit=enable applied as a sublayer of their own", combined);
}

std::string words_for(const Reading& reading, const Case& judged) {
  if (reading.other_security) {
    return "with authentication type " + std::to_string(judged.call.auth_type_other) +
           " and level " + std::to_string(judged.call.auth_level_other) +
           ", as other sources read the call";
  }
  const policy::TargetProfile& profile = judged.options.profile;
  const bool swaps = profile[policy::Difference::v4_byte_order] == policy::Behaviour::swapped;
  std::string words = swaps ? "with IPv4 addresses compared in host order" : "with";
  if (!transport_of(judged.context.protocol).is_pipe) return words;
  if (swaps) words += ", and with";
  if (profile[policy::Difference::pipe_addresses] == policy::Behaviour::contested) {
    words += " no addresses on named pipes, and";
  }
  return words + " the server's names of them";
}

void note_other_readings(const Case& judged, const std::vector<std::uint32_t>& order,
                         Explanation& explanation) {
  for (const Reading& reading : other_readings(judged)) {
    const FilterVerdict other = reference_judgement(judged, order, reading).verdict;
    if (other.action == explanation.verdict.filters.action) continue;
    explanation.verdict.filters.readings_differ = true;
    explanation.notes.push_back(words_for(reading, judged) + ": " +
                                describe_outcome(judged.policy, other));
  }
}

void note_what_is_not_told(const FilterVerdict& verdict, Explanation& explanation) {
  if (verdict.undecidable_by_continue) {
    explanation.notes.emplace_back(
        "only `continue` filters match: one document says that this denies access, another that "
        "it decides nothing, which permits");
  }
  if (verdict.undecidable_by_datagram) {
    explanation.notes.emplace_back("no source says whether Windows filters datagram calls");
  }
}

// What each sublayer says alone, and how they are combined.
void note_sublayers(const Case& judged, const ReferenceJudgement& judgement,
                    Explanation& explanation) {
  const SublayerVerdicts& parts = judgement.sublayers;
  if (!parts.has_audit && !parts.has_rpc_firewall) return;
  const bool logs_only =
      judged.options.profile[policy::Difference::audit] == policy::Behaviour::logs_only;
  const auto add = [&](std::string_view name, const FilterVerdict& verdict) {
    explanation.sublayers.push_back(std::string(name) + ": " +
                                    describe_outcome(judged.policy, verdict));
  };
  add("filters without audit", parts.filters);
  if (parts.has_audit) {
    add(logs_only ? "filters with audit, logged only" : "filters with audit", parts.audit);
  }
  if (parts.has_rpc_firewall) add("lines of RPC Firewall", parts.rpc_firewall);
  explanation.sublayers.emplace_back("together: a block of one prevails over a permit of another");
}

std::string names_of_targets(const policy::DifferenceRow& row, policy::Behaviour behaviour) {
  std::string names;
  std::size_t count = 0;
  for (std::size_t i = 0; i < policy::kTargetCount; ++i) {
    if (row.behaviours[i] != behaviour) continue;
    if (!names.empty()) names += ", ";
    names += to_string(static_cast<policy::Target>(i));
    ++count;
  }
  const bool all_of_windows = count == policy::kTargetCount - 1 && row.behaviours[0] != behaviour;
  return all_of_windows ? "every version of Windows" : names;
}

// Each row of the target table that alone would change the action.
void note_targets(const Case& judged, const std::vector<std::uint32_t>& order,
                  Explanation& explanation) {
  for (const policy::DifferenceRow& row : policy::target_table()) {
    std::vector<policy::Behaviour> tried{judged.options.profile[row.difference]};
    for (const policy::Behaviour behaviour : row.behaviours) {
      if (std::find(tried.begin(), tried.end(), behaviour) != tried.end()) continue;
      tried.push_back(behaviour);
      EvaluationOptions options = judged.options;
      options.profile.set(row.difference, behaviour);
      const Case other{judged.policy, options, judged.context, judged.call};
      const FilterVerdict verdict = reference_judgement(other, order, {}).verdict;
      if (verdict.action == explanation.verdict.filters.action) continue;
      explanation.targets.push_back("on " + names_of_targets(row, behaviour) + ": " +
                                    std::string(row.about) + " (" +
                                    std::string(to_string(behaviour)) + "); the verdict is then " +
                                    describe_outcome(judged.policy, verdict));
    }
  }
}

FilterFinding find_out(const Case& judged, std::uint32_t index) {
  const policy::Filter& filter = judged.policy.filters[index];
  const policy::TargetProfile profile = judged.profile_of(filter);
  FilterFinding finding;
  finding.filter = index;
  finding.weight = policy::filter_weight(filter);
  finding.truth = filter_truth(judged, index);
  for (std::size_t i = 0; i < filter.conditions.size(); ++i) {
    const policy::Condition& condition = filter.conditions[i];
    const Truth truth = condition_truth(condition, judged.context, judged.call, profile, {});
    finding.conditions.push_back(
        {i, truth, seen_text(condition.field, judged.context, judged.call, profile),
         condition_note(condition, truth, judged.context, judged.call, profile)});
  }
  return finding;
}

// Why a filter that matches or may match has not decided, or that it has.
std::string note_match(const policy::Filter& filter, const FilterFinding& finding,
                       const FilterVerdict& verdict, bool logs_only) {
  if (finding.decided) return filter.audit ? "decides, as a filter with audit=enable" : "decides";
  if (filter.action == policy::Action::continue_) {
    return verdict.undecidable_by_continue ? "matches, and no filter decides after it"
                                           : "leaves the decision to the filters after it";
  }
  const bool certain = finding.truth == Truth::yes;
  if (filter.audit && certain && logs_only) return "only logs, having audit=enable";
  if (certain && verdict.action == VerdictAction::undecidable) {
    return "decides if nothing before it does";
  }
  if (certain) return "decides its sublayer; a filter of another decides the call";
  return verdict.action == VerdictAction::undecidable
             ? "may match and decide"
             : "may match, but would not change the verdict";
}

void add_findings(const Case& judged, const std::vector<std::uint32_t>& order,
                  Explanation& explanation) {
  const FilterVerdict& verdict = explanation.verdict.filters;
  const bool logs_only =
      judged.options.profile[policy::Difference::audit] == policy::Behaviour::logs_only;
  const bool is_decided = verdict.action != VerdictAction::undecidable;
  std::array<bool, 3> settled{};  // filters without audit, with audit, of RPC Firewall
  for (const std::uint32_t index : order) {
    FilterFinding finding = find_out(judged, index);
    const policy::Filter& filter = judged.policy.filters[index];
    bool& is_settled = settled[filter.enforcer == policy::Enforcer::rpc_firewall ? 2
                               : filter.audit                                    ? 1
                                                                                 : 0];
    finding.decided = is_decided && index == verdict.filter;
    if (is_refused_on(filter, judged.profile_of(filter))) {
      finding.note = "the target refuses such a filter";
    } else if (finding.truth == Truth::no) {
      finding.note = "does not match";
    } else if (is_settled || (filter.audit && logs_only && settled[0])) {
      finding.note = "not reached: a heavier filter decides";
    } else {
      finding.note = note_match(filter, finding, verdict, logs_only);
    }
    const bool ends = finding.truth == Truth::yes && filter.action != policy::Action::continue_;
    is_settled = is_settled || finding.decided || ends;
    explanation.filters.push_back(std::move(finding));
  }
  for (std::uint32_t index = 0; index < judged.policy.filters.size(); ++index) {
    const policy::Filter& filter = judged.policy.filters[index];
    if (filter.layer == judged.options.layer) continue;
    FilterFinding finding;
    finding.filter = index;
    finding.weight = policy::filter_weight(filter);
    finding.note = "not for this layer, but for `" + std::string(to_string(filter.layer)) + "`";
    explanation.filters.push_back(std::move(finding));
  }
}

// The other controls, with the slow evaluation of IPsec, and all of them together.
void add_controls(const Case& judged, Explanation& explanation) {
  const ControlText text(judged.policy);
  Verdict& verdict = explanation.verdict;
  if (text.controls().empty()) return combine_controls(verdict);
  NarrowedControls narrowed = text.controls().narrow(judged.context);
  if (!text.controls().ipsec().empty()) {
    const IpsecFinding ipsec =
        explain_ipsec(judged.policy.host.ipsec, connection_of(judged.context));
    narrowed.ipsec.action = ipsec.action;
    narrowed.ipsec.readings_differ = ipsec.is_ambiguous;
  }
  text.controls().apply(narrowed, judged.call, verdict);
  for (const Control control : kOtherControls) {
    const ControlVerdict& own = verdict.controls[control];
    if (own.action == ControlAction::not_judged) continue;
    explanation.controls.push_back(
        {control, own.action, std::string(text.row(control, own)), text.reason(control, own)});
  }
}

}  // namespace

Explanation explain(const policy::Policy& policy, const EvaluationOptions& asked,
                    const ContextFacts& context, const CallFacts& call) {
  const EvaluationOptions options = options_for(policy, asked);
  const Case judged{policy, options, context, call};
  const std::vector<std::uint32_t> order = policy::evaluation_order(policy, options.layer);
  const ReferenceJudgement judgement = reference_judgement(judged, order, {});
  Explanation explanation;
  explanation.verdict.filters = judgement.verdict;
  note_audit_readings(judged, judgement, explanation);
  note_other_readings(judged, order, explanation);
  note_what_is_not_told(judgement.verdict, explanation);
  note_sublayers(judged, judgement, explanation);
  note_targets(judged, order, explanation);
  add_findings(judged, order, explanation);
  add_controls(judged, explanation);
  // Whatever the filters say on other targets, another control stops the call.
  const bool is_stopped = explanation.verdict.deciding_control() != nullptr &&
                          explanation.verdict.action == VerdictAction::would_block;
  if (is_stopped) explanation.targets.clear();
  return explanation;
}

}  // namespace rpcaudit::evaluate
