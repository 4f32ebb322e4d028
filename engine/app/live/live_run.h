#pragma once

#include "engine/app/exit_status.h"
#include "engine/app/live/live_options.h"
#include "engine/app/live/policy_generations.h"
#include "engine/app/log.h"
#include "engine/audit/auditor.h"

namespace rpcaudit::app {

// Captures until SIGINT or SIGTERM, then writes what is pending and a summary. Without `policies`
// it is a plain log of calls; `audit` names none.
[[nodiscard]] ExitStatus run_live(const LiveRunOptions& options, audit::AuditOptions audit,
                                  PolicyGenerations* policies, Log& log);

}  // namespace rpcaudit::app
