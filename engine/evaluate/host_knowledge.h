#pragma once

#include <string>
#include <utility>

#include "dissect/rpc_observer.h"
#include "engine/evaluate/facts.h"
#include "engine/policy/deployment.h"

namespace rpcaudit::evaluate {

// Who called last on a context: spares the look-up where the next call shows the same names.
struct KnownCaller {
  bool looked_up = false;
  std::string user;
  std::string domain;
  const policy::CallerToken* token = nullptr;
};

// Completes what the wire shows of a server and its callers by what a deployment says of them.
// Immutable, so any number of threads may share it; facts borrow from it.
class HostKnowledge {
 public:
  HostKnowledge() = default;
  explicit HostKnowledge(policy::HostFacts facts) : facts_(std::move(facts)) {}

  void complete(ContextFacts& facts) const noexcept;
  // Allocates only when `caller` meets names longer than all before.
  void complete(const dissect::RpcContext& context, const dissect::RpcCall& call,
                KnownCaller& caller, CallFacts& facts) const;

 private:
  [[nodiscard]] const policy::CallerToken* find_token(
      const dissect::RpcContext& context, const dissect::SecurityIdentity& identity) const;

  [[nodiscard]] const Uuid* find_app_id(const Uuid& class_id) const noexcept;

  policy::HostFacts facts_;
};

}  // namespace rpcaudit::evaluate
