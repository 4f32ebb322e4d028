#pragma once

#include <cstdint>

#include "capture/frame.h"
#include "dissect/net/packet.h"

namespace rpcaudit::dissect {

// The ones' complement sum of 16-bit words (RFC 1071), folded, not complemented, in host order; an
// odd last byte counts as the high half of a word.
[[nodiscard]] std::uint16_t ones_complement_sum(Bytes bytes) noexcept;

// Whether the checksum of an IPv4 header holds; `header` is exactly the header.
[[nodiscard]] bool is_ipv4_checksum_good(Bytes header) noexcept;

enum class ChecksumResult : std::uint8_t {
  good,
  bad,
  absent,   // UDP over IPv4 may leave it out
  unknown,  // the snap length took some of the bytes that it covers
};

// The checksum of a TCP or UDP packet with its pseudo header (RFC 9293 3.1, RFC 768, RFC 8200 8.1).
// Frames captured on their sender often have a wrong one, as its network card fills it in later.
[[nodiscard]] ChecksumResult verify_transport_checksum(const Packet& packet) noexcept;

}  // namespace rpcaudit::dissect
