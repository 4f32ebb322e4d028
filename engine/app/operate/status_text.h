#pragma once

#include <string>

#include "engine/app/operate/live_status.h"

namespace rpcaudit::app {

// The state of a monitor, for people and as one JSON document; both end with a line end.
[[nodiscard]] std::string status_text(const LiveStatus& status);
[[nodiscard]] std::string status_json(const LiveStatus& status);

// Its counters, those that are not zero, and as one JSON document.
[[nodiscard]] std::string stats_text(const LiveStatus& status);
[[nodiscard]] std::string stats_json(const LiveStatus& status);

// `2 d 3 h`, `4 min 10 s`: the two largest units.
[[nodiscard]] std::string duration_text(std::int64_t seconds);

}  // namespace rpcaudit::app
