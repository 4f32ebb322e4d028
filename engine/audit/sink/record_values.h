#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <string_view>

#include "engine/audit/catalogue/attack_techniques.h"
#include "engine/audit/event/audit_event.h"
#include "engine/audit/sink/json_line.h"

namespace rpcaudit::audit {

// How urgent it is to look at a finding.
enum class FindingSeverity : std::uint8_t {
  low,     // undecidable, or a block that would only be logged
  medium,  // would be blocked; or undecidable, and the operation serves attacks
  high,    // would be blocked, and the operation serves attacks
};

inline constexpr std::size_t kFindingSeverityCount = 3;

[[nodiscard]] std::string_view to_string(FindingSeverity severity) noexcept;
[[nodiscard]] FindingSeverity severity_of(const evaluate::Verdict& verdict,
                                          bool serves_attacks) noexcept;

// What the user marks all records of a run with; what is empty is left out.
struct RecordMarks {
  std::string sensor;  // name of whoever captured
  std::string run;     // tells the records of this run from those of others
};

// What every record begins with behind its type: the version of the schema, and the marks.
[[nodiscard]] std::string record_head(const RecordMarks& marks);

// The same number, below 2^53, for all contexts of an association (C706 12.6.2) and their calls: of
// both ends and of the time at which it began. Contexts whose bind was not seen share that of their
// ends.
[[nodiscard]] std::uint64_t flow_id(const ContextInfo& context) noexcept;

// Writes `techniques` where the operation is among `attacks`; false where it is not.
bool write_techniques(JsonLine& line, std::span<const AttackOperation> attacks,
                      std::uint16_t opnum);

}  // namespace rpcaudit::audit
