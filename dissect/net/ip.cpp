#include "dissect/net/ip.h"

#include "dissect/net/header_sizes.h"

namespace rpcaudit::dissect {
namespace {

constexpr unsigned kExtensionsMax = 16;

constexpr std::uint8_t kHopByHop = 0;
constexpr std::uint8_t kRouting = 43;
constexpr std::uint8_t kFragment = 44;
constexpr std::uint8_t kAuthentication = 51;
constexpr std::uint8_t kDestinationOptions = 60;
constexpr std::uint8_t kMobility = 135;
constexpr std::uint8_t kHostIdentity = 139;
constexpr std::uint8_t kShim6 = 140;

[[nodiscard]] constexpr bool is_extension(std::uint8_t protocol) noexcept {
  switch (protocol) {
    case kHopByHop:
    case kRouting:
    case kFragment:
    case kAuthentication:
    case kDestinationOptions:
    case kMobility:
    case kHostIdentity:
    case kShim6: return true;
    default: return false;
  }
}

// The fragment header (RFC 8200 4.5); one that holds a whole datagram (RFC 6946) says nothing.
DecodeStatus read_fragment_header(IpHeader& header) noexcept {
  constexpr std::size_t kSize = 8;
  if (!header.payload.has(kSize)) return DecodeStatus::truncated;
  const std::uint16_t place = header.payload.u16(2);
  header.fragment.protocol = header.payload.u8(0);
  header.fragment.offset = place & 0xfff8u;
  header.fragment.more = (place & 1) != 0;
  header.fragment.identification = header.payload.u32(4);
  header.protocol = header.fragment.protocol;
  header.payload.skip(kSize);
  const bool is_whole = header.fragment.offset == 0 && !header.fragment.more;
  return is_whole ? DecodeStatus::ok : DecodeStatus::fragment;
}

DecodeStatus parse_ipv4(WireBytes bytes, IpHeader& header) noexcept {
  if (!bytes.has(kIpv4HeaderSizeMin)) return DecodeStatus::truncated;
  const std::size_t header_size = std::size_t{bytes.u8(0) & 15u} * 4;
  std::size_t total_length = bytes.u16(2);
  // Segmentation offload leaves the length to the network card: the frame's own is the one.
  if (total_length == 0) total_length = bytes.length;
  if (header_size < kIpv4HeaderSizeMin || total_length < header_size) {
    return DecodeStatus::malformed;
  }
  if (!bytes.has(header_size)) return DecodeStatus::truncated;

  header.version = 4;
  header.source = AddressWords::v4(bytes.u32(12));
  header.destination = AddressWords::v4(bytes.u32(16));
  header.protocol = bytes.u8(9);
  const std::uint16_t place = bytes.u16(6);
  header.fragment.identification = bytes.u16(4);
  header.fragment.protocol = header.protocol;
  header.fragment.offset = (place & 0x1fffu) * 8;
  header.fragment.more = (place & 0x2000) != 0;

  // A length beyond the frame's is believed: many tools cut frames and do not say so.
  bytes.limit(total_length);
  bytes.length = total_length;
  bytes.skip(header_size);
  header.payload = bytes;
  if (header.fragment.offset != 0 || header.fragment.more) return DecodeStatus::fragment;
  return header.protocol == kAuthentication ? skip_extensions(header) : DecodeStatus::ok;
}

DecodeStatus parse_ipv6(WireBytes bytes, IpHeader& header) noexcept {
  if (!bytes.has(kIpv6HeaderSize)) return DecodeStatus::truncated;
  header.version = 6;
  header.source = {bytes.u64(8), bytes.u64(16)};
  header.destination = {bytes.u64(24), bytes.u64(32)};
  header.protocol = bytes.u8(6);
  const std::size_t payload_length = bytes.u16(4);
  bytes.skip(kIpv6HeaderSize);
  // Zero stands for a jumbogram (RFC 2675) or segmentation offload: the frame's length is the one.
  if (payload_length != 0) {
    bytes.limit(payload_length);
    bytes.length = payload_length;
  }
  header.payload = bytes;
  return is_extension(header.protocol) ? skip_extensions(header) : DecodeStatus::ok;
}

}  // namespace

DecodeStatus parse_ip(WireBytes bytes, IpHeader& header) noexcept {
  if (!bytes.has(1)) return DecodeStatus::truncated;
  switch (bytes.u8(0) >> 4) {
    case 4: return parse_ipv4(bytes, header);
    case 6: return parse_ipv6(bytes, header);
    default: return DecodeStatus::malformed;
  }
}

DecodeStatus skip_extensions(IpHeader& header) noexcept {
  for (unsigned count = 0; is_extension(header.protocol); ++count) {
    if (count == kExtensionsMax) return DecodeStatus::malformed;
    if (header.protocol == kFragment) {
      const DecodeStatus status = read_fragment_header(header);
      if (status != DecodeStatus::ok) return status;
      continue;
    }
    if (!header.payload.has(2)) return DecodeStatus::truncated;
    // In units of eight bytes beyond the first, but for AH: of four beyond two (RFC 4302 2.2).
    const std::size_t units = header.payload.u8(1);
    const std::size_t size = header.protocol == kAuthentication ? (units + 2) * 4 : (units + 1) * 8;
    if (size > header.payload.length) return DecodeStatus::malformed;
    if (!header.payload.has(size)) return DecodeStatus::truncated;
    header.protocol = header.payload.u8(0);
    header.payload.skip(size);
  }
  return DecodeStatus::ok;
}

}  // namespace rpcaudit::dissect
