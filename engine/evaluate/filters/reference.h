#pragma once

#include <vector>

#include "engine/evaluate/evaluation_options.h"
#include "engine/evaluate/facts.h"
#include "engine/evaluate/sublayers.h"
#include "engine/policy/policy.h"

namespace rpcaudit::evaluate {

// The definition of what a policy means, as slow and as obvious as can be. explain() puts it into
// words, and the compiled policy is tested against it.

// What a call is judged with.
struct Case {
  const policy::Policy& policy;
  const EvaluationOptions& options;
  const ContextFacts& context;
  const CallFacts& call;

  [[nodiscard]] policy::TargetProfile profile_of(const policy::Filter& filter) const {
    return filter.enforcer == policy::Enforcer::rpc_firewall ? rpc_firewall_profile()
                                                             : options.profile;
  }
};

// One reading of the policy: each part of the layer, and what they give together.
struct ReferenceJudgement {
  SublayerVerdicts sublayers;
  FilterVerdict verdict;
};

// Whether the target does not take such a filter, so that it never applies.
[[nodiscard]] bool is_refused_on(const policy::Filter& filter,
                                 const policy::TargetProfile& profile) noexcept;

// Whether the filter matches, in the reading that verdicts follow.
[[nodiscard]] Truth filter_truth(const Case& judged, std::uint32_t filter);

// `order` is evaluation_order() of the layer.
[[nodiscard]] ReferenceJudgement reference_judgement(const Case& judged,
                                                     const std::vector<std::uint32_t>& order,
                                                     const Reading& reading);

// The readings besides the one that verdicts follow.
[[nodiscard]] std::vector<Reading> other_readings(const Case& judged);

// The verdict of the filters, in all readings.
[[nodiscard]] FilterVerdict reference_verdict(const policy::Policy& policy,
                                              const EvaluationOptions& asked,
                                              const ContextFacts& context, const CallFacts& call);

}  // namespace rpcaudit::evaluate
