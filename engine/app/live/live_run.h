#pragma once

#include "engine/app/exit_status.h"
#include "engine/app/live/live_options.h"
#include "engine/app/log.h"
#include "engine/audit/auditor.h"

namespace rpcaudit::app {

// Captures until SIGINT or SIGTERM, then writes what is pending and a summary. `audit` is without a
// policy for a plain log of calls.
[[nodiscard]] ExitStatus run_live(const LiveRunOptions& options, audit::AuditOptions audit,
                                  Log& log);

}  // namespace rpcaudit::app
