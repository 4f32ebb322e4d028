#pragma once

#include <cstdint>

#include "capture/frame.h"
#include "dissect/limits.h"

namespace rpcaudit::dissect {

// The index, below `shards`, of the dissector that a frame belongs to. The unordered pair of hosts
// of the innermost IP packet decides, because association groups, SMB multichannel and IP fragments
// are wider than a flow. Connectionless RPC may be answered from another host, so it belongs to the
// first dissector, as do fragments of other protocols than TCP, which do not show what they carry,
// and frames without an IP packet.
//
// The result is the same in every run. It costs much less than dissecting the frame.
[[nodiscard]] std::uint32_t shard_of(const Frame& frame, const Limits& limits,
                                     std::uint32_t shards) noexcept;

}  // namespace rpcaudit::dissect
