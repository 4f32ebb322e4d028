#pragma once

#include <vector>

#include "engine/policy/policy.h"

namespace rpcaudit::policy {

// What a policy that parses still deserves to be told: conditions that never match, filters that
// another one hides, layers that are not evaluated, ... Appends to `diagnostics`; never changes
// the policy.
void validate(const Policy& policy, std::vector<Diagnostic>& diagnostics);

}  // namespace rpcaudit::policy
