#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace rpcaudit {

// A trustee of an access control entry: one of the aliases the wire can ever decide, or any other
// SID, kept as text.
struct AccessEntry {
  bool allow = true;          // A: true, D: false
  std::uint32_t mask = 0;     // generic rights already mapped
  std::string trustee;        // alias in upper case (`WD`, `AN`, `AU`, `BA`, ...) or `S-1-...`

  auto operator<=>(const AccessEntry&) const = default;
};

// The right that a filter condition asks for (FWP_ACTRL_MATCH_FILTER, `CC` in SDDL).
inline constexpr std::uint32_t kMatchFilterRight = 0x1;

// A security descriptor as far as conditions use it: the entries of its DACL in order. A null
// DACL (`has_dacl == false`) grants everything; an empty one nothing.
struct SecurityDescriptor {
  std::string text;  // as written
  bool has_dacl = false;
  std::vector<AccessEntry> entries;

  auto operator<=>(const SecurityDescriptor&) const = default;
};

struct SddlResult {
  SecurityDescriptor descriptor;
  bool ok = false;
  std::size_t error_offset = 0;  // into the text
  std::string error;
};

[[nodiscard]] SddlResult parse_sddl(std::string_view text);

}  // namespace rpcaudit
