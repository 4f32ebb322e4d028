#pragma once

#include "engine/evaluate/verdict.h"

namespace rpcaudit {

// Filters with audit=enable are documented as logged and not applied, and elsewhere as applied. So
// a policy is judged twice, without them and with them, and this makes one verdict of the two: the
// first unless it permits; then a block among the audited ones counts, as `audit_only`.
[[nodiscard]] constexpr Verdict combine_audit_readings(const Verdict& without,
                                                       const Verdict& with) noexcept {
  const bool audited =
      without.action == VerdictAction::would_permit && with.action != VerdictAction::would_permit;
  Verdict verdict = audited ? with : without;
  verdict.audit_only = audited && with.action == VerdictAction::would_block;
  verdict.readings_differ = without.action != with.action;
  return verdict;
}

}  // namespace rpcaudit
