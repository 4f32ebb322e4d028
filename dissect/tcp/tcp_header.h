#pragma once

#include <cstdint>
#include <optional>

#include "dissect/net/packet.h"
#include "dissect/store/wire_bytes.h"

namespace rpcaudit::dissect {

// Fields of a TCP header (RFC 9293 3.1) that only connections under dissection ask for. Each reads
// the header that stands before the packet's payload; a packet without one, made by hand, has none
// of them.

inline constexpr std::uint8_t kTcpHeaderSizeMin = 20;
inline constexpr std::uint8_t kTcpUrg = 0x20;

namespace detail {
[[nodiscard]] std::optional<std::uint32_t> find_tcp_timestamp(Bytes header) noexcept;
[[nodiscard]] inline const std::byte* tcp_header(const Packet& packet) noexcept {
  if (packet.transport_header_size < kTcpHeaderSizeMin) return nullptr;
  return packet.payload.data() - packet.transport_header_size;
}
}  // namespace detail

// The window as the field states it, before any scaling.
[[nodiscard]] inline std::optional<std::uint16_t> tcp_window(const Packet& packet) noexcept {
  const std::byte* header = detail::tcp_header(packet);
  if (header == nullptr) return std::nullopt;
  return load_u16(header + 14);
}

// The urgent pointer of a segment that has one: an offset from the sequence number to the byte
// behind the urgent data (RFC 6093 3.1). Never 0.
[[nodiscard]] inline std::optional<std::uint16_t> tcp_urgent_pointer(
    const Packet& packet) noexcept {
  if (!packet.tcp.has(kTcpUrg)) return std::nullopt;
  const std::byte* header = detail::tcp_header(packet);
  if (header == nullptr || load_u16(header + 18) == 0) return std::nullopt;
  return load_u16(header + 18);
}

// TSval of the timestamps option (RFC 7323 3.2).
[[nodiscard]] inline std::optional<std::uint32_t> tcp_timestamp(const Packet& packet) noexcept {
  const std::byte* header = detail::tcp_header(packet);
  if (header == nullptr || packet.transport_header_size == kTcpHeaderSizeMin) return std::nullopt;
  constexpr std::uint32_t kUsualStart = 0x0101'080a;  // two NOPs, kind, length
  if (packet.transport_header_size >= 32 && load_u32(header + 20) == kUsualStart) {
    return load_u32(header + 24);
  }
  return detail::find_tcp_timestamp({header, packet.transport_header_size});
}

// The shift count of a SYN's window scale option (RFC 7323 2.2); more than 14 counts as 14.
[[nodiscard]] std::optional<std::uint8_t> tcp_window_scale(const Packet& packet) noexcept;

}  // namespace rpcaudit::dissect
