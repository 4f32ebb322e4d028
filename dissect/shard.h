#pragma once

#include <cstdint>

#include "capture/frame.h"
#include "dissect/limits.h"

namespace rpcaudit {

// Which of `shards` dissectors a frame belongs to: by the unordered pair of hosts of its innermost
// IP packet, because association groups, SMB multichannel and IP fragments are wider than a flow.
// Frames without an IP packet belong to the first. The same in every run.
//
// Much cheaper than dissecting the frame.
[[nodiscard]] std::uint32_t shard_of(const Frame& frame, const Limits& limits,
                                     std::uint32_t shards) noexcept;

}  // namespace rpcaudit
