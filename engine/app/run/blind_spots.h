#pragma once

#include <string>
#include <vector>

#include "dissect/statistics.h"
#include "engine/audit/report/summary.h"
#include "engine/audit/tally/audit_tally.h"

namespace rpcaudit {

// What the dissector's counters say was not seen, beside what it told as blindness.
[[nodiscard]] std::vector<CountedLine> blind_spots(const DissectStatistics& statistics,
                                                   std::uint64_t frames_of_odd_links);

// Why nothing was evaluated, likeliest first, as one sentence without a final period.
[[nodiscard]] std::string reason_for_nothing(const DissectStatistics& statistics,
                                             const AuditTally& tally,
                                             std::uint64_t frames_of_odd_links);

}  // namespace rpcaudit
