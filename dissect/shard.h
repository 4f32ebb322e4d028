#pragma once

#include <cstdint>

#include "capture/frame.h"
#include "dissect/limits.h"

namespace rpcaudit::dissect {

// Which of `shards` dissectors a frame belongs to: by the unordered pair of hosts of its innermost
// IP packet, because association groups, SMB multichannel and IP fragments are wider than a flow.
// Connectionless RPC, which may answer from another host, belongs to the first, and so do fragments
// but those of TCP, which do not show what they are, and frames without an IP packet. The same in
// every run.
//
// Much cheaper than dissecting the frame.
[[nodiscard]] std::uint32_t shard_of(const Frame& frame, const Limits& limits,
                                     std::uint32_t shards) noexcept;

}  // namespace rpcaudit::dissect
