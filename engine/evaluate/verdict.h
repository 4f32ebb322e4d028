#pragma once

#include <cstdint>
#include <string_view>

#include "engine/policy/field.h"

namespace rpcaudit {

enum class VerdictAction : std::uint8_t { would_permit, would_block, undecidable };

[[nodiscard]] std::string_view to_string(VerdictAction action) noexcept;

// Which policy decided; controls are judged separately and combined.
enum class Control : std::uint8_t { none, rpc_filter };

[[nodiscard]] std::string_view to_string(Control control) noexcept;

// A set of fields: bit `1 << Field`.
using FieldSet = std::uint32_t;

constexpr FieldSet field_bit(Field field) noexcept {
  return FieldSet{1} << static_cast<unsigned>(field);
}

inline constexpr std::uint32_t kNoFilter = 0xffff'ffff;

// What the policy means for one call. Small, trivially copyable, cacheable.
struct Verdict {
  VerdictAction action = VerdictAction::would_permit;
  Control control = Control::none;   // none: nothing matched
  std::uint32_t filter = kNoFilter;  // index into Policy::filters of the one that decided; of an
                                     // undecidable verdict the first that may have decided
  FieldSet unseen = 0;               // undecidable: the fields that could change the outcome
  bool undecidable_by_continue = false;  // only `continue` filters match or may: the texts differ
  bool audit_only = false;  // decided by a block with audit=enable: documented as logged,
                            // not applied
  // Another reading that the sources allow would give another action (audit filters applied or
  // not, auth type negotiated or as on the wire, what a call without security has, whether calls
  // over pipes have addresses).
  bool readings_differ = false;

  bool operator==(const Verdict&) const = default;
};

}  // namespace rpcaudit
