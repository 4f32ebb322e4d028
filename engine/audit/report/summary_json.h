#pragma once

#include <string>

#include "engine/audit/event/event_sink.h"
#include "engine/audit/report/summary.h"

namespace rpcaudit::audit {

// All that summary_text() says, and what it leaves out for want of room, as one JSON document; ends
// with a line end. Its keys are documented in the README of this folder. `policies` may be null.
[[nodiscard]] std::string summary_json(const RunFacts& run, const AuditTally& tally,
                                       const evaluate::ServerPolicies* policies,
                                       const InputName& input_name);

// What would change, as CSV (RFC 4180): a line of names, then one line for each activity.
[[nodiscard]] std::string activities_csv(const AuditTally& tally, const InputName& input_name);

}  // namespace rpcaudit::audit
