#pragma once

#include <array>
#include <cstdint>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "engine/evaluate/compiled_policy.h"
#include "engine/evaluate/host_knowledge.h"
#include "engine/evaluate/target_survey.h"
#include "engine/policy/deployment.h"

namespace rpcaudit::evaluate {

inline constexpr std::uint32_t kNoPolicy = 0xffff'ffff;

// Compiled policies by server, each with what is known of its servers. They live as long as this or
// any ServerPolicies that follows it (see following()). Once filled this does not change, so that
// any number of threads may share it.
class ServerPolicies {
 public:
  ServerPolicies() = default;
  // One policy for every server, and nothing known besides.
  ServerPolicies(policy::Policy policy, const EvaluationOptions& options) {
    bind_others(add(std::move(policy), options, {}, {}));
  }

  // Returns the index of the policy. `name` is for people; empty where there is only one policy.
  std::uint32_t add(policy::Policy policy, const EvaluationOptions& options,
                    policy::HostFacts facts, std::string name);
  // Those of `next`, for all servers, with the indexes after those of `earlier`, which may still be
  // asked for by index: what was judged before refers to them.
  [[nodiscard]] static ServerPolicies following(const ServerPolicies& earlier, ServerPolicies next);

  // Makes the policy that of the servers. Of several subnets the longest prefix counts.
  void bind(const policy::Subnet& servers, std::uint32_t policy);
  // Makes the policy that of all servers that no subnet contains.
  void bind_others(std::uint32_t policy) noexcept { others_ = policy; }

  // The policy of the server; kNoPolicy without one. Takes as many steps as there are lengths of
  // prefixes, times the logarithm of the number of subnets.
  [[nodiscard]] std::uint32_t find(const IpAddress& server) const noexcept;

  // The servers that are bound by their address alone, in order.
  [[nodiscard]] std::vector<IpAddress> single_servers() const;

  [[nodiscard]] std::uint32_t size() const noexcept {
    return static_cast<std::uint32_t>(hosts_.size());
  }
  [[nodiscard]] const CompiledPolicy& compiled(std::uint32_t index) const noexcept {
    return hosts_[index]->compiled;
  }
  [[nodiscard]] const TargetSurvey& survey(std::uint32_t index) const noexcept {
    return hosts_[index]->survey;
  }
  // How the policy is judged by; what explain() needs besides the policy.
  [[nodiscard]] const EvaluationOptions& options(std::uint32_t index) const noexcept {
    return hosts_[index]->options;
  }
  [[nodiscard]] const policy::Policy& policy(std::uint32_t index) const noexcept {
    return hosts_[index]->policy;
  }
  [[nodiscard]] const HostKnowledge& knowledge(std::uint32_t index) const noexcept {
    return hosts_[index]->knowledge;
  }
  // What the wire and the deployment together show of the context.
  [[nodiscard]] ContextFacts context_facts_of(std::uint32_t index,
                                              const dissect::RpcContext& context) const noexcept {
    ContextFacts facts = context_facts(context);
    knowledge(index).complete(facts);
    return facts;
  }
  [[nodiscard]] const std::string& name(std::uint32_t index) const noexcept {
    return hosts_[index]->name;
  }

 private:
  // Never moved: the compiled policy borrows the written one.
  struct Host {
    Host(policy::Policy written, const EvaluationOptions& judged_by, policy::HostFacts facts,
         std::string called)
        : options(judged_by),
          policy(std::move(written)),
          compiled(CompiledPolicy::compile(policy, options)),
          survey(compiled),
          knowledge(std::move(facts)),
          name(std::move(called)) {}

    EvaluationOptions options;
    policy::Policy policy;
    CompiledPolicy compiled;
    TargetSurvey survey;
    HostKnowledge knowledge;
    std::string name;
  };
  // Subnets of one length, in the order of their addresses.
  struct Length {
    std::uint8_t prefix = 0;
    std::vector<std::pair<IpAddress, std::uint32_t>> subnets;
  };

  std::vector<std::shared_ptr<const Host>> hosts_;
  std::vector<Length> lengths_;  // longest first
  std::uint32_t others_ = kNoPolicy;
};

}  // namespace rpcaudit::evaluate
