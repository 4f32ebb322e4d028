#pragma once

#include <string>

#include "engine/audit/tally/audit_tally.h"

namespace rpcaudit::audit {

// The calls by what they would meet, in words.
[[nodiscard]] std::string verdicts_text(const TargetTally& tally);

// What the calls judged would meet: the targets side by side where they differ, the one that blocks
// most first. Goes on a line that tells how many were judged; no line end after it.
[[nodiscard]] std::string verdicts_by_target(const AuditTally& tally);

// On which targets calls meet what: `would block on ws2019, ws2022`.
[[nodiscard]] std::string by_target_text(const evaluate::TargetActions& targets);

}  // namespace rpcaudit::audit
