#pragma once

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "dissect/rpc_observer.h"
#include "engine/evaluate/explain.h"
#include "engine/evaluate/server_policies.h"

namespace rpcaudit::app {

// Why the filters of one layer, with the other controls, judge a call as they do.
struct ExplainedLayer {
  policy::Layer layer = policy::Layer::um;
  const policy::Policy* policy = nullptr;
  std::unique_ptr<const policy::Policy>
      filters;  // what `policy` points to, unless it is a server's
  evaluate::EvaluationOptions options;
  evaluate::ContextFacts context;
  evaluate::CallFacts call;
  evaluate::Explanation explanation;
  // On each target, unless one was picked.
  std::vector<evaluate::Verdict> targets;
};

// A call with the explanations of all layers that see it. Borrows the policies, the context and the
// call that it was made of.
struct ExplainedCall {
  ExplainedCall(const evaluate::ServerPolicies& policies, const dissect::RpcContext& of_context,
                const dissect::RpcCall& of_call, evaluate::ContextFacts facts);
  ExplainedCall(const ExplainedCall&) = delete;
  ExplainedCall& operator=(const ExplainedCall&) = delete;

  const dissect::RpcContext& context;
  const dissect::RpcCall& call;
  std::string deployment;  // empty where there is only one policy
  // What all readings share, where the wire leaves several.
  std::optional<evaluate::VerdictAction> shared_action;
  std::vector<ExplainedLayer> layers;  // none: no deployment names the server

 private:
  void add_layer(const policy::Policy& policy, const evaluate::EvaluationOptions& options,
                 const evaluate::ContextFacts& facts, const evaluate::CallFacts& call_facts);

  evaluate::KnownCaller caller_;
};

}  // namespace rpcaudit::app
