#pragma once

#include <compare>
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace rpcaudit::policy {

// One entry of a DACL. The trustee is one alias, whichever way it was written (`S-1-1-0` is `WD`),
// or any other SID kept as text.
struct AccessEntry {
  bool allow = true;         // A: true, D: false
  std::uint32_t mask = 0;    // generic rights already mapped
  std::string trustee;       // alias in upper case (`WD`, `AN`, `AU`, `BA`, ...) or `S-1-...`
  bool conditional = false;  // an object or callback entry: whether it applies cannot be told here
  // `WD` names anonymous callers, too: EveryoneIncludesAnonymous is set.
  bool includes_anonymous = false;

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

// Something at an offset of the text that is legal and yet worth telling.
struct SddlRemark {
  std::size_t offset = 0;
  std::string message;
};

struct SddlResult {
  SecurityDescriptor descriptor;
  bool ok = false;
  std::size_t error_offset = 0;  // into the text
  std::string error;
  std::vector<SddlRemark> remarks;
};

// A SID or an SDDL alias in the one form that comparisons use: an alias in upper case where the SID
// is known to have one, and `S-1-...` otherwise. Empty when the text is neither.
[[nodiscard]] std::string parse_trustee(std::string_view text);

// Reads the security descriptor definition language ([MS-DTYP] 2.5.1): owner, group, DACL, SACL in
// any order. Everything is checked; only the entries of the DACL that an access check looks at are
// kept.
[[nodiscard]] SddlResult parse_sddl(std::string_view text);

}  // namespace rpcaudit::policy
