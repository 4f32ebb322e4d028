#include "engine/evaluate/access_check.h"

namespace rpcaudit {
namespace {

Truth names_caller(const AccessEntry& entry, Truth anonymous, Truth authenticated) noexcept {
  Truth names = Truth::unknown;
  if (entry.trustee == "WD") names = Truth::yes;
  if (entry.trustee == "AN") names = anonymous;
  if (entry.trustee == "AU") names = authenticated;
  return entry.conditional ? truth_and(names, Truth::unknown) : names;
}

}  // namespace

Truth access_check(const SecurityDescriptor& descriptor, Truth anonymous,
                   Truth authenticated) noexcept {
  if (!descriptor.has_dacl) return Truth::yes;
  bool may_grant = false;
  bool may_deny = false;
  bool decided = false;
  for (const AccessEntry& entry : descriptor.entries) {
    if ((entry.mask & kMatchFilterRight) == 0) continue;
    const Truth names = names_caller(entry, anonymous, authenticated);
    if (names == Truth::no) continue;
    (entry.allow ? may_grant : may_deny) = true;
    decided = names == Truth::yes;
    if (decided) break;
  }
  if (!decided) may_deny = true;
  if (may_grant && may_deny) return Truth::unknown;
  return truth_of(may_grant);
}

}  // namespace rpcaudit
