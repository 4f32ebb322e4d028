#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "engine/policy/diagnostic.h"

namespace rpcaudit {

// What somebody who knows says of a user: the account and all of its groups, as an access token
// would have them.
struct CallerToken {
  std::string name;  // `domain\user`, `user@realm`, or `user` of any domain; in lower case
  std::vector<std::string> sids;  // of user and groups as parse_trustee() has them, sorted
  SourceSpan span;

  [[nodiscard]] bool has(std::string_view trustee) const noexcept;
  // Whether a SID of some domain ends in the relative id, written with its dash (`-512`).
  [[nodiscard]] bool has_relative(std::string_view relative_id) const noexcept;
};

// The relative id, with its dash, that an alias of a domain or machine account stands for
// ([MS-DTYP] 2.5.1.1: `DA` is -512); empty for any other trustee.
[[nodiscard]] std::string_view relative_id_of(std::string_view trustee) noexcept;

// Brings `sids` into the order that has() needs.
void sort_sids(CallerToken& token);

// The user of `users` that the names on the wire mean, case of ASCII letters apart: first
// `domain\user`, then `user@domain`, then `user` alone. Null when there is none. `users` is sorted
// by name.
[[nodiscard]] const CallerToken* find_user(const std::vector<CallerToken>& users,
                                           std::string_view user, std::string_view domain);

}  // namespace rpcaudit
