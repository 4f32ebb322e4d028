#pragma once

#include <cstdint>

#include "dissect/limits.h"
#include "dissect/net/link.h"
#include "dissect/net/packet.h"
#include "dissect/store/wire_bytes.h"

namespace rpcaudit::dissect {

// UDP ports of encapsulations (IANA, but for those that vendors chose).
inline constexpr std::uint16_t kL2tpPort = 1701;
inline constexpr std::uint16_t kGtpPort = 2152;
inline constexpr std::uint16_t kTeredoPort = 3544;
inline constexpr std::uint16_t kIpsecPort = 4500;
inline constexpr std::uint16_t kGrePort = 4754;
inline constexpr std::uint16_t kVxlanPort = 4789;
inline constexpr std::uint16_t kVxlanGpePort = 4790;
inline constexpr std::uint16_t kCapwapDataPort = 5247;
inline constexpr std::uint16_t kGuePort = 6080;
inline constexpr std::uint16_t kGenevePort = 6081;
inline constexpr std::uint16_t kMplsPort = 6635;
inline constexpr std::uint16_t kOldVxlanPort = 8472;  // of Linux, before there was a number
inline constexpr std::uint16_t kTzspPort = 37008;

// Whether UDP to this port may be an encapsulation that peel_udp_tunnel() knows.
[[nodiscard]] constexpr bool is_tunnel_port(std::uint16_t port) noexcept {
  switch (port) {
    case kL2tpPort:
    case kGtpPort:
    case kTeredoPort:
    case kIpsecPort:
    case kGrePort:
    case kVxlanPort:
    case kVxlanGpePort:
    case kCapwapDataPort:
    case kGuePort:
    case kGenevePort:
    case kMplsPort:
    case kOldVxlanPort:
    case kTzspPort: return true;
    default: return false;
  }
}
// Whether datagrams of the encapsulation may have its port as their source alone.
[[nodiscard]] constexpr bool is_tunnel_source_port(std::uint16_t port) noexcept {
  return port == kTeredoPort || port == kL2tpPort;
}

// Peels GRE (RFC 2784, RFC 2890; RFC 2637 for version 1) and what comes with it: ERSPAN, WCCP.
// `ok` when `inner` is to be peeled further.
[[nodiscard]] DecodeStatus peel_gre(WireBytes bytes, LinkBytes& inner) noexcept;

// Peels EtherIP (RFC 3378).
[[nodiscard]] DecodeStatus peel_ether_ip(WireBytes bytes, LinkBytes& inner) noexcept;

// Peels L2TP version 3 over IP (RFC 3931 4.1.1). Neither the size of its cookie nor what it carries
// stands in it: they are found by what fits.
[[nodiscard]] DecodeStatus peel_l2tp_v3(WireBytes bytes, LinkBytes& inner) noexcept;

// Peels the encapsulation that the port stands for. A port proves nothing: `ok` when `inner` may
// hold IP, `not_ip` when this is an ordinary datagram, `encapsulated` when the datagram is of the
// encapsulation, but in a form that is not followed.
[[nodiscard]] DecodeStatus peel_udp_tunnel(std::uint16_t port, WireBytes bytes,
                                           LinkBytes& inner) noexcept;

// The tunnel of what `outer` carries, inside of the tunnel that `outer` itself came out of. `kind`
// is a protocol number or a UDP port, `number` the tunnel's own.
[[nodiscard]] TunnelId tunnel_inside(const Packet& outer, std::uint32_t kind, std::uint32_t number,
                                     const TunnelTrust& trust) noexcept;

}  // namespace rpcaudit::dissect
