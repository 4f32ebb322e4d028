#include "engine/evaluate/filters/access_check.h"

#include <algorithm>
#include <array>
#include <string_view>

namespace rpcaudit::evaluate {
namespace {

// Trustees that are neither accounts nor groups: what a list of groups does not settle.
constexpr std::array<std::string_view, 12> kUnlisted{"AC", "AS", "CG", "CO", "HI", "LW",
                                                     "ME", "MP", "OW", "PS", "SI", "SS"};

// Whether a trustee that a complete list of accounts and groups does not have may be the caller.
Truth names_unlisted(std::string_view trustee) noexcept {
  if (trustee.starts_with("S-1-")) {
    const bool is_group = trustee.starts_with("S-1-5-21-") || trustee.starts_with("S-1-5-32-");
    return is_group ? Truth::no : Truth::unknown;
  }
  const bool is_unlisted =
      std::find(kUnlisted.begin(), kUnlisted.end(), trustee) != kUnlisted.end();
  return is_unlisted ? Truth::unknown : Truth::no;
}

Truth names_token(std::string_view trustee, const policy::CallerToken& token) noexcept {
  if (trustee == "NU" || token.has(trustee)) return Truth::yes;
  return token.may_have(trustee) ? Truth::unknown : names_unlisted(trustee);
}

// An anonymous token has no group of a domain or of the machine, and since Windows XP not Everyone
// either, unless EveryoneIncludesAnonymous is set.
bool is_never_anonymous(std::string_view trustee) noexcept {
  if (trustee.starts_with("S-1-")) {
    return trustee.starts_with("S-1-5-21-") || trustee.starts_with("S-1-5-32-");
  }
  return trustee != "NU" &&
         std::find(kUnlisted.begin(), kUnlisted.end(), trustee) == kUnlisted.end();
}

Truth names_caller(const policy::AccessEntry& entry, const CallerKnowledge& caller) noexcept {
  Truth names = Truth::unknown;
  if (caller.token != nullptr) {
    names = names_token(entry.trustee, *caller.token);
  } else if (caller.anonymous == Truth::yes && is_never_anonymous(entry.trustee)) {
    names = Truth::no;
  }
  if (entry.trustee == "WD") {
    names = entry.includes_anonymous ? Truth::yes : truth_not(caller.anonymous);
  }
  if (entry.trustee == "AN") names = caller.anonymous;
  if (entry.trustee == "AU") names = caller.authenticated;
  return entry.conditional ? truth_and(names, Truth::unknown) : names;
}

}  // namespace

Truth access_check(const policy::SecurityDescriptor& descriptor,
                   const CallerKnowledge& caller) noexcept {
  if (!descriptor.has_dacl) return Truth::yes;
  bool may_grant = false;
  bool may_deny = false;
  bool decided = false;
  for (const policy::AccessEntry& entry : descriptor.entries) {
    if ((entry.mask & policy::kMatchFilterRight) == 0) continue;
    const Truth names = names_caller(entry, caller);
    if (names == Truth::no) continue;
    (entry.allow ? may_grant : may_deny) = true;
    decided = names == Truth::yes;
    if (decided) break;
  }
  if (!decided) may_deny = true;
  if (may_grant && may_deny) return Truth::unknown;
  return truth_of(may_grant);
}

}  // namespace rpcaudit::evaluate
