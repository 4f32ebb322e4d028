#pragma once

#include <string>

#include "engine/app/operate/live_status.h"

namespace rpcaudit::app {

// The status as metrics, in the text format of Prometheus. Every label has a bounded number of
// values: interfaces, outputs and policies are those of the command line, rules are bounded by
// FindingCounts. Counters never shrink.
[[nodiscard]] std::string metrics_text(const LiveStatus& status);

}  // namespace rpcaudit::app
