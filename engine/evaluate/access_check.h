#pragma once

#include "engine/evaluate/truth.h"
#include "engine/policy/sddl.h"

namespace rpcaudit {

// Whether the descriptor grants the caller the right to match the filter: the first entry of the
// DACL that names the caller and covers the right decides; without one the right is denied. Of the
// caller only two things can be known, whether it is ANONYMOUS LOGON (`AN`) and whether it is one
// of the Authenticated Users (`AU`); everyone is `WD`, any other trustee is unknown.
[[nodiscard]] Truth access_check(const SecurityDescriptor& descriptor, Truth anonymous,
                                 Truth authenticated) noexcept;

}  // namespace rpcaudit
