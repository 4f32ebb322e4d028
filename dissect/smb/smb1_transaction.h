#pragma once

#include <cstdint>

#include "dissect/smb/messages/smb1_message.h"
#include "dissect/smb/smb_host.h"

namespace rpcaudit::dissect {

// Hands on a part of the data of a transaction that `request` began, in the direction of its pipe.
// Parts come in order: what one of them skips beyond the `seen` bytes is missing, what it repeats
// is left out.
void take_smb1_part(SmbUnitContext& unit, SmbRequest& request, Direction direction,
                    const Smb1Transaction& part, std::uint32_t& seen) noexcept;

}  // namespace rpcaudit::dissect
