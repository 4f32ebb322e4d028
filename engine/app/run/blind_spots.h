#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "dissect/statistics.h"
#include "engine/audit/report/summary.h"
#include "engine/audit/tally/audit_tally.h"

namespace rpcaudit::app {

// What the dissector's counters say was not seen, beside what it told as blindness. A counter whose
// meaning is not known here is told by its name.
[[nodiscard]] std::vector<audit::CountedLine> blind_spots(
    const dissect::DissectStatistics& statistics, std::uint64_t frames_of_odd_links);

// Whether the table of meanings has the counter, be it as a loss or as none.
[[nodiscard]] bool has_meaning(std::string_view counter) noexcept;

// Why nothing was evaluated, likeliest first, as one sentence without a final period.
[[nodiscard]] std::string reason_for_nothing(const dissect::DissectStatistics& statistics,
                                             const audit::AuditTally& tally,
                                             std::uint64_t frames_of_odd_links);

}  // namespace rpcaudit::app
