#pragma once

#include <string>
#include <vector>

#include "dissect/statistics.h"
#include "engine/audit/report/summary.h"
#include "engine/audit/tally/audit_tally.h"

namespace rpcaudit::app {

// What the dissector's counters say was not seen, beside what it told as blindness.
[[nodiscard]] std::vector<audit::CountedLine> blind_spots(
    const dissect::DissectStatistics& statistics, std::uint64_t frames_of_odd_links);

// Why nothing was evaluated, likeliest first, as one sentence without a final period.
[[nodiscard]] std::string reason_for_nothing(const dissect::DissectStatistics& statistics,
                                             const audit::AuditTally& tally,
                                             std::uint64_t frames_of_odd_links);

}  // namespace rpcaudit::app
