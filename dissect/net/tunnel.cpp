#include "dissect/net/tunnel.h"

namespace rpcaudit::dissect {
namespace {

// ERSPAN of types II and III (draft-foschiano-erspan-03 4.2, 4.3); type I has no header.
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
  bytes.skip(size);
  inner.rest = bytes;
  return DecodeStatus::ok;
}

// VXLAN (RFC 7348 5): the flag of a valid network identifier, then a frame.
bool peel_vxlan(WireBytes bytes, LinkBytes& inner) noexcept {
  if (!bytes.has(8) || (bytes.u8(0) & 0x08) == 0) return false;
  bytes.skip(8);
  inner = {LinkLayer::ethernet, 0, bytes};
  return true;
}

// Geneve (RFC 8926 3.4).
bool peel_geneve(WireBytes bytes, LinkBytes& inner) noexcept {
  if (!bytes.has(8) || bytes.u8(0) >> 6 != 0) return false;
  const std::size_t size = 8 + std::size_t{bytes.u8(0) & 0x3fu} * 4;
  if (!bytes.has(size)) return false;
  inner.layer = LinkLayer::ethertype;
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
  if (version > 1 || (flags & kRouting) != 0) return DecodeStatus::other_transport;

  std::size_t size = 4;
  if ((flags & kChecksum) != 0) size += 4;
  if ((flags & kKey) != 0) size += 4;
  if ((flags & kSequence) != 0) size += 4;
  if (version == 1 && (flags & kAcknowledgment) != 0) size += 4;
  if (!bytes.has(size)) return DecodeStatus::truncated;
  bytes.skip(size);

  inner = {LinkLayer::ethertype, protocol, bytes};
  switch (protocol) {
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

bool peel_udp_tunnel(std::uint16_t port, WireBytes bytes, LinkBytes& inner) noexcept {
  switch (port) {
    case 2152: return peel_gtp(bytes, inner);
    case kTeredoPort: return peel_teredo(bytes, inner);
    case 4789:
    case 8472: return peel_vxlan(bytes, inner);
    case 6081: return peel_geneve(bytes, inner);
    case 37008: return peel_tzsp(bytes, inner);
    default: return false;
  }
}

}  // namespace rpcaudit::dissect
