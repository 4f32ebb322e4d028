#include "engine/evaluate/explain.h"

#include <span>
#include <utility>

#include "engine/evaluate/audit_readings.h"
#include "engine/evaluate/condition_truth.h"
#include "engine/evaluate/control_text.h"
#include "engine/evaluate/near_match.h"
#include "engine/evaluate/reading.h"
#include "engine/policy/filter_weight.h"
#include "engine/policy/printer.h"

namespace rpcaudit {
namespace {

// A filter that matches or may match.
struct Match {
  std::uint32_t filter = 0;
  Action action{};
  bool audit = false;
  Truth truth = Truth::yes;
  FieldSet unseen = 0;
};

Match match_filter(const Policy& policy, std::uint32_t index, const ContextFacts& context,
                   const CallFacts& call, const Reading& reading) {
  const Filter& filter = policy.filters[index];
  Match match{index, filter.action, filter.audit};
  for (std::span<const Condition> rest = filter.conditions; !rest.empty();) {
    const std::span<const Condition> run = take_run(rest);
    Truth truth = Truth::no;
    for (const Condition& condition : run) {
      truth = truth_or(truth, condition_truth(condition, context, call, reading));
    }
    if (truth == Truth::unknown) match.unseen |= field_bit(run.front().field);
    match.truth = truth_and(match.truth, truth);
  }
  return match;
}

// How a walk through the filters can end.
struct Endings {
  bool permit = false;
  bool block = false;
  bool undecided = false;  // only `continue` filters matched

  [[nodiscard]] bool only(Action action) const {
    return !undecided && (action == Action::permit ? !block : !permit);
  }
};

// Where no permit or block decides: permitted, unless `continue` filters match, of which the
// documents say that they deny until all filters have run.
Endings endings_without_decision(std::span<const Match> continues, FieldSet& unseen) {
  bool certain = false;
  FieldSet depends = 0;
  for (const Match& match : continues) {
    certain = certain || match.truth == Truth::yes;
    depends |= match.unseen;
  }
  if (!certain) unseen |= depends;
  return {.permit = !certain, .undecided = !continues.empty()};
}

// Arbitration among `matches`, in order of evaluation: the first that matches and permits or
// blocks decides. An unknown one matters when what follows it can end otherwise, so that the walk
// goes backwards. Filters with audit=enable take part in one of two readings.
Verdict arbitrate(std::span<const Match> matches, bool with_audit) {
  std::vector<Match> deciders;
  std::vector<Match> continues;
  bool decided = false;
  for (const Match& match : matches) {
    if (decided || (match.audit && !with_audit)) continue;
    if (match.action != Action::continue_) {
      deciders.push_back(match);
      decided = match.truth == Truth::yes;
    } else if (!match.audit) {
      continues.push_back(match);
    }
  }
  Verdict verdict;
  Endings endings;
  if (!decided) endings = endings_without_decision(continues, verdict.unseen);
  for (auto match = deciders.rbegin(); match != deciders.rend(); ++match) {
    const bool certain = match->truth == Truth::yes;
    if (!certain && !endings.only(match->action)) verdict.unseen |= match->unseen;
    (match->action == Action::permit ? endings.permit : endings.block) = true;
  }
  if (endings.only(Action::permit) || endings.only(Action::block)) {
    verdict.action = endings.block ? VerdictAction::would_block : VerdictAction::would_permit;
    verdict.unseen = 0;
    if (decided) verdict.filter = deciders.back().filter;
  } else {
    verdict.action = VerdictAction::undecidable;
    verdict.filter = deciders.empty() ? continues.front().filter : deciders.front().filter;
    verdict.undecidable_by_continue = deciders.empty();
  }
  verdict.control = verdict.filter == kNoFilter ? Control::none : Control::rpc_filter;
  return verdict;
}

// One reading of the policy, with both readings of its audit filters.
struct Judgement {
  Verdict without_audit;
  Verdict with_audit;
  Verdict verdict;
};

Judgement judge(const Policy& policy, const std::vector<std::uint32_t>& order,
                const ContextFacts& context, const CallFacts& call, const Reading& reading) {
  std::vector<Match> matches;
  for (const std::uint32_t filter : order) {
    const Match match = match_filter(policy, filter, context, call, reading);
    if (match.truth != Truth::no) matches.push_back(match);
  }
  Judgement judgement{arbitrate(matches, false), arbitrate(matches, true), {}};
  judgement.verdict = combine_audit_readings(judgement.without_audit, judgement.with_audit);
  return judgement;
}

std::string describe_outcome(const Policy& policy, const Verdict& verdict) {
  std::string text(to_string(verdict.action));
  if (verdict.filter == kNoFilter) return text;
  const Filter& filter = policy.filters[verdict.filter];
  return text + " by `" + describe(filter) + "` (" + source_text(policy, filter.span) + ')';
}

void note_audit_readings(const Policy& policy, const Judgement& judgement,
                         Explanation& explanation) {
  if (!judgement.verdict.readings_differ) return;
  explanation.notes.push_back("filters with audit=enable only logged: " +
                              describe_outcome(policy, judgement.without_audit));
  explanation.notes.push_back("filters with audit=enable applied: " +
                              describe_outcome(policy, judgement.with_audit));
}

void note_other_reading(const Policy& policy, const Verdict& other, std::string_view words,
                        Explanation& explanation) {
  if (other.action == explanation.verdict.action) return;
  explanation.verdict.readings_differ = true;
  explanation.notes.push_back(std::string(words) + ": " + describe_outcome(policy, other));
}

std::string words_for_other_security(const CallFacts& call) {
  return "with authentication type " + std::to_string(call.auth_type_other) + " and level " +
         std::to_string(call.auth_level_other) + ", as other sources read the call";
}

bool has_other_security(const CallFacts& call) {
  return !call.auth_unseen &&
         (call.auth_type_other != call.auth_type || call.auth_level_other != call.auth_level ||
          call.auth_type == kNegotiateType);
}

FilterFinding find_out(const Policy& policy, std::uint32_t index, const ContextFacts& context,
                       const CallFacts& call) {
  FilterFinding finding;
  finding.filter = index;
  finding.truth = match_filter(policy, index, context, call, {}).truth;
  const Filter& filter = policy.filters[index];
  for (std::size_t i = 0; i < filter.conditions.size(); ++i) {
    const Condition& condition = filter.conditions[i];
    const Truth truth = condition_truth(condition, context, call, {});
    finding.conditions.push_back({i, truth, seen_text(condition.field, context, call),
                                  condition_note(condition, truth, context, call)});
  }
  return finding;
}

// Why a filter that matches or may match has not decided, or that it has.
std::string note_match(const Filter& filter, Truth truth, const Verdict& verdict, bool is_decider,
                       bool is_past_decider) {
  if (is_past_decider) return "not reached: a heavier filter decides";
  if (is_decider) return filter.audit ? "decides, as a filter with audit=enable" : "decides";
  if (filter.action == Action::continue_) {
    return verdict.undecidable_by_continue ? "matches, and no filter decides after it"
                                           : "leaves the decision to the filters after it";
  }
  if (filter.audit && truth == Truth::yes) return "only logs, having audit=enable";
  if (truth == Truth::yes) return "decides if nothing before it does";
  return verdict.action == VerdictAction::undecidable
             ? "may match and decide"
             : "may match, but would not change the verdict";
}

void add_findings(const Policy& policy, const std::vector<std::uint32_t>& order,
                  const ContextFacts& context, const CallFacts& call, Explanation& explanation) {
  const Verdict& verdict = explanation.verdict;
  const bool is_decided = verdict.action != VerdictAction::undecidable;
  bool past_decider = false;
  for (const std::uint32_t index : order) {
    FilterFinding finding = find_out(policy, index, context, call);
    const Filter& filter = policy.filters[index];
    finding.decided = is_decided && index == verdict.filter;
    finding.note = finding.truth == Truth::no
                       ? "does not match"
                       : note_match(filter, finding.truth, verdict, finding.decided, past_decider);
    const bool ends = finding.truth == Truth::yes && filter.action != Action::continue_;
    past_decider = past_decider || finding.decided || (ends && !is_decided && !filter.audit);
    explanation.filters.push_back(std::move(finding));
  }
  for (std::uint32_t index = 0; index < policy.filters.size(); ++index) {
    if (policy.filters[index].layer == Layer::um) continue;
    FilterFinding finding;
    finding.filter = index;
    finding.note = "layer `" + std::string(to_string(policy.filters[index].layer)) +
                   "` is not evaluated for calls";
    explanation.filters.push_back(std::move(finding));
  }
}

// The other controls, with the slow evaluation of IPsec, and all of them together.
void add_controls(const Policy& policy, const ContextFacts& context, const CallFacts& call,
                  Explanation& explanation) {
  const ControlText text(policy);
  Verdict& verdict = explanation.verdict;
  verdict.filter_action = verdict.action;
  if (text.controls().empty()) return;
  NarrowedControls narrowed = text.controls().narrow(context);
  if (!text.controls().ipsec().empty()) {
    const IpsecFinding ipsec = explain_ipsec(policy.host.ipsec, connection_of(context));
    narrowed.ipsec.action = ipsec.action;
    narrowed.ipsec.readings_differ = ipsec.is_ambiguous;
  }
  text.controls().apply(narrowed, call, verdict);
  for (const Control control : kOtherControls) {
    const ControlVerdict& own = *verdict.find(control);
    if (own.action == ControlAction::not_judged) continue;
    explanation.controls.push_back(
        {control, own.action, std::string(text.row(control, own)), text.reason(control, own)});
  }
}

}  // namespace

Explanation explain(const Policy& policy, const ContextFacts& context, const CallFacts& call) {
  const std::vector<std::uint32_t> order = evaluation_order(policy, Layer::um);
  const Judgement judgement = judge(policy, order, context, call, {});
  Explanation explanation;
  explanation.verdict = judgement.verdict;
  note_audit_readings(policy, judgement, explanation);
  if (has_other_security(call)) {
    const Judgement other = judge(policy, order, context, call, {.other_security = true});
    note_other_reading(policy, other.verdict, words_for_other_security(call), explanation);
  }
  if (context.protocol == ProtocolSequence::ncacn_np) {
    const Judgement other = judge(policy, order, context, call, {.strict_pipes = true});
    note_other_reading(policy, other.verdict,
                       "with no addresses on named pipes, and the server's names of them",
                       explanation);
  }
  if (explanation.verdict.undecidable_by_continue) {
    explanation.notes.emplace_back(
        "only `continue` filters match: one document says that this denies access, another that "
        "it decides nothing, which permits");
  }
  add_findings(policy, order, context, call, explanation);
  add_controls(policy, context, call, explanation);
  return explanation;
}

}  // namespace rpcaudit
