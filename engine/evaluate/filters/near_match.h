#pragma once

#include <string>

#include "engine/evaluate/facts.h"
#include "engine/policy/policy.h"
#include "engine/policy/target.h"

namespace rpcaudit::evaluate {

// What deserves to be said of a condition of truth `truth`: that it misses the fact by little, or
// that sources read one of the two differently. Empty for most.
[[nodiscard]] std::string condition_note(const policy::Condition& condition, Truth truth,
                                         const ContextFacts& context, const CallFacts& call,
                                         const policy::TargetProfile& profile);

}  // namespace rpcaudit::evaluate
