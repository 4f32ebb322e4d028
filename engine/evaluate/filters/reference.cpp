#include "engine/evaluate/filters/reference.h"

#include <algorithm>
#include <iterator>
#include <span>

#include "engine/evaluate/filters/condition_truth.h"
#include "engine/policy/filter_weight.h"

namespace rpcaudit::evaluate {
namespace {

// A filter that matches or may match.
struct Match {
  std::uint32_t filter = 0;
  policy::Action action{};
  bool audit = false;
  policy::Enforcer enforcer{};
  Truth truth = Truth::yes;
  FieldSet unseen = 0;
};

Match match_filter(const Case& judged, std::uint32_t index, const Reading& reading) {
  const policy::Filter& filter = judged.policy.filters[index];
  const policy::TargetProfile profile = judged.profile_of(filter);
  Match match{index, filter.action, filter.audit, filter.enforcer};
  if (is_refused_on(filter, profile)) match.truth = Truth::no;
  for (std::span<const policy::Condition> rest = filter.conditions; !rest.empty();) {
    const std::span<const policy::Condition> run = take_run(rest, profile);
    Truth truth = Truth::no;
    for (const policy::Condition& condition : run) {
      truth = truth_or(truth,
                       condition_truth(condition, judged.context, judged.call, profile, reading));
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

  [[nodiscard]] bool only(policy::Action action) const {
    return !undecided && (action == policy::Action::permit ? !block : !permit);
  }
};

// Where no permit or block decides: permitted, unless `continue` filters match, of which one
// document says that they deny until all filters have run.
Endings endings_without_decision(std::span<const Match> continues, bool continue_permits,
                                 FieldSet& unseen) {
  if (continue_permits) return {.permit = true};
  bool certain = false;
  FieldSet depends = 0;
  for (const Match& match : continues) {
    certain = certain || match.truth == Truth::yes;
    depends |= match.unseen;
  }
  if (!certain) unseen |= depends;
  return {.permit = !certain, .undecided = !continues.empty()};
}

// Which event the filters with audit=enable have written. The first filter with audit that matches
// decides; one before it that may match leaves the event open, unless both would write the same
// event.
void note_logged(std::span<const Match> matches, SublayerVerdicts& parts) {
  for (const Match& match : matches) {
    const bool logs = match.audit && match.enforcer == policy::Enforcer::windows &&
                      match.action != policy::Action::continue_;
    if (!logs) continue;
    const AuditKeywords own =
        match.action == policy::Action::permit ? AuditKeywords::success : AuditKeywords::failure;
    const bool is_first = parts.event_5712.filter == kNoFilter;
    if (is_first) parts.event_5712.filter = match.filter;
    if (is_first || parts.event_5712.keywords == own) {
      parts.event_5712.keywords = own;
    } else {
      parts.event_5712.keywords = AuditKeywords::perhaps;
    }
    if (match.truth == Truth::yes) return;
  }
  if (parts.event_5712.filter != kNoFilter) parts.event_5712.keywords = AuditKeywords::perhaps;
}

// Arbitration among `matches`, in order of evaluation: the first that matches and permits or
// blocks decides. An unknown one matters when what follows it can end otherwise, so that the walk
// goes backwards.
FilterVerdict arbitrate(std::span<const Match> matches, bool continue_permits) {
  std::vector<Match> deciders;
  std::vector<Match> continues;
  bool decided = false;
  for (const Match& match : matches) {
    if (decided) break;
    if (match.action != policy::Action::continue_) {
      deciders.push_back(match);
      decided = match.truth == Truth::yes;
    } else if (!match.audit || match.enforcer == policy::Enforcer::rpc_firewall) {
      continues.push_back(match);
    }
  }
  FilterVerdict verdict;
  Endings endings;
  if (!decided) endings = endings_without_decision(continues, continue_permits, verdict.unseen);
  for (auto match = deciders.rbegin(); match != deciders.rend(); ++match) {
    const bool certain = match->truth == Truth::yes;
    if (!certain && !endings.only(match->action)) verdict.unseen |= match->unseen;
    (match->action == policy::Action::permit ? endings.permit : endings.block) = true;
  }
  if (endings.only(policy::Action::permit) || endings.only(policy::Action::block)) {
    verdict.action = endings.block ? VerdictAction::would_block : VerdictAction::would_permit;
    verdict.unseen = 0;
    if (decided) verdict.filter = deciders.back().filter;
  } else {
    verdict.action = VerdictAction::undecidable;
    verdict.filter = deciders.empty() ? continues.front().filter : deciders.front().filter;
    verdict.undecidable_by_continue = deciders.empty();
  }
  return verdict;
}

template <typename Belongs>
FilterVerdict arbitrate_some(std::span<const Match> matches, bool continue_permits,
                             Belongs belongs) {
  std::vector<Match> some;
  std::copy_if(matches.begin(), matches.end(), std::back_inserter(some), belongs);
  return arbitrate(some, continue_permits);
}

}  // namespace

bool is_refused_on(const policy::Filter& filter, const policy::TargetProfile& profile) noexcept {
  const bool by_opnum = profile[policy::Difference::opnum] == policy::Behaviour::refused &&
                        std::any_of(filter.conditions.begin(), filter.conditions.end(),
                                    [](const policy::Condition& condition) {
                                      return condition.field == policy::Field::opnum;
                                    });
  const auto refuses = [&profile](policy::Difference difference) {
    return profile[difference] == policy::Behaviour::refused;
  };
  const bool is_audited_block =
      filter.audit && !filter.by_api && filter.action == policy::Action::block;
  return by_opnum || (is_audited_block && refuses(policy::Difference::audited_block)) ||
         (filter.audit_parameters && refuses(policy::Difference::audit_parameters)) ||
         (filter.by_separate_processes && refuses(policy::Difference::separate_processes));
}

Truth filter_truth(const Case& judged, std::uint32_t filter) {
  return match_filter(judged, filter, {}).truth;
}

ReferenceJudgement reference_judgement(const Case& judged, const std::vector<std::uint32_t>& order,
                                       const Reading& reading) {
  std::vector<Match> matches;
  ReferenceJudgement judgement;
  for (const std::uint32_t filter : order) {
    const Match match = match_filter(judged, filter, reading);
    if (match.truth == Truth::no) continue;
    matches.push_back(match);
    const bool is_windows = match.enforcer == policy::Enforcer::windows;
    (is_windows ? judgement.sublayers.has_audit : judgement.sublayers.has_rpc_firewall) |=
        !is_windows || match.audit;
  }
  const policy::TargetProfile& profile = judged.options.profile;
  const bool permits = profile[policy::Difference::only_continue] == policy::Behaviour::permits;
  const auto is_windows = [](const Match& match) {
    return match.enforcer == policy::Enforcer::windows;
  };
  SublayerVerdicts& parts = judgement.sublayers;
  parts.filters = arbitrate_some(
      matches, permits, [&](const Match& match) { return is_windows(match) && !match.audit; });
  parts.audit = arbitrate_some(
      matches, permits, [&](const Match& match) { return is_windows(match) && match.audit; });
  parts.one_list = arbitrate_some(matches, permits, is_windows);
  note_logged(matches, parts);
  // Without a line that matches, it allows.
  parts.rpc_firewall =
      arbitrate_some(matches, true, [&](const Match& match) { return !is_windows(match); });
  const bool is_datagram = judged.options.layer == policy::Layer::um &&
                           transport_of(judged.context.protocol).is_datagram;
  judgement.verdict = combine_sublayers(parts, profile, is_datagram);
  return judgement;
}

std::vector<Reading> other_readings(const Case& judged) {
  const CallFacts& call = judged.call;
  const policy::TargetProfile& profile = judged.options.profile;
  std::vector<Reading> readings;
  const bool other_security = call.auth_type_other != call.auth_type ||
                              call.auth_level_other != call.auth_level ||
                              call.auth_type == kNegotiateType;
  if (!call.auth_unseen && other_security) readings.push_back({.other_security = true});
  const bool other_endpoints =
      profile[policy::Difference::v4_byte_order] == policy::Behaviour::swapped ||
      transport_of(judged.context.protocol).is_pipe;
  if (other_endpoints) readings.push_back({.other_endpoints = true});
  return readings;
}

FilterVerdict reference_verdict(const policy::Policy& policy, const EvaluationOptions& asked,
                                const ContextFacts& context, const CallFacts& call) {
  const EvaluationOptions options = options_for(policy, asked);
  const Case judged{policy, options, context, call};
  const std::vector<std::uint32_t> order = policy::evaluation_order(policy, options.layer);
  FilterVerdict verdict = reference_judgement(judged, order, {}).verdict;
  for (const Reading& reading : other_readings(judged)) {
    const FilterVerdict other = reference_judgement(judged, order, reading).verdict;
    if (other.action != verdict.action) verdict.readings_differ = true;
  }
  return verdict;
}

}  // namespace rpcaudit::evaluate
