#include "dissect/net/link.h"

#include <algorithm>
#include <cstddef>

#include "dissect/net/header_sizes.h"
#include "dissect/store/keyed_hash.h"

namespace rpcaudit::dissect {
namespace {

constexpr std::uint16_t kEthertypeMin = 0x0600;  // below it, a length (IEEE 802.3 3.2.6)

// The size of a tag, from after its own ethertype to before the next; 0 when it is none.
[[nodiscard]] constexpr std::size_t tag_size(std::uint16_t ethertype) noexcept {
  switch (ethertype) {
    case kEthertypeVlan:         // IEEE 802.1Q
    case kEthertypeServiceVlan:  // the same, outer tag
    case 0x9100:
    case 0x9200:
    case 0x9300: return 2;  // outer tags before that was written
    case 0x8926:            // VN-Tag
    case 0x892f: return 4;  // HSR (IEC 62439-3 5): path, size, sequence number
    case 0x893f:            // E-Tag (IEEE 802.1BR 7.5)
    case 0x8909: return 6;  // Cisco MetaData: version, length, option, security group
    default: return 0;
  }
}

[[nodiscard]] constexpr bool is_known(std::uint16_t ethertype) noexcept {
  switch (ethertype) {
    case kEthertypeIpv4:
    case kEthertypeIpv6:
    case 0x0806:
    case 0x8847:
    case 0x8848:
    case 0x8863:
    case 0x8864: return true;
    default: return tag_size(ethertype) != 0;
  }
}

DecodeStatus go_to(LinkBytes& link, LinkLayer layer, std::size_t header_size) noexcept {
  link.rest.skip(header_size);
  link.layer = layer;
  return DecodeStatus::ok;
}

DecodeStatus peel_ethernet(LinkBytes& link) noexcept {
  if (!link.rest.has(kMacHeaderSize)) return DecodeStatus::truncated;
  link.mac_header = link.rest.captured.data();
  const std::uint16_t type = link.rest.u16(12);
  if (type < kEthertypeMin) {
    (void)go_to(link, LinkLayer::llc, kMacHeaderSize);
    if (type != 0) link.rest.limit(type);
    return DecodeStatus::ok;
  }
  link.ethertype = type;
  return go_to(link, LinkLayer::ethertype, kMacHeaderSize);
}

// MACsec (IEEE 802.1AE 9.3): readable when only its integrity is protected.
DecodeStatus peel_macsec(LinkBytes& link) noexcept {
  constexpr std::uint8_t kEncrypted = 0x0c;
  constexpr std::uint8_t kHasChannel = 0x20;
  constexpr std::size_t kCheckSize = 16;
  if (!link.rest.has(1)) return DecodeStatus::truncated;
  const std::uint8_t control = link.rest.u8(0);
  if ((control & kEncrypted) != 0) return DecodeStatus::encapsulated;
  const std::size_t size = (control & kHasChannel) != 0 ? 14 : 6;
  if (!link.rest.has(size + 2)) return DecodeStatus::truncated;
  if (link.rest.length < size + 2 + kCheckSize) return DecodeStatus::malformed;
  link.ethertype = link.rest.u16(size);
  link.rest.skip(size + 2);
  link.rest.limit(link.rest.length - kCheckSize);
  return DecodeStatus::ok;
}

// Service function chaining (RFC 8300 2): a base header that tells its size in words and what
// follows.
DecodeStatus peel_nsh(LinkBytes& link) noexcept {
  if (!link.rest.has(8)) return DecodeStatus::truncated;
  const std::size_t size = std::size_t{link.rest.u8(1) & 0x3fu} * 4;
  if (size < 8) return DecodeStatus::malformed;
  if (!link.rest.has(size)) return DecodeStatus::truncated;
  const std::uint8_t next = link.rest.u8(3);
  switch (next) {
    case 1:
    case 2: return go_to(link, LinkLayer::ip, size);
    case 3: return go_to(link, LinkLayer::ethernet, size);
    case 5: return go_to(link, LinkLayer::mpls, size);
    default: return DecodeStatus::encapsulated;
  }
}

// TRILL (RFC 6325 3.1): options of a stated length, then an Ethernet frame.
DecodeStatus peel_trill(LinkBytes& link) noexcept {
  if (!link.rest.has(6)) return DecodeStatus::truncated;
  const unsigned head = link.rest.u16(0);
  if (head >> 14 != 0) return DecodeStatus::encapsulated;  // another version
  const std::size_t size = 6 + std::size_t{head >> 6 & 0x1f} * 4;
  if (!link.rest.has(size)) return DecodeStatus::truncated;
  return go_to(link, LinkLayer::ethernet, size);
}

// PPPoE session (RFC 2516 4).
DecodeStatus peel_pppoe(LinkBytes& link) noexcept {
  if (!link.rest.has(6)) return DecodeStatus::truncated;
  if (link.rest.u16(0) != 0x1100) return DecodeStatus::malformed;  // version, type, code
  const std::uint16_t length = link.rest.u16(4);
  (void)go_to(link, LinkLayer::ppp, 6);
  link.rest.limit(length);
  return DecodeStatus::ok;
}

DecodeStatus peel_tag(LinkBytes& link, std::size_t size) noexcept {
  if (!link.rest.has(size + 2)) return DecodeStatus::truncated;
  const std::uint16_t type = link.rest.u16(size);
  link.rest.skip(size + 2);
  link.ethertype = type;
  if (type >= kEthertypeMin) return DecodeStatus::ok;
  link.layer = LinkLayer::llc;
  if (type != 0) link.rest.limit(type);
  return DecodeStatus::ok;
}

DecodeStatus peel_ethertype(LinkBytes& link) noexcept {
  if (const std::size_t size = tag_size(link.ethertype)) return peel_tag(link, size);
  switch (link.ethertype) {
    case kEthertypeIpv4:
    case kEthertypeIpv6: return go_to(link, LinkLayer::ip, 0);
    case 0x8847:
    case 0x8848: return go_to(link, LinkLayer::mpls, 0);
    case 0x8864: return peel_pppoe(link);
    case 0x88e5: return peel_macsec(link);
    case kEthertypeNsh: return peel_nsh(link);
    case 0x22f3: return peel_trill(link);
    case 0x8903:  // FabricPath: a tree and a hop limit, then a frame
      if (!link.rest.has(2)) return DecodeStatus::truncated;
      return go_to(link, LinkLayer::ethernet, 2);
    case kEthertypeBridging: return go_to(link, LinkLayer::ethernet, 0);
    case 0x88e7:  // provider backbone bridge: the service tag, then a frame (IEEE 802.1Q 9.7)
      if (!link.rest.has(4)) return DecodeStatus::truncated;
      return go_to(link, LinkLayer::ethernet, 4);
    default: return DecodeStatus::not_ip;
  }
}

// LLC, alone or with SNAP (IEEE 802.2; RFC 1042).
DecodeStatus peel_llc(LinkBytes& link) noexcept {
  if (!link.rest.has(3)) return DecodeStatus::truncated;
  if (link.rest.u16(0) == 0x0606) return go_to(link, LinkLayer::ip, 3);
  if (link.rest.u16(0) != 0xaaaa || link.rest.u8(2) != 3) return DecodeStatus::not_ip;
  if (!link.rest.has(8)) return DecodeStatus::truncated;
  const std::uint32_t organisation = link.rest.u32(2) & 0xff'ffff;
  if (organisation != 0 && organisation != 0x0000f8) return DecodeStatus::not_ip;
  link.ethertype = link.rest.u16(6);
  return go_to(link, LinkLayer::ethertype, 8);
}

// The label stack (RFC 3032 2.1). What follows it is not named: IP, or an Ethernet frame with or
// without a control word of four bytes (RFC 4448 4.6).
DecodeStatus peel_mpls(LinkBytes& link) noexcept {
  constexpr std::uint8_t kBottom = 1;
  for (bool bottom = false; !bottom;) {
    if (!link.rest.has(4)) return DecodeStatus::truncated;
    bottom = (link.rest.u8(2) & kBottom) != 0;
    link.rest.skip(4);
  }
  if (!link.rest.has(1)) return DecodeStatus::truncated;
  if (looks_like_ip(link.rest)) return go_to(link, LinkLayer::ip, 0);
  const bool may_be_control_word = link.rest.u8(0) >> 4 == 0;
  constexpr std::size_t kTypeAt = 4 + 12;
  if (may_be_control_word && link.rest.has(kTypeAt + 2) && is_known(link.rest.u16(kTypeAt))) {
    return go_to(link, LinkLayer::ethernet, 4);
  }
  return go_to(link, LinkLayer::ethernet, 0);
}

// PPP (RFC 1661 2), with the fields that its options may leave out.
DecodeStatus peel_ppp(LinkBytes& link) noexcept {
  if (link.rest.has(2) && link.rest.u16(0) == 0xff03) link.rest.skip(2);
  if (!link.rest.has(1)) return DecodeStatus::truncated;
  const bool is_short = (link.rest.u8(0) & 1) != 0;
  if (!is_short && !link.rest.has(2)) return DecodeStatus::truncated;
  const unsigned protocol = is_short ? link.rest.u8(0) : link.rest.u16(0);
  const std::size_t size = is_short ? 1 : 2;
  switch (protocol) {
    case 0x0021:
    case 0x0057: return go_to(link, LinkLayer::ip, size);
    case 0x0281: return go_to(link, LinkLayer::mpls, size);
    case 0x003d:                                     // multilink fragments (RFC 1990)
    case 0x0053:                                     // encrypted (RFC 1968)
    case 0x00fd: return DecodeStatus::encapsulated;  // compressed or encrypted (RFC 1962, RFC 3078)
    default: return DecodeStatus::not_ip;
  }
}

// Linux cooked captures: the ethertype stands in the pseudo header.
DecodeStatus begin_cooked(LinkBytes& link, std::size_t hardware_at, std::size_t protocol_at,
                          std::size_t header_size) noexcept {
  constexpr std::uint16_t kNetlink = 824;  // ARPHRD_NETLINK: its protocol is another number
  if (!link.rest.has(header_size)) return DecodeStatus::truncated;
  if (link.rest.u16(hardware_at) == kNetlink) return DecodeStatus::not_ip;
  link.ethertype = link.rest.u16(protocol_at);
  const bool is_llc = link.ethertype == 0x0004;
  return go_to(link, is_llc ? LinkLayer::llc : LinkLayer::ethertype, header_size);
}

// The family in front is in the byte order, and of the numbering, of the capturing host.
DecodeStatus begin_loopback(LinkBytes& link) noexcept {
  if (!link.rest.has(4)) return DecodeStatus::truncated;
  std::uint32_t family = link.rest.u32(0);
  if (family > 0xffff) family = __builtin_bswap32(family);
  switch (family) {
    case 2:  // AF_INET everywhere
    case 10:
    case 23:
    case 24:
    case 28:
    case 30:  // AF_INET6: Linux, Windows, the BSDs
      return go_to(link, LinkLayer::ip, 4);
    default: return DecodeStatus::not_ip;
  }
}

}  // namespace

std::uint32_t link_signature(const Packet& packet) noexcept {
  const std::byte* const mac = packet.mac_header;
  if (mac == nullptr) return 0;
  constexpr std::uint64_t kMultiplier = 0x9e37'79b9'7f4a'7c15;
  std::uint64_t mixed = fold_multiply(load_u64(mac) ^ kMultiplier, load_u32(mac + 8) | kMultiplier);
  // What follows an Ethernet header was captured up to the IP header.
  for (std::size_t at = kMacHeaderSize - 2;
       packet.ip_header - mac > static_cast<std::ptrdiff_t>(at + 4); at += 4) {
    const std::uint16_t type = load_u16(mac + at);
    if (type != kEthertypeVlan && type != kEthertypeServiceVlan) break;
    mixed = fold_multiply(mixed ^ (load_u16(mac + at + 2) & kVlanNumber), kMultiplier);
  }
  return static_cast<std::uint32_t>(mixed) | 1;
}

DecodeStatus begin_link(const Frame& frame, LinkBytes& link) noexcept {
  link = {};
  link.rest.captured = frame.bytes;
  link.rest.length = std::max<std::size_t>(frame.bytes.size(), frame.original_length);
  switch (frame.link) {
    case LinkType::ethernet: link.layer = LinkLayer::ethernet; return DecodeStatus::ok;
    case LinkType::linux_cooked_v1: return begin_cooked(link, 2, 14, 16);
    case LinkType::linux_cooked_v2: return begin_cooked(link, 8, 0, 20);
    case LinkType::raw_ip: return DecodeStatus::ok;
    case LinkType::null_loopback: return begin_loopback(link);
    case LinkType::other: break;
  }
  return DecodeStatus::not_ip;
}

DecodeStatus peel_link(LinkBytes& link) noexcept {
  // Each step but the last leaves bytes behind, or goes to one that does.
  DecodeStatus status = DecodeStatus::ok;
  while (status == DecodeStatus::ok && link.layer != LinkLayer::ip) {
    switch (link.layer) {
      case LinkLayer::ethernet: status = peel_ethernet(link); break;
      case LinkLayer::ethertype: status = peel_ethertype(link); break;
      case LinkLayer::llc: status = peel_llc(link); break;
      case LinkLayer::mpls: status = peel_mpls(link); break;
      case LinkLayer::ppp: status = peel_ppp(link); break;
      case LinkLayer::ip: break;
    }
  }
  return status;
}

bool looks_like_ip(const WireBytes& bytes) noexcept {
  if (!bytes.has(1)) return false;
  const unsigned version = bytes.u8(0) >> 4;
  if (version == 4) {
    if (!bytes.has(20)) return false;
    const std::size_t header_size = std::size_t{bytes.u8(0) & 15u} * 4;
    const std::size_t total_length = bytes.u16(2);
    return header_size >= 20 && total_length >= header_size && total_length <= bytes.length;
  }
  if (version == 6) {
    return bytes.has(40) && std::size_t{bytes.u16(4)} + 40 <= bytes.length;
  }
  return false;
}

}  // namespace rpcaudit::dissect
