#pragma once

#include <string>

#include "engine/audit/report/summary.h"
#include "engine/audit/tally/audit_tally.h"
#include "engine/evaluate/server_policies.h"

namespace rpcaudit::audit {

// The parts of the summary that are about RestrictRemoteClients, look-ups, ports and IPsec; empty
// where no policy has them and nothing was asked.
[[nodiscard]] std::string control_summary(const AuditTally& all,
                                          const evaluate::ServerPolicies& policies,
                                          const RowLimits& limits = {});

}  // namespace rpcaudit::audit
