#pragma once

#include <cstdint>

#include "dissect/net/packet.h"
#include "dissect/store/wire_bytes.h"

namespace rpcaudit::dissect {

// Protocol numbers of IP payloads (IANA), as far as anything looks into them.
inline constexpr std::uint8_t kProtocolIpv4 = 4;
inline constexpr std::uint8_t kProtocolTcp = 6;
inline constexpr std::uint8_t kProtocolUdp = 17;
inline constexpr std::uint8_t kProtocolIpv6 = 41;
inline constexpr std::uint8_t kProtocolGre = 47;
inline constexpr std::uint8_t kProtocolEsp = 50;
inline constexpr std::uint8_t kProtocolEtherIp = 97;
inline constexpr std::uint8_t kProtocolL2tp = 115;
inline constexpr std::uint8_t kProtocolMpls = 137;

// What an IP header says, extension headers included.
struct IpHeader {
  AddressWords source;
  AddressWords destination;
  std::uint8_t version = 0;
  std::uint8_t protocol = 0;  // of `payload`
  WireBytes payload;
  FragmentPlace fragment;  // where the packet is a fragment
};

// Parses the IPv4 or IPv6 header in front: `ok` for a whole datagram, `fragment` for one of its
// fragments.
[[nodiscard]] DecodeStatus parse_ip(WireBytes bytes, IpHeader& header) noexcept;

// Passes over the extension headers in front of header.payload (RFC 8200 4), with which a
// reassembled datagram may begin. `ok` when another protocol follows them.
[[nodiscard]] DecodeStatus skip_extensions(IpHeader& header) noexcept;

}  // namespace rpcaudit::dissect
