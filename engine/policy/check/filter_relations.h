#pragma once

#include "engine/policy/policy.h"
#include "engine/policy/text/reporter.h"

namespace rpcaudit::policy {

// Says which filters others make pointless: shadowed, redundant, or permits that nothing blocks.
// Each names the other filter. Compares as many pairs as can be done in about a second.
void lint_relations(const Policy& policy, Reporter& reporter);

}  // namespace rpcaudit::policy
