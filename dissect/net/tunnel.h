#pragma once

#include <cstdint>

#include "dissect/net/link.h"
#include "dissect/net/packet.h"
#include "dissect/store/wire_bytes.h"

namespace rpcaudit::dissect {

inline constexpr std::uint16_t kTeredoPort = 3544;

// Whether UDP to this port may be an encapsulation that peel_udp_tunnel() knows.
[[nodiscard]] constexpr bool is_tunnel_port(std::uint16_t port) noexcept {
  switch (port) {
    case 2152:  // GTP-U
    case kTeredoPort:
    case 4789:   // VXLAN
    case 6081:   // Geneve
    case 8472:   // VXLAN as Linux had it first
    case 37008:  // TZSP
      return true;
    default: return false;
  }
}

// Peels GRE (RFC 2784, RFC 2890; RFC 2637 for version 1) and what comes with it: ERSPAN, WCCP.
// `ok` when `inner` is to be peeled further.
[[nodiscard]] DecodeStatus peel_gre(WireBytes bytes, LinkBytes& inner) noexcept;

// Peels EtherIP (RFC 3378).
[[nodiscard]] DecodeStatus peel_ether_ip(WireBytes bytes, LinkBytes& inner) noexcept;

// Peels the encapsulation that the port stands for. A port proves nothing: unless `inner` turns out
// to hold IP, this was an ordinary datagram.
[[nodiscard]] bool peel_udp_tunnel(std::uint16_t port, WireBytes bytes, LinkBytes& inner) noexcept;

}  // namespace rpcaudit::dissect
