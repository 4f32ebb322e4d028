#pragma once

#include "engine/audit/report/report_writer.h"
#include "engine/audit/tally/audit_tally.h"
#include "engine/evaluate/server_policies.h"

namespace rpcaudit::audit {

// The parts of the summary that are about the controls besides the filters.
void write_controls(ReportWriter& out, const AuditTally& tally,
                    const evaluate::ServerPolicies& policies);

}  // namespace rpcaudit::audit
