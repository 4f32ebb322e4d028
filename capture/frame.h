#pragma once

#include <cstddef>
#include <cstdint>
#include <span>

#include "capture/timestamp.h"

namespace rpcaudit {

using Bytes = std::span<const std::byte>;

// How the first bytes of a frame are to be read. `other` is a link type that only the slow lane
// (odd_link.h) may know; it must be peeled to one of the rest before the frame is dissected.
enum class LinkType : std::uint8_t {
  ethernet,
  linux_cooked_v1,
  linux_cooked_v2,
  raw_ip,         // version nibble tells IPv4 from IPv6
  null_loopback,  // four bytes of address family in the capturing host's order (also OpenBSD LOOP)
  other,
};

// One captured frame, borrowed: `bytes` stays valid until the next read() of the source that
// delivered it.
struct Frame {
  Bytes bytes;                        // as captured; shorter than original_length when cut
  std::uint32_t original_length = 0;  // bytes on the wire
  std::uint32_t link_number = 1;      // the LINKTYPE_ value as the file states it
  Timestamp timestamp;
  std::uint64_t number = 0;    // 1-based, within its own input
  std::uint64_t sequence = 0;  // 1-based, over all inputs in the order delivered
  std::uint32_t input = 0;     // index of the input: FrameSource::input_name()
  LinkType link = LinkType::ethernet;
};

}  // namespace rpcaudit
