#pragma once

#include <cstdint>
#include <optional>
#include <vector>

#include "tests/support/tcp_frames.h"

namespace rpcaudit::test {

enum TcpFlag : unsigned {
  kFin = 0x01,
  kSyn = 0x02,
  kRst = 0x04,
  kPsh = 0x08,
  kAck = 0x10,
  kUrg = 0x20,
};

// The timestamps option (RFC 7323 3.2).
struct TcpTimestamps {
  std::uint32_t value = 0;
  std::uint32_t echo = 0;
};

// One host on the wire.
struct WireHost {
  std::uint32_t address = 0;  // IPv4, host order
  std::uint16_t port = 0;
  std::uint64_t mac = 0;  // the lower 48 bits

  bool operator==(const WireHost&) const = default;
};

// A TCP segment with everything by which a receiver decides whether to accept it. Lengths and
// checksums are filled in when it becomes a frame, wrong ones where it asks for them.
struct WireSegment {
  WireHost source;
  WireHost destination;
  std::uint32_t sequence = 0;
  std::uint32_t acknowledgment = 0;
  unsigned flags = kPsh | kAck;
  std::uint16_t window = 65535;
  std::uint16_t urgent = 0;
  std::optional<TcpTimestamps> timestamps = std::nullopt;
  ByteVector payload = {};

  std::uint8_t ttl = 64;
  std::optional<std::uint16_t> vlan = std::nullopt;
  bool is_checksum_wrong = false;  // of TCP or UDP
  bool is_ip_checksum_wrong = false;

  // What the segment takes of the sequence space.
  [[nodiscard]] std::uint32_t length() const {
    return static_cast<std::uint32_t>(payload.size()) + ((flags & kSyn) != 0 ? 1 : 0) +
           ((flags & kFin) != 0 ? 1 : 0);
  }
};

// The ones' complement sum of 16-bit words (RFC 1071), folded.
inline std::uint16_t internet_sum(Bytes bytes, std::uint32_t start = 0) {
  std::uint32_t sum = start;
  for (std::size_t i = 0; i < bytes.size(); ++i) {
    const auto byte = std::to_integer<std::uint32_t>(bytes[i]);
    sum += i % 2 == 0 ? byte << 8 : byte;
  }
  while (sum > 0xffff) sum = (sum & 0xffff) + (sum >> 16);
  return static_cast<std::uint16_t>(sum);
}

// The sum of the pseudo header of IPv4 (RFC 9293 3.1).
inline std::uint32_t pseudo_header_sum(std::uint32_t source, std::uint32_t destination,
                                       unsigned protocol, std::size_t length) {
  return (source >> 16) + (source & 0xffff) + (destination >> 16) + (destination & 0xffff) +
         protocol + static_cast<std::uint32_t>(length);
}

// The TCP header and payload of a segment.
inline ByteVector make_tcp_bytes(const WireSegment& segment) {
  const std::size_t header = segment.timestamps ? 32 : 20;
  ByteWriter writer(std::endian::big);
  writer.u16(segment.source.port).u16(segment.destination.port);
  writer.u32(segment.sequence).u32(segment.acknowledgment);
  writer.u8(static_cast<unsigned>(header / 4 << 4)).u8(segment.flags).u16(segment.window);
  writer.u16(0).u16(segment.urgent);
  if (segment.timestamps) {
    writer.u8(1).u8(1).u8(8).u8(10);  // two no-operations align the option (RFC 7323 appendix A)
    writer.u32(segment.timestamps->value).u32(segment.timestamps->echo);
  }
  ByteVector bytes = writer.bytes(segment.payload).take();
  const std::uint32_t start =
      pseudo_header_sum(segment.source.address, segment.destination.address, 6, bytes.size());
  unsigned checksum = static_cast<std::uint16_t>(~internet_sum(bytes, start));
  if (segment.is_checksum_wrong) checksum ^= 0x0101;
  bytes[16] = static_cast<std::byte>(checksum >> 8);
  bytes[17] = static_cast<std::byte>(checksum);
  return bytes;
}

// A part of an IPv4 datagram: `offset` is a multiple of 8.
struct IpPart {
  std::uint16_t identification = 0;
  std::size_t offset = 0;
  bool more = false;
  unsigned protocol = 6;
};

inline ByteVector make_ip_frame(const WireSegment& segment, Bytes part, const IpPart& place) {
  ByteWriter header(std::endian::big);
  header.u8(0x45).u8(0).u16(static_cast<unsigned>(20 + part.size())).u16(place.identification);
  header.u16(static_cast<unsigned>((place.more ? 0x2000u : 0u) | place.offset / 8));
  header.u8(segment.ttl).u8(place.protocol).u16(0);
  header.u32(segment.source.address).u32(segment.destination.address);
  ByteVector ip = header.take();
  unsigned checksum = static_cast<std::uint16_t>(~internet_sum(ip));
  if (segment.is_ip_checksum_wrong) checksum ^= 0x0101;
  ip[10] = static_cast<std::byte>(checksum >> 8);
  ip[11] = static_cast<std::byte>(checksum);

  ByteWriter frame(std::endian::big);
  for (const WireHost* host : {&segment.destination, &segment.source}) {
    frame.u16(static_cast<unsigned>(host->mac >> 32)).u32(static_cast<std::uint32_t>(host->mac));
  }
  if (segment.vlan) frame.u16(0x8100).u16(*segment.vlan);
  return frame.u16(0x0800).bytes(ip).bytes(part).take();
}

inline ByteVector make_wire_frame(const WireSegment& segment, std::uint16_t identification) {
  return make_ip_frame(segment, make_tcp_bytes(segment), {.identification = identification});
}

// The UDP header of a segment and its payload; what belongs to TCP is left aside.
inline ByteVector make_udp_bytes(const WireSegment& segment) {
  ByteWriter writer(std::endian::big);
  writer.u16(segment.source.port).u16(segment.destination.port);
  writer.u16(static_cast<unsigned>(8 + segment.payload.size())).u16(0);
  ByteVector bytes = writer.bytes(segment.payload).take();
  const std::uint32_t start =
      pseudo_header_sum(segment.source.address, segment.destination.address, 17, bytes.size());
  unsigned checksum = static_cast<std::uint16_t>(~internet_sum(bytes, start));
  if (checksum == 0) checksum = 0xffff;  // zero means that there is none (RFC 768)
  if (segment.is_checksum_wrong) checksum ^= 0x0101;
  bytes[6] = static_cast<std::byte>(checksum >> 8);
  bytes[7] = static_cast<std::byte>(checksum);
  return bytes;
}

inline ByteVector make_wire_datagram(const WireSegment& segment, std::uint16_t identification) {
  return make_ip_frame(segment, make_udp_bytes(segment),
                       {.identification = identification, .protocol = 17});
}

// A frame of VXLAN (RFC 7348) between two hosts, around `inner`.
inline ByteVector make_vxlan_frame(const WireHost& source, const WireHost& destination,
                                   const ByteVector& inner, std::uint16_t identification) {
  ByteWriter vxlan(std::endian::big);
  vxlan.u32(0x0800'0000).u32(77u << 8).bytes(inner);  // the VNI is valid, and 77
  return make_wire_datagram({.source = source, .destination = destination, .payload = vxlan.take()},
                            identification);
}

}  // namespace rpcaudit::test
