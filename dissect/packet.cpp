#include "dissect/packet.h"

#include <algorithm>

#include "dissect/ip.h"
#include "dissect/link.h"
#include "dissect/tunnel.h"
#include "dissect/wire_bytes.h"

namespace rpcaudit {
namespace {

constexpr std::size_t kMacHeaderSize = 14;
constexpr std::size_t kIpv4HeaderSize = 20;  // without options
constexpr std::size_t kTcpHeaderSizeMin = 20;
constexpr std::size_t kUdpHeaderSize = 8;

[[nodiscard]] std::size_t tcp_header_size(const std::byte* tcp) noexcept {
  return std::size_t{static_cast<unsigned>(load_u8(tcp + 12)) >> 4} * 4;
}

void set_tcp(const std::byte* tcp, std::size_t header_size, Packet& packet) noexcept {
  packet.source_port = load_u16(tcp);
  packet.destination_port = load_u16(tcp + 2);
  packet.transport = Transport::tcp;
  packet.transport_header_size = static_cast<std::uint8_t>(header_size);
  packet.tcp = {load_u32(tcp + 4), load_u32(tcp + 8), load_u8(tcp + 13)};
}

void set_udp(const std::byte* udp, Packet& packet) noexcept {
  packet.source_port = load_u16(udp);
  packet.destination_port = load_u16(udp + 2);
  packet.transport = Transport::udp;
  packet.transport_header_size = kUdpHeaderSize;
}

// Everything that is off the fast path. Encapsulations are peeled by recursion, no deeper than
// Limits::tunnel_depth.
class Decoder {
 public:
  static constexpr std::size_t kDepthMax = 32;

  explicit Decoder(const Limits& limits) noexcept
      : depth_max_(std::min(limits.tunnel_depth, kDepthMax)) {}

  [[nodiscard]] DecodeStatus decode_link(LinkBytes& link, std::size_t depth,
                                         Packet& packet) const noexcept {
    const DecodeStatus status = peel_link(link);
    if (status != DecodeStatus::ok) return status;
    return decode_ip(link.rest, depth, packet);
  }

  [[nodiscard]] DecodeStatus decode_payload(const IpHeader& header, std::size_t depth,
                                            Packet& packet) const noexcept {
    packet.source = header.source;
    packet.destination = header.destination;
    packet.ip_version = header.version;
    packet.depth = static_cast<std::uint8_t>(depth);
    switch (header.protocol) {
      case kProtocolTcp: return decode_tcp(header.payload, packet);
      case kProtocolUdp: return decode_udp(header.payload, depth, packet);
      case kProtocolGre:
      case kProtocolIpv4:
      case kProtocolIpv6:
      case kProtocolEtherIp:
      case kProtocolMpls: return decode_tunnel(header, depth, packet);
      default: return DecodeStatus::other_transport;
    }
  }

  void set_fragment(const IpHeader& header, std::size_t depth, Packet& packet) const noexcept {
    packet = {};
    packet.source = header.source;
    packet.destination = header.destination;
    packet.ip_version = header.version;
    packet.depth = static_cast<std::uint8_t>(depth);
    packet.transport = Transport::fragment;
    packet.fragment = header.fragment;
    packet.payload = header.payload.captured;
    packet.payload_length = static_cast<std::uint32_t>(header.payload.length);
  }

 private:
  [[nodiscard]] DecodeStatus decode_ip(const WireBytes& bytes, std::size_t depth,
                                       Packet& packet) const noexcept {
    IpHeader header;
    const DecodeStatus status = parse_ip(bytes, header);
    if (status == DecodeStatus::fragment) set_fragment(header, depth, packet);
    if (status != DecodeStatus::ok) return status;
    return decode_payload(header, depth, packet);
  }

  [[nodiscard]] DecodeStatus decode_tunnel(const IpHeader& header, std::size_t depth,
                                           Packet& packet) const noexcept {
    if (depth == depth_max_) return DecodeStatus::too_deep;
    LinkBytes inner{LinkLayer::ip, 0, header.payload};
    DecodeStatus status = DecodeStatus::ok;
    if (header.protocol == kProtocolGre) status = peel_gre(header.payload, inner);
    if (header.protocol == kProtocolEtherIp) status = peel_ether_ip(header.payload, inner);
    if (header.protocol == kProtocolMpls) inner.layer = LinkLayer::mpls;
    if (status != DecodeStatus::ok) return status;
    status = decode_link(inner, depth + 1, packet);
    // Keep-alives, routing protocols and the like: there is IP, but nothing further inside.
    return status == DecodeStatus::not_ip ? DecodeStatus::other_transport : status;
  }

  [[nodiscard]] DecodeStatus decode_tcp(WireBytes bytes, Packet& packet) const noexcept {
    if (bytes.length < kTcpHeaderSizeMin) return DecodeStatus::malformed;
    if (!bytes.has(kTcpHeaderSizeMin)) return DecodeStatus::truncated;
    const std::size_t header_size = tcp_header_size(bytes.captured.data());
    if (header_size < kTcpHeaderSizeMin || header_size > bytes.length) {
      return DecodeStatus::malformed;
    }
    if (!bytes.has(header_size)) return DecodeStatus::truncated;
    set_tcp(bytes.captured.data(), header_size, packet);
    bytes.skip(header_size);
    packet.payload = bytes.captured;
    packet.payload_length = static_cast<std::uint32_t>(bytes.length);
    return DecodeStatus::ok;
  }

  [[nodiscard]] DecodeStatus decode_udp(WireBytes bytes, std::size_t depth,
                                        Packet& packet) const noexcept {
    if (bytes.length < kUdpHeaderSize) return DecodeStatus::malformed;
    if (!bytes.has(kUdpHeaderSize)) return DecodeStatus::truncated;
    // Zero stands for a jumbogram (RFC 2675 4) or segmentation offload.
    const std::size_t length = bytes.u16(4);
    if (length != 0 && length < kUdpHeaderSize) return DecodeStatus::malformed;
    if (length != 0) bytes.limit(length);
    set_udp(bytes.captured.data(), packet);
    bytes.skip(kUdpHeaderSize);
    packet.payload = bytes.captured;
    packet.payload_length = static_cast<std::uint32_t>(bytes.length);

    const bool is_from_teredo = packet.source_port == 3544;
    if (!is_from_teredo && !is_tunnel_port(packet.destination_port)) return DecodeStatus::ok;
    return decode_udp_tunnel(bytes, depth, packet);
  }

  // Leaves the packet as it is unless IP is found inside.
  [[nodiscard]] DecodeStatus decode_udp_tunnel(const WireBytes& bytes, std::size_t depth,
                                               Packet& packet) const noexcept {
    const std::uint16_t port =
        is_tunnel_port(packet.destination_port) ? packet.destination_port : packet.source_port;
    LinkBytes inner;
    if (!peel_udp_tunnel(port, bytes, inner)) return DecodeStatus::ok;
    if (peel_link(inner) != DecodeStatus::ok || !looks_like_ip(inner.rest)) {
      return DecodeStatus::ok;
    }
    if (depth == depth_max_) return DecodeStatus::too_deep;
    Packet innermost;
    const DecodeStatus status = decode_ip(inner.rest, depth + 1, innermost);
    if (status == DecodeStatus::truncated || status == DecodeStatus::malformed) {
      return DecodeStatus::ok;
    }
    packet = innermost;
    return status;
  }

  std::size_t depth_max_;
};

}  // namespace

namespace detail {

// Ethernet, IPv4 without options, TCP or UDP, no encapsulation: nearly all traffic. Whatever does
// not fit, malformed or not, is left to decode_any().
bool decode_plain(Bytes bytes, Packet& packet) noexcept {
  constexpr std::size_t kSizeMin = kMacHeaderSize + kIpv4HeaderSize + kUdpHeaderSize;
  constexpr std::uint32_t kIpv4WithoutOptions = 0x0800'4500;  // ethertype, version, header size
  if (bytes.size() < kSizeMin) return false;
  if ((load_u32(bytes.data() + 12) & 0xffff'ff00) != kIpv4WithoutOptions) return false;
  const std::byte* const ip = bytes.data() + kMacHeaderSize;
  if ((load_u16(ip + 6) & 0x3fff) != 0) return false;  // a fragment

  const std::size_t total_length = load_u16(ip + 2);
  const std::size_t captured = std::min(total_length, bytes.size() - kMacHeaderSize);
  const std::byte* const transport = ip + kIpv4HeaderSize;
  std::size_t headers_size = kIpv4HeaderSize;
  const std::uint8_t protocol = load_u8(ip + 9);
  if (protocol == kProtocolTcp) {
    if (captured < kIpv4HeaderSize + kTcpHeaderSizeMin) return false;
    const std::size_t header_size = tcp_header_size(transport);
    headers_size += header_size;
    if (header_size < kTcpHeaderSizeMin || headers_size > captured) return false;
    set_tcp(transport, header_size, packet);
  } else if (protocol == kProtocolUdp) {
    headers_size += kUdpHeaderSize;
    if (headers_size > captured) return false;
    if (load_u16(transport + 4) != total_length - kIpv4HeaderSize) return false;
    set_udp(transport, packet);
    if (is_tunnel_port(packet.destination_port) || packet.source_port == 3544) return false;
  } else {
    return false;
  }
  packet.source = AddressWords::v4(load_u32(ip + 12));
  packet.destination = AddressWords::v4(load_u32(ip + 16));
  packet.ip_version = 4;
  packet.depth = 0;
  packet.payload = {ip + headers_size, captured - headers_size};
  packet.payload_length = static_cast<std::uint32_t>(total_length - headers_size);
  return true;
}

DecodeStatus decode_any(const Frame& frame, const Limits& limits, Packet& packet) noexcept {
  LinkBytes link;
  const DecodeStatus status = begin_link(frame, link);
  if (status != DecodeStatus::ok) return status;
  return Decoder(limits).decode_link(link, 0, packet);
}

}  // namespace detail

DecodeStatus decode_datagram(const Datagram& datagram, const Limits& limits,
                             Packet& packet) noexcept {
  IpHeader header;
  header.source = datagram.source;
  header.destination = datagram.destination;
  header.version = datagram.ip_version;
  header.protocol = datagram.protocol;
  header.payload = {datagram.payload, datagram.payload_length};
  // A fragment of a fragment is nothing that a host would take.
  const DecodeStatus status = skip_extensions(header);
  if (status == DecodeStatus::fragment) return DecodeStatus::malformed;
  if (status != DecodeStatus::ok) return status;
  return Decoder(limits).decode_payload(header, datagram.depth, packet);
}

}  // namespace rpcaudit
