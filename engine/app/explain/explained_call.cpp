#include "engine/app/explain/explained_call.h"

#include <algorithm>

#include "engine/audit/endpoint_judge.h"

namespace rpcaudit::app {
namespace {

evaluate::VerdictAction action_of_all_readings(const evaluate::CompiledPolicy& policy,
                                               dissect::Doubts doubts, evaluate::ContextFacts facts,
                                               evaluate::CallFacts call) {
  evaluate::forget_doubtful(doubts, facts, call);
  evaluate::NarrowedPolicy narrowed;
  policy.narrow(facts, narrowed);
  return policy.evaluate(narrowed, call).action;
}

}  // namespace

ExplainedCall::ExplainedCall(const evaluate::ServerPolicies& policies,
                             const dissect::RpcContext& of_context, const dissect::RpcCall& of_call,
                             evaluate::ContextFacts facts)
    : context(of_context), call(of_call) {
  const std::uint32_t index = policies.find(context.server.address);
  if (index == evaluate::kNoPolicy) return;
  const evaluate::HostKnowledge& knowledge = policies.knowledge(index);
  knowledge.complete(facts);
  evaluate::CallFacts seen = evaluate::call_facts(context, call);
  knowledge.complete(context, call, caller_, seen);
  deployment = policies.name(index);
  if (call.doubts.any()) {
    shared_action = action_of_all_readings(policies.compiled(index), call.doubts, facts, seen);
  }
  const policy::Policy& policy = policies.policy(index);
  evaluate::EvaluationOptions options = policies.options(index);
  add_layer(policy, options, facts, seen);
  const auto is_epmap = [](const policy::Filter& filter) {
    return filter.layer == policy::Layer::epmap;
  };
  if (!call.question || std::none_of(policy.filters.begin(), policy.filters.end(), is_epmap)) {
    return;
  }
  // The layers do not arbitrate between each other: whoever either of them stops gets no answer.
  std::unique_ptr<const policy::Policy> filters = audit::filters_of(policy);
  options.layer = policy::Layer::epmap;
  add_layer(*filters, options, audit::mapper_facts(facts, *call.question), seen);
  layers.back().filters = std::move(filters);
}

void ExplainedCall::add_layer(const policy::Policy& policy,
                              const evaluate::EvaluationOptions& options,
                              const evaluate::ContextFacts& facts,
                              const evaluate::CallFacts& call_facts) {
  ExplainedLayer& layer = layers.emplace_back();
  layer.layer = options.layer;
  layer.policy = &policy;
  layer.options = options;
  layer.context = facts;
  layer.call = call_facts;
  layer.explanation = evaluate::explain(policy, options, facts, call_facts);
  for (std::size_t i = 0; i < policy::kTargetCount && !options.target; ++i) {
    evaluate::EvaluationOptions own = options;
    own.profile = policy::TargetProfile(static_cast<policy::Target>(i));
    if (options.keeps_v4_order) {
      own.profile.set(policy::Difference::v4_byte_order,
                      options.profile[policy::Difference::v4_byte_order]);
    }
    layer.targets.push_back(evaluate::explain(policy, own, facts, call_facts).verdict);
  }
}

}  // namespace rpcaudit::app
