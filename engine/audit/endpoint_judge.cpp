#include "engine/audit/endpoint_judge.h"

#include <algorithm>

namespace rpcaudit::audit {
namespace {

evaluate::EvaluationOptions at_mapper(evaluate::EvaluationOptions options) {
  options.layer = policy::Layer::epmap;
  return options;
}

// How much an action matters: a block stops the call whatever else is not known.
int weight(evaluate::VerdictAction action) noexcept {
  switch (action) {
    case evaluate::VerdictAction::would_block: return 2;
    case evaluate::VerdictAction::undecidable: return 1;
    case evaluate::VerdictAction::would_permit: break;
  }
  return 0;
}

int weight(evaluate::TargetAction action) noexcept {
  switch (action) {
    case evaluate::TargetAction::would_block: return 3;
    case evaluate::TargetAction::undecidable: return 2;
    case evaluate::TargetAction::would_log: return 1;
    case evaluate::TargetAction::would_permit: break;
  }
  return 0;
}

// On each target the heavier of what the two layers say.
void join_targets(const evaluate::Verdict& at_mapper, evaluate::Verdict& verdict) noexcept {
  if (!at_mapper.depends_on_target && !verdict.depends_on_target) return;
  const auto actions_of = [](const evaluate::Verdict& one) {
    return one.depends_on_target ? one.targets
                                 : evaluate::TargetActions(evaluate::target_action(one));
  };
  const evaluate::TargetActions mapper = actions_of(at_mapper);
  verdict.targets = actions_of(verdict);
  for (std::size_t i = 0; i < policy::kTargetCount; ++i) {
    const auto target = static_cast<policy::Target>(i);
    if (weight(mapper[target]) > weight(verdict.targets[target])) {
      verdict.targets.set(target, mapper[target]);
    }
  }
  const evaluate::TargetActions first(verdict.targets[policy::Target::documented]);
  verdict.depends_on_target = verdict.targets != first;
}

}  // namespace

evaluate::ContextFacts mapper_facts(
    evaluate::ContextFacts lookup,
    const std::optional<dissect::EndpointQuestion>& question) noexcept {
  lookup.if_uuid.reset();
  lookup.if_version.reset();
  if (!question || !question->interface) return lookup;
  lookup.if_uuid = question->interface->uuid;
  lookup.if_version = question->interface->version_major;
  return lookup;
}

std::unique_ptr<const policy::Policy> filters_of(const policy::Policy& policy) {
  auto filters = std::make_unique<policy::Policy>();
  filters->files = policy.files;
  filters->filters = policy.filters;  // all of them, so that an index means the same filter
  return filters;
}

EndpointJudge::EndpointJudge(const evaluate::ServerPolicies& policies)
    : policies_(policies), at_mapper_(policies.size()) {
  for (std::uint32_t i = 0; i < policies.size(); ++i) {
    const std::vector<policy::Filter>& filters = policies.policy(i).filters;
    const auto is_epmap = [](const policy::Filter& filter) {
      return filter.layer == policy::Layer::epmap;
    };
    if (std::none_of(filters.begin(), filters.end(), is_epmap)) continue;
    has_filters_ = true;
    at_mapper_[i].policy = filters_of(policies.policy(i));
    at_mapper_[i].compiled.emplace(
        evaluate::CompiledPolicy::compile(*at_mapper_[i].policy, at_mapper(policies.options(i))));
    at_mapper_[i].survey.emplace(*at_mapper_[i].compiled);
  }
}

void EndpointJudge::add_to(Judgement& judgement, const dissect::RpcContext& context,
                           const dissect::RpcCall& call) {
  const std::optional<evaluate::CompiledPolicy>& compiled = at_mapper_[judgement.policy].compiled;
  const bool may_ask = call.question || evaluate::concerns_more_than_caller(call.doubts);
  if (!compiled || !may_ask) return;
  evaluate::ContextFacts lookup =
      mapper_facts(policies_.context_facts_of(judgement.policy, context), call.question);
  evaluate::CallFacts facts = facts_of(judgement.policy, context, call);
  if (call.doubts.any()) evaluate::forget_doubtful(call.doubts, lookup, facts);
  compiled->narrow(lookup, narrowed_);
  evaluate::Verdict own = compiled->evaluate(narrowed_, facts);
  if (call.doubts.any() && own.action == evaluate::VerdictAction::undecidable) {
    own.filters.unseen = 0;  // what is unseen is which reading the server took
    own.doubts = call.doubts;
  }
  const evaluate::TargetSurvey& survey = *at_mapper_[judgement.policy].survey;
  survey.narrow(lookup, variants_);
  survey.compare(variants_, lookup, facts, own);
  evaluate::Verdict& verdict = judgement.verdict;
  join_targets(own, verdict);
  verdict.mapper_filters = own.filters;
  verdict.readings_differ = verdict.readings_differ || own.readings_differ;
  // Whatever else stops the call stops it before it is written down by either layer.
  const bool is_stopped = verdict.action == evaluate::VerdictAction::would_block &&
                          verdict.deciding_control() != nullptr;
  if (verdict.event_5712.keywords == evaluate::AuditKeywords::none && !is_stopped) {
    verdict.event_5712 = own.event_5712;
  }
  // A block that only logs stops nobody: it is told when nothing else decides.
  const bool decided = verdict.control != evaluate::Control::none;
  if (weight(own.action) <= weight(verdict.action) &&
      (decided || own.control == evaluate::Control::none)) {
    return;
  }
  verdict.action = own.action;
  verdict.control = own.control;
  verdict.decided_at_mapper = true;
  verdict.doubts.add(own.doubts);
}

evaluate::CallFacts EndpointJudge::facts_of(std::uint32_t policy,
                                            const dissect::RpcContext& context,
                                            const dissect::RpcCall& call) const {
  evaluate::CallFacts facts = evaluate::call_facts(context, call);
  evaluate::KnownCaller caller;
  policies_.knowledge(policy).complete(context, call, caller, facts);
  return facts;
}

EpmListing EndpointJudge::listing(std::uint32_t policy, const dissect::RpcContext& context,
                                  const dissect::RpcCall& call) const {
  EpmListing listing;
  listing.policy = policy;
  listing.facts = mapper_facts(policies_.context_facts_of(policy, context), call.question);
  listing.pipe = listing.facts.pipe.value_or("");
  listing.pipe_of_server = listing.facts.pipe_of_server.value_or("");
  listing.call = facts_of(policy, context, call);
  return listing;
}

std::uint32_t EndpointJudge::blocks(const EpmListing& listing, const dissect::SyntaxId& interface) {
  const std::optional<evaluate::CompiledPolicy>& compiled = at_mapper_[listing.policy].compiled;
  if (!compiled) return evaluate::kNoFilter;
  evaluate::ContextFacts facts = listing.facts;
  if (facts.pipe) facts.pipe = listing.pipe;
  if (facts.pipe_of_server) facts.pipe_of_server = listing.pipe_of_server;
  facts.if_uuid = interface.uuid;
  facts.if_version = interface.version_major;
  compiled->narrow(facts, narrowed_);
  const evaluate::Verdict verdict = compiled->evaluate(narrowed_, listing.call);
  return verdict.action == evaluate::VerdictAction::would_block ? verdict.filters.filter
                                                                : evaluate::kNoFilter;
}

}  // namespace rpcaudit::audit
