#pragma once

#include <cstddef>
#include <cstdint>

#include "capture/frame.h"
#include "dissect/doubt.h"
#include "dissect/endpoint.h"
#include "dissect/limits.h"
#include "dissect/store/address_words.h"

namespace rpcaudit::dissect {

enum class Transport : std::uint8_t {
  none,
  tcp,
  udp,
  fragment,  // of an IP datagram: goes to IpFragments, ports are not known
};

// The flag bits of a TCP header (RFC 9293 3.1).
inline constexpr std::uint8_t kTcpFin = 0x01;
inline constexpr std::uint8_t kTcpSyn = 0x02;
inline constexpr std::uint8_t kTcpRst = 0x04;
inline constexpr std::uint8_t kTcpPsh = 0x08;
inline constexpr std::uint8_t kTcpAck = 0x10;

// What stream reassembly needs of a TCP header.
struct TcpSegmentHeader {
  std::uint32_t sequence = 0;
  std::uint32_t acknowledgment = 0;  // means something only when has_ack()
  std::uint8_t flags = 0;

  [[nodiscard]] constexpr bool has(std::uint8_t flag) const noexcept { return (flags & flag) != 0; }
  [[nodiscard]] constexpr bool has_syn() const noexcept { return has(kTcpSyn); }
  [[nodiscard]] constexpr bool has_ack() const noexcept { return has(kTcpAck); }
  [[nodiscard]] constexpr bool has_fin() const noexcept { return has(kTcpFin); }
  [[nodiscard]] constexpr bool has_rst() const noexcept { return has(kTcpRst); }
  // The two segments that open a connection: SYN without and with ACK.
  [[nodiscard]] constexpr bool is_syn() const noexcept { return has_syn() && !has_ack(); }
  [[nodiscard]] constexpr bool is_syn_ack() const noexcept { return has_syn() && has_ack(); }
};

// Where a fragment belongs (RFC 791 3.1, RFC 8200 4.5).
struct FragmentPlace {
  std::uint32_t identification = 0;
  std::uint32_t offset = 0;   // of its payload in the datagram's, in bytes
  std::uint8_t protocol = 0;  // of the datagram's payload; trust the one of the first fragment
  bool more = false;          // it is not the last one
};

// The tunnel that a packet came out of, all nested ones together; 0 on the wire itself. Tunnels
// whose numbers differ between the two directions count as one for each kind.
using TunnelId = std::uint32_t;

// One packet, innermost headers only: whatever encapsulates it has been peeled. Borrows from the
// frame (or reassembled datagram) it was decoded from.
struct Packet {
  AddressWords source;
  AddressWords destination;
  std::uint16_t source_port = 0;
  std::uint16_t destination_port = 0;
  Transport transport = Transport::none;
  std::uint8_t ip_version = 0;             // 4 or 6
  std::uint8_t transport_header_size = 0;  // these bytes stand just before `payload`
  std::uint8_t depth = 0;                  // encapsulations peeled
  TcpSegmentHeader tcp;                    // when transport is tcp
  std::uint32_t payload_length = 0;        // as the headers state
  Bytes payload;                           // as captured: at most payload_length
  FragmentPlace fragment;                  // when transport is fragment
  TunnelId tunnel = 0;
  Doubts doubts;  // set for a datagram that was put together from fragments
  // The innermost IP header, of which the fixed part was captured, and the Ethernet addresses and
  // tags in front of it; nullptr where there are none, and for reassembled datagrams.
  const std::byte* ip_header = nullptr;
  const std::byte* mac_header = nullptr;

  // The snap length took the end of the payload.
  [[nodiscard]] bool is_cut() const noexcept { return payload.size() < payload_length; }

  // Transport header and payload, as captured.
  [[nodiscard]] Bytes transport_bytes() const noexcept {
    return {payload.data() - transport_header_size, payload.size() + transport_header_size};
  }

  [[nodiscard]] Endpoint source_endpoint() const noexcept {
    return {source.address(), source_port};
  }
  [[nodiscard]] Endpoint destination_endpoint() const noexcept {
    return {destination.address(), destination_port};
  }
};

enum class DecodeStatus : std::uint8_t {
  ok,               // transport is tcp or udp
  fragment,         // transport is fragment
  other_transport,  // IP, but neither TCP nor UDP
  not_ip,
  truncated,     // a header was not captured whole
  malformed,     // a header contradicts itself
  encapsulated,  // by something that is not followed, or encrypts
  too_deep,      // more nested encapsulations than Limits::tunnel_depth
};

// An IP datagram put together from its fragments.
struct Datagram {
  AddressWords source;
  AddressWords destination;
  std::uint8_t protocol = 0;
  std::uint8_t ip_version = 0;
  std::uint8_t depth = 0;  // encapsulations that its fragments came in
  TunnelId tunnel = 0;
  Doubts doubts;
  Bytes payload;  // up to the first byte that was not captured
  std::uint32_t payload_length = 0;
};

namespace detail {
[[nodiscard]] bool decode_plain(Bytes bytes, Packet& packet) noexcept;
[[nodiscard]] DecodeStatus decode_any(const Frame& frame, const Limits& limits,
                                      Packet& packet) noexcept;
}  // namespace detail

// Decodes down to the innermost TCP or UDP header. Sets all of `packet` when the result is ok or
// fragment; otherwise what it holds means nothing. A frame of link type `other` is not_ip.
[[nodiscard]] inline DecodeStatus decode_packet(const Frame& frame, const Limits& limits,
                                                Packet& packet) noexcept {
  if (frame.link == LinkType::ethernet && detail::decode_plain(frame.bytes, packet)) {
    return DecodeStatus::ok;
  }
  return detail::decode_any(frame, limits, packet);
}

// Decodes a reassembled datagram, which may hold an encapsulation, and so another fragment.
[[nodiscard]] DecodeStatus decode_datagram(const Datagram& datagram, const Limits& limits,
                                           Packet& packet) noexcept;

}  // namespace rpcaudit::dissect
