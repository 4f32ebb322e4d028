#include "dissect/net/tunnel.h"

#include <algorithm>

#include "dissect/net/ip.h"
#include "dissect/store/keyed_hash.h"

namespace rpcaudit::dissect {
namespace {

// ERSPAN of types II and III (draft-foschiano-erspan-03 4.2, 4.3); type I has no header. The
// session number stands in the same place of both.
DecodeStatus peel_erspan(WireBytes bytes, std::uint16_t protocol, LinkBytes& inner) noexcept {
  std::size_t size = 8;
  inner.layer = LinkLayer::ethernet;
  if (protocol == 0x22eb) {
    size = 12;
    if (!bytes.has(size)) return DecodeStatus::truncated;
    const std::uint8_t last = bytes.u8(11);
    const unsigned frame_type = bytes.u8(10) >> 2 & 0x1f;
    if (frame_type == 2) inner.layer = LinkLayer::ip;
    if ((last & 1) != 0) size += 8;  // a subheader of the platform
  }
  if (!bytes.has(size)) return DecodeStatus::truncated;
  inner.tunnel_number = bytes.u16(2) & 0x3ffu;
  bytes.skip(size);
  inner.rest = bytes;
  return DecodeStatus::ok;
}

// VXLAN (RFC 7348 5): the flag of a valid network identifier, then a frame.
bool peel_vxlan(WireBytes bytes, LinkBytes& inner) noexcept {
  if (!bytes.has(8) || (bytes.u8(0) & 0x08) == 0) return false;
  inner = {LinkLayer::ethernet, 0, {}, bytes.u32(4) >> 8};
  bytes.skip(8);
  inner.rest = bytes;
  return true;
}

// VXLAN-GPE (draft-ietf-nvo3-vxlan-gpe-12 3): VXLAN whose last reserved byte before the network
// identifier may name what follows.
DecodeStatus peel_vxlan_gpe(WireBytes bytes, LinkBytes& inner) noexcept {
  constexpr std::uint8_t kHasProtocol = 0x04;
  if (!peel_vxlan(bytes, inner)) return DecodeStatus::not_ip;
  if ((bytes.u8(0) & kHasProtocol) == 0) return DecodeStatus::ok;
  switch (bytes.u8(3)) {
    case 1:
    case 2: inner.layer = LinkLayer::ip; return DecodeStatus::ok;
    case 3: return DecodeStatus::ok;
    case 4:
      inner.layer = LinkLayer::ethertype;
      inner.ethertype = kEthertypeNsh;
      return DecodeStatus::ok;
    case 5: inner.layer = LinkLayer::mpls; return DecodeStatus::ok;
    default: return DecodeStatus::encapsulated;
  }
}

// Geneve (RFC 8926 3.4).
bool peel_geneve(WireBytes bytes, LinkBytes& inner) noexcept {
  if (!bytes.has(8) || bytes.u8(0) >> 6 != 0) return false;
  const std::size_t size = 8 + std::size_t{bytes.u8(0) & 0x3fu} * 4;
  if (!bytes.has(size)) return false;
  inner.layer = LinkLayer::ethertype;
  inner.tunnel_number = bytes.u32(4) >> 8;
  inner.ethertype = bytes.u16(2);
  bytes.skip(size);
  inner.rest = bytes;
  return true;
}

// Teredo (RFC 4380 5.1.1): perhaps an authentication and an origin indication, then exactly one
// IPv6 packet, one of whose addresses is of Teredo or link-local.
bool peel_teredo(WireBytes bytes, LinkBytes& inner) noexcept {
  if (bytes.has(4) && bytes.u16(0) == 0x0001) {
    const std::size_t size = 13 + std::size_t{bytes.u8(2)} + bytes.u8(3);
    if (!bytes.has(size)) return false;
    bytes.skip(size);
  }
  if (bytes.has(8) && bytes.u16(0) == 0x0000) bytes.skip(8);
  if (!bytes.has(40) || bytes.u8(0) >> 4 != 6) return false;
  if (std::size_t{bytes.u16(4)} + 40 != bytes.length) return false;
  const auto is_plausible = [&bytes](std::size_t at) {
    return bytes.u32(at) == 0x2001'0000 || (bytes.u16(at) & 0xffc0) == 0xfe80;
  };
  if (!is_plausible(8) && !is_plausible(24)) return false;
  inner = {LinkLayer::ip, 0, bytes};
  return true;
}

// GTP-U (3GPP TS 29.281 5.1): a G-PDU, which is an IP packet.
bool peel_gtp(WireBytes bytes, LinkBytes& inner) noexcept {
  if (!bytes.has(8) || (bytes.u8(0) & 0xf0) != 0x30 || bytes.u8(1) != 0xff) return false;
  const bool has_options = (bytes.u8(0) & 0x07) != 0;
  const bool has_extensions = (bytes.u8(0) & 0x04) != 0;
  bytes.limit(std::size_t{8} + bytes.u16(2));
  bytes.skip(8);
  if (has_options) {
    if (!bytes.has(4)) return false;
    std::uint8_t next = has_extensions ? bytes.u8(3) : std::uint8_t{0};
    bytes.skip(4);
    while (next != 0) {
      if (!bytes.has(1)) return false;
      const std::size_t size = std::size_t{bytes.u8(0)} * 4;
      if (size == 0 || !bytes.has(size)) return false;
      next = bytes.u8(size - 1);
      bytes.skip(size);
    }
  }
  inner = {LinkLayer::ip, 0, bytes};
  return true;
}

// TZSP: a frame that a router mirrors, after tagged fields.
bool peel_tzsp(WireBytes bytes, LinkBytes& inner) noexcept {
  constexpr std::uint8_t kPadding = 0;
  constexpr std::uint8_t kEnd = 1;
  if (!bytes.has(4) || bytes.u8(0) != 1 || bytes.u16(2) != 1) return false;  // version; Ethernet
  bytes.skip(4);
  for (;;) {
    if (!bytes.has(1)) return false;
    const std::uint8_t tag = bytes.u8(0);
    const bool is_bare = tag == kPadding || tag == kEnd;
    if (!is_bare && !bytes.has(2)) return false;
    const std::size_t size = is_bare ? 1 : 2 + std::size_t{bytes.u8(1)};
    if (!bytes.has(size)) return false;
    bytes.skip(size);
    if (tag == kEnd) break;
  }
  inner = {LinkLayer::ethernet, 0, bytes};
  return true;
}

// L2TP version 3 behind its session number: a cookie of none, four or eight bytes, perhaps a
// sublayer of four, then a frame or a packet.
DecodeStatus find_l2tp_v3_payload(const WireBytes& bytes, LinkBytes& inner) noexcept {
  for (std::size_t size = 0; size <= 12 && bytes.has(size + 1); size += 4) {
    for (const LinkLayer layer : {LinkLayer::ethernet, LinkLayer::ip}) {
      LinkBytes candidate{layer, 0, bytes};
      candidate.rest.skip(size);
      LinkBytes peeled = candidate;
      if (peel_link(peeled) != DecodeStatus::ok || !looks_like_ip(peeled.rest)) continue;
      inner = candidate;
      return DecodeStatus::ok;
    }
  }
  return DecodeStatus::encapsulated;
}

// L2TP over UDP: data messages of version 2 (RFC 2661 3.1), which hold PPP, and of version 3 (RFC
// 3931 4.1.2.1). Both ends number tunnels and sessions on their own.
DecodeStatus peel_l2tp(WireBytes bytes, LinkBytes& inner) noexcept {
  constexpr std::uint16_t kControl = 0x8000;
  constexpr std::uint16_t kLength = 0x4000;
  constexpr std::uint16_t kSequence = 0x0800;
  constexpr std::uint16_t kOffset = 0x0200;
  if (!bytes.has(8)) return DecodeStatus::not_ip;
  const std::uint16_t flags = bytes.u16(0);
  const unsigned version = flags & 0x000fu;
  constexpr std::uint16_t kReservedOfVersion2 = 0x34f0;
  if (flags == 3) {
    bytes.skip(8);
    return find_l2tp_v3_payload(bytes, inner);
  }
  if (version != 2 || (flags & (kControl | kReservedOfVersion2)) != 0) return DecodeStatus::not_ip;
  std::size_t size = 6;
  if ((flags & kLength) != 0) {
    if (bytes.u16(2) > bytes.length) return DecodeStatus::not_ip;
    bytes.limit(bytes.u16(2));
    size += 2;
  }
  if ((flags & kSequence) != 0) size += 4;
  if ((flags & kOffset) != 0) {
    if (!bytes.has(size + 2)) return DecodeStatus::not_ip;
    size += 2 + std::size_t{bytes.u16(size)};
  }
  if (!bytes.has(size)) return DecodeStatus::not_ip;
  bytes.skip(size);
  inner = {LinkLayer::ppp, 0, bytes};
  return DecodeStatus::ok;
}

// ESP in UDP (RFC 3948 2): not the marker of key exchange, nor a keep-alive.
DecodeStatus peel_ipsec(const WireBytes& bytes) noexcept {
  constexpr std::size_t kEspSizeMin = 16;
  if (!bytes.has(4) || bytes.length < kEspSizeMin || bytes.u32(0) == 0) return DecodeStatus::not_ip;
  return DecodeStatus::encapsulated;
}

// Generic UDP Encapsulation (draft-ietf-intarea-gue-09 3; version 1 is IP without a header).
DecodeStatus peel_gue(WireBytes bytes, LinkBytes& inner) noexcept {
  if (!bytes.has(4)) return DecodeStatus::not_ip;
  if (bytes.u8(0) >> 6 == 1) {
    inner = {LinkLayer::ip, 0, bytes};
    return DecodeStatus::ok;
  }
  const std::size_t size = 4 + std::size_t{bytes.u8(0) & 0x1fu} * 4;
  const std::uint8_t protocol = bytes.u8(1);
  constexpr std::uint8_t kControl = 0x20;
  if (bytes.u8(0) >> 6 != 0 || (bytes.u8(0) & kControl) != 0 || !bytes.has(size)) {
    return DecodeStatus::not_ip;
  }
  bytes.skip(size);
  switch (protocol) {
    case kProtocolIpv4:
    case kProtocolIpv6: inner = {LinkLayer::ip, 0, bytes}; return DecodeStatus::ok;
    case kProtocolMpls: inner = {LinkLayer::mpls, 0, bytes}; return DecodeStatus::ok;
    case kProtocolGre: return peel_gre(bytes, inner);
    case kProtocolEtherIp: return peel_ether_ip(bytes, inner);
    default: return DecodeStatus::not_ip;
  }
}

// CAPWAP data (RFC 5415 4.3): a frame of IEEE 802.3 where the flag of the native format is not set.
// Frames of IEEE 802.11 and fragments are not followed.
DecodeStatus peel_capwap(WireBytes bytes, LinkBytes& inner) noexcept {
  if (!bytes.has(8) || bytes.u8(0) >> 4 != 0) return DecodeStatus::not_ip;
  if ((bytes.u8(0) & 0x0f) != 0) return DecodeStatus::encapsulated;  // DTLS
  constexpr std::uint16_t kNativeOrFragment = 0x0180;
  constexpr std::uint16_t kKeepAlive = 0x0008;
  const std::size_t size = std::size_t{static_cast<unsigned>(bytes.u8(1)) >> 3} * 4;
  if (size < 8 || !bytes.has(size)) return DecodeStatus::not_ip;
  const std::uint16_t flags = bytes.u16(2);
  if ((flags & kKeepAlive) != 0) return DecodeStatus::not_ip;
  if ((flags & kNativeOrFragment) != 0) return DecodeStatus::encapsulated;
  bytes.skip(size);
  inner = {LinkLayer::ethernet, 0, bytes};
  return DecodeStatus::ok;
}

DecodeStatus status_of(bool peeled) noexcept {
  return peeled ? DecodeStatus::ok : DecodeStatus::not_ip;
}

}  // namespace

DecodeStatus peel_gre(WireBytes bytes, LinkBytes& inner) noexcept {
  constexpr std::uint16_t kChecksum = 0x8000;
  constexpr std::uint16_t kRouting = 0x4000;
  constexpr std::uint16_t kKey = 0x2000;
  constexpr std::uint16_t kSequence = 0x1000;
  constexpr std::uint16_t kAcknowledgment = 0x0080;  // version 1 only
  if (!bytes.has(4)) return DecodeStatus::truncated;
  const std::uint16_t flags = bytes.u16(0);
  const std::uint16_t protocol = bytes.u16(2);
  const unsigned version = flags & 7u;
  if (version > 1 || (flags & kRouting) != 0) return DecodeStatus::encapsulated;

  std::size_t size = 4;
  if ((flags & kChecksum) != 0) size += 4;
  const std::size_t key_at = size;
  if ((flags & kKey) != 0) size += 4;
  if ((flags & kSequence) != 0) size += 4;
  if (version == 1 && (flags & kAcknowledgment) != 0) size += 4;
  if (!bytes.has(size)) return DecodeStatus::truncated;
  // Version 1 puts a length and the number that one end has chosen there (RFC 2637 4.1); NVGRE the
  // flow's hash behind the number of the network (RFC 7637 3.2).
  const bool has_number = (flags & kKey) != 0 && version == 0;
  std::uint32_t number = has_number ? bytes.u32(key_at) : 0;
  if (protocol == kEthertypeBridging) number >>= 8;
  bytes.skip(size);

  inner = {LinkLayer::ethertype, protocol, bytes, number};
  switch (protocol) {
    case 0x8909:  // Cisco MetaData behind the ethertype of what it is about
      if (!bytes.has(8)) return DecodeStatus::truncated;
      inner.ethertype = bytes.u16(0);
      inner.rest.skip(8);
      break;
    case 0x880b: inner.layer = LinkLayer::ppp; break;
    case 0x883e:  // WCCP puts four bytes of its own in front, in its second version
      inner.layer = LinkLayer::ip;
      if (!looks_like_ip(bytes) && bytes.has(4)) inner.rest.skip(4);
      break;
    case 0x88be:
      if ((flags & kSequence) != 0) return peel_erspan(bytes, protocol, inner);
      inner.layer = LinkLayer::ethernet;
      break;
    case 0x22eb: return peel_erspan(bytes, protocol, inner);
    default: break;
  }
  return DecodeStatus::ok;
}

DecodeStatus peel_ether_ip(WireBytes bytes, LinkBytes& inner) noexcept {
  if (!bytes.has(2)) return DecodeStatus::truncated;
  if (bytes.u8(0) >> 4 != 3) return DecodeStatus::malformed;
  bytes.skip(2);
  inner = {LinkLayer::ethernet, 0, bytes};
  return DecodeStatus::ok;
}

DecodeStatus peel_l2tp_v3(WireBytes bytes, LinkBytes& inner) noexcept {
  if (!bytes.has(4)) return DecodeStatus::truncated;
  if (bytes.u32(0) == 0) return DecodeStatus::other_transport;  // control
  bytes.skip(4);
  return find_l2tp_v3_payload(bytes, inner);
}

DecodeStatus peel_udp_tunnel(std::uint16_t port, WireBytes bytes, LinkBytes& inner) noexcept {
  switch (port) {
    case kL2tpPort: return peel_l2tp(bytes, inner);
    case kGtpPort: return status_of(peel_gtp(bytes, inner));
    case kTeredoPort: return status_of(peel_teredo(bytes, inner));
    case kIpsecPort: return peel_ipsec(bytes);
    case kGrePort: return status_of(peel_gre(bytes, inner) == DecodeStatus::ok);
    case kVxlanPort:
    case kOldVxlanPort: return status_of(peel_vxlan(bytes, inner));
    case kVxlanGpePort: return peel_vxlan_gpe(bytes, inner);
    case kCapwapDataPort: return peel_capwap(bytes, inner);
    case kGuePort: return peel_gue(bytes, inner);
    case kGenevePort: return status_of(peel_geneve(bytes, inner));
    case kMplsPort: inner = {LinkLayer::mpls, 0, bytes}; return DecodeStatus::ok;
    case kTzspPort: return status_of(peel_tzsp(bytes, inner));
    default: return DecodeStatus::not_ip;
  }
}

TunnelId tunnel_inside(const Packet& outer, std::uint32_t kind, std::uint32_t number,
                       const TunnelTrust& trust) noexcept {
  if (trust.all) return outer.tunnel;
  const auto end = trust.mirrors.begin() + static_cast<std::ptrdiff_t>(trust.mirror_count);
  if (std::find(trust.mirrors.begin(), end, outer.source.address()) != end) return outer.tunnel;
  constexpr std::uint64_t kFirst = 0x9e37'79b9'7f4a'7c15;
  constexpr std::uint64_t kSecond = 0xd1b5'4a32'd192'ed03;
  const std::uint64_t place = std::uint64_t{outer.tunnel} << 32 | kind;
  const std::uint64_t mixed =
      fold_multiply(fold_multiply(place ^ kFirst, kSecond) ^ number, kFirst);
  return static_cast<TunnelId>(mixed) | 1;
}

}  // namespace rpcaudit::dissect
