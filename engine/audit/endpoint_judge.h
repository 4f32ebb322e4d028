#pragma once

#include <memory>
#include <optional>
#include <vector>

#include "dissect/rpc_observer.h"
#include "engine/audit/call_judge.h"

namespace rpcaudit {

// What filters of layer epmap see of a question: the interface that it asks for, and of everything
// else the facts of the look-up itself.
[[nodiscard]] ContextFacts mapper_facts(ContextFacts lookup,
                                        const EndpointQuestion& question) noexcept;

// The policy without what is judged beside its filters, which keep their indices.
[[nodiscard]] std::unique_ptr<const Policy> filters_of(const Policy& policy);

// Judges what is asked of endpoint mappers by the filters of layer epmap: their interface is the
// one asked for, everything else is the look-up's own. The layers do not arbitrate between each
// other; who is stopped at either of them does not get an answer.
class EndpointJudge {
 public:
  // Borrows the policies; keeps copies of their filters.
  explicit EndpointJudge(const ServerPolicies& policies);

  // Whether any policy has such filters.
  [[nodiscard]] bool has_filters() const noexcept { return has_filters_; }

  // Adds to the verdict of layer um on a call with a question what layer epmap says; nothing where
  // the policy has no such filters.
  void add_to(Judgement& judgement, const RpcContext& context, const RpcCall& call);

 private:
  // Of one of the policies.
  struct AtMapper {
    std::unique_ptr<const Policy> policy;  // its filters alone
    std::optional<CompiledPolicy> compiled;
  };

  const ServerPolicies& policies_;
  std::vector<AtMapper> at_mapper_;  // by index into the ServerPolicies
  NarrowedPolicy narrowed_;
  bool has_filters_ = false;
};

}  // namespace rpcaudit
