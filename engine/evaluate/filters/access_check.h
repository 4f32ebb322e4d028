#pragma once

#include "engine/evaluate/truth.h"
#include "engine/policy/caller_token.h"
#include "engine/policy/sddl.h"

namespace rpcaudit::evaluate {

// Who asks for access, as far as it is known.
struct CallerKnowledge {
  Truth anonymous = Truth::unknown;            // is ANONYMOUS LOGON (`AN`)
  Truth authenticated = Truth::unknown;        // is one of the Authenticated Users (`AU`)
  const policy::CallerToken* token = nullptr;  // the whole of it; null when nobody said
};

// Whether the descriptor grants the caller the right to match the filter: the first entry of the
// DACL that names the caller and covers the right decides; without one the right is denied.
//
// Everyone is `WD`: all but anonymous callers. Without a token any trustee but `WD`, `AN` and `AU`
// is unknown; an anonymous caller is in no group of a domain or of the machine. A token is complete
// as to accounts and groups, and comes over the network: it has `NU` and not `IU`. What depends on
// the way of authentication (S-1-5-64-*, S-1-18-*, integrity levels, owner rights) stays unknown
// unless the token lists it.
[[nodiscard]] Truth access_check(const policy::SecurityDescriptor& descriptor,
                                 const CallerKnowledge& caller) noexcept;

}  // namespace rpcaudit::evaluate
