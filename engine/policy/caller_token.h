#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "engine/policy/text/diagnostic.h"

namespace rpcaudit::policy {

// What somebody who knows says of a user: the account and all of its groups, as an access token
// would have them.
struct CallerToken {
  std::string name;  // `domain\user`, `user@realm`, or `user` of any domain; in lower case
  std::vector<std::string> sids;  // of user and groups as parse_trustee() has them, sorted
  // Whether groups of the server's own domain stand among `sids` by alias and by number.
  bool domain_known = false;
  SourceSpan span;

  [[nodiscard]] bool has(std::string_view trustee) const noexcept;
  // Whether the token has the trustee under its other name, if the domain is the one meant: `DA`
  // for a number that ends in -512, and the other way round.
  [[nodiscard]] bool may_have(std::string_view trustee) const noexcept;
};

// The relative id, with its dash, that an alias of a domain or machine account stands for
// ([MS-DTYP] 2.5.1.1: `DA` is -512); empty for any other trustee.
[[nodiscard]] std::string_view relative_id_of(std::string_view trustee) noexcept;

// Brings `sids` into the order that has() needs.
void sort_sids(CallerToken& token);

// Gives the token both names of what it has of the domain, `S-1-5-21-...`: `DA` and the number.
void add_domain_names(CallerToken& token, std::string_view domain_sid);

// The user of `users` that the names on the wire mean, case of ASCII letters apart: first
// `domain\user`, then `user@domain`, then `user` alone. Null when there is none. `users` is sorted
// by name.
[[nodiscard]] const CallerToken* find_user(const std::vector<CallerToken>& users,
                                           std::string_view user, std::string_view domain);

}  // namespace rpcaudit::policy
