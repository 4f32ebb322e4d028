#pragma once

#include <cstdint>

#include "capture/frame.h"
#include "dissect/net/header_sizes.h"
#include "dissect/net/packet.h"
#include "dissect/store/wire_bytes.h"

namespace rpcaudit::dissect {

// How bytes below the IP layer begin.
enum class LinkLayer : std::uint8_t {
  ethernet,   // the destination address
  ethertype,  // after an ethertype that was read already
  llc,        // IEEE 802.2
  mpls,       // a label
  ppp,        // the protocol number, perhaps address and control before it
  ip,         // the version nibble tells IPv4 from IPv6
};

struct LinkBytes {
  LinkLayer layer = LinkLayer::ip;
  std::uint16_t ethertype = 0;  // when layer is ethertype
  WireBytes rest;
  std::uint32_t tunnel_number = 0;        // of the tunnel that it was peeled from
  const std::byte* mac_header = nullptr;  // of the innermost Ethernet frame passed so far
};

// Ethertypes (IEEE 802 numbers), as far as anything asks for them.
inline constexpr std::uint16_t kEthertypeIpv4 = 0x0800;
inline constexpr std::uint16_t kEthertypeIpv6 = 0x86dd;
inline constexpr std::uint16_t kEthertypeVlan = 0x8100;
inline constexpr std::uint16_t kEthertypeServiceVlan = 0x88a8;
inline constexpr std::uint16_t kEthertypeBridging = 0x6558;  // a whole Ethernet frame
inline constexpr std::uint16_t kEthertypeNsh = 0x894f;       // network service header

inline constexpr unsigned kVlanNumber = 0x0fff;  // of a VLAN tag; the other bits are priority

// From whom to whom the frame of a packet went on its link: a hash of its Ethernet addresses and of
// the numbers of its VLANs; 0 where it has none.
[[nodiscard]] std::uint32_t link_signature(const Packet& packet) noexcept;

// The number of the outermost VLAN of an Ethernet frame; 0 without a tag, or with a tag that has a
// priority only.
[[nodiscard]] inline std::uint16_t outermost_vlan(const Frame& frame) noexcept {
  if (frame.link != LinkType::ethernet) return 0;
  if (frame.bytes.size() < kMacHeaderSize + kVlanTagSize) return 0;
  const std::byte* const type = frame.bytes.data() + kMacHeaderSize - 2;
  const std::uint16_t number = load_u16(type);
  if (number != kEthertypeVlan && number != kEthertypeServiceVlan) [[likely]]
    return 0;
  return static_cast<std::uint16_t>(load_u16(type + 2) & kVlanNumber);
}

// How the frame begins; not_ip when that is nothing that can hold IP.
[[nodiscard]] DecodeStatus begin_link(const Frame& frame, LinkBytes& link) noexcept;

// Peels tags, labels and further frames until an IP header stands in front: `ok`, with it in
// link.rest. `encapsulated` when something is in the way that may hold IP but is not followed.
[[nodiscard]] DecodeStatus peel_link(LinkBytes& link) noexcept;

// Whether the bytes can be an IP packet that is no longer than they are. For places where nothing
// says so, such as after a label.
[[nodiscard]] bool looks_like_ip(const WireBytes& bytes) noexcept;

}  // namespace rpcaudit::dissect
