#pragma once

#include <string>

#include "engine/audit/tally/audit_tally.h"
#include "engine/evaluate/server_policies.h"

namespace rpcaudit::audit {

// A line for each server: its policy, its target, its calls and how they are judged; servers that
// are named one by one and of which no call was seen are named as silent. Empty where there is but
// one server, and no deployment.
[[nodiscard]] std::string server_summary(const AuditTally& tally,
                                         const evaluate::ServerPolicies& policies);

}  // namespace rpcaudit::audit
