#include "dissect/net/packet.h"

#include <algorithm>

#include "dissect/net/header_sizes.h"
#include "dissect/net/ip.h"
#include "dissect/net/link.h"
#include "dissect/net/tunnel.h"
#include "dissect/store/wire_bytes.h"

namespace rpcaudit::dissect {
namespace {

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

// Whether a UDP datagram may hold an encapsulation.
[[nodiscard]] bool may_be_tunnel(const Packet& packet) noexcept {
  return is_tunnel_port(packet.destination_port) || is_tunnel_source_port(packet.source_port);
}

// TCP or UDP whose header is captured and whose bytes are `length` by the IP header.
[[nodiscard]] bool decode_plain_transport(std::uint8_t protocol, Bytes captured, std::size_t length,
                                          Packet& packet) noexcept {
  std::size_t header_size = kUdpHeaderSize;
  if (protocol == kProtocolTcp) {
    if (captured.size() < kTcpHeaderSizeMin) return false;
    header_size = tcp_header_size(captured.data());
    if (header_size < kTcpHeaderSizeMin || captured.size() < header_size) return false;
    set_tcp(captured.data(), header_size, packet);
  } else if (protocol == kProtocolUdp) {
    if (captured.size() < kUdpHeaderSize || load_u16(captured.data() + 4) != length) return false;
    set_udp(captured.data(), packet);
    if (may_be_tunnel(packet)) return false;
  } else {
    return false;
  }
  packet.depth = 0;
  packet.tunnel = 0;
  packet.doubts = {};
  packet.payload = captured.subspan(header_size);
  packet.payload_length = static_cast<std::uint32_t>(length - header_size);
  return true;
}

[[nodiscard]] bool decode_plain_ipv4(Bytes ip, Packet& packet) noexcept {
  if (ip.size() < kIpv4HeaderSizeMin || load_u8(ip.data()) != 0x45) return false;
  if ((load_u16(ip.data() + 6) & 0x3fff) != 0) return false;  // a fragment
  const std::size_t total_length = load_u16(ip.data() + 2);
  if (total_length < kIpv4HeaderSizeMin) return false;
  packet.source = AddressWords::v4(load_u32(ip.data() + 12));
  packet.destination = AddressWords::v4(load_u32(ip.data() + 16));
  packet.ip_version = 4;
  packet.ip_header = ip.data();
  const Bytes captured = ip.first(std::min(ip.size(), total_length)).subspan(kIpv4HeaderSizeMin);
  return decode_plain_transport(load_u8(ip.data() + 9), captured, total_length - kIpv4HeaderSizeMin,
                                packet);
}

[[nodiscard]] bool decode_plain_ipv6(Bytes ip, Packet& packet) noexcept {
  if (ip.size() < kIpv6HeaderSize || load_u8(ip.data()) >> 4 != 6) return false;
  const std::size_t length = load_u16(ip.data() + 4);
  if (length == 0) return false;
  packet.source = {load_u64(ip.data() + 8), load_u64(ip.data() + 16)};
  packet.destination = {load_u64(ip.data() + 24), load_u64(ip.data() + 32)};
  packet.ip_version = 6;
  packet.ip_header = ip.data();
  const std::size_t captured = std::min(length, ip.size() - kIpv6HeaderSize);
  return decode_plain_transport(load_u8(ip.data() + 6), ip.subspan(kIpv6HeaderSize, captured),
                                length, packet);
}

// The encapsulations that a packet was found in.
struct Surroundings {
  std::size_t depth = 0;  // encapsulations peeled
  TunnelId tunnel = 0;
  Doubts doubts;                          // of the datagram that was put together around it
  const std::byte* mac_header = nullptr;  // of the frame right around it
};

// Everything that is off the fast path. Encapsulations are peeled by recursion, no deeper than
// Limits::tunnel_depth.
class Decoder {
 public:
  static constexpr std::size_t kDepthMax = 32;

  explicit Decoder(const Limits& limits) noexcept
      : depth_max_(std::min(limits.tunnel_depth, kDepthMax)), trust_(limits.tunnels) {}

  [[nodiscard]] DecodeStatus decode_link(LinkBytes& link, const Surroundings& around,
                                         Packet& packet) const noexcept {
    const DecodeStatus status = peel_link(link);
    if (status != DecodeStatus::ok) return status;
    Surroundings inside = around;
    inside.mac_header = link.mac_header;
    return decode_ip(link.rest, inside, packet);
  }

  // `packet` has the header's addresses already.
  [[nodiscard]] DecodeStatus decode_payload(const IpHeader& header, Packet& packet) const noexcept {
    switch (header.protocol) {
      case kProtocolTcp: return decode_tcp(header.payload, packet);
      case kProtocolUdp: return decode_udp(header.payload, packet);
      case kProtocolEsp: return DecodeStatus::encapsulated;
      case kProtocolGre:
      case kProtocolIpv4:
      case kProtocolIpv6:
      case kProtocolEtherIp:
      case kProtocolL2tp:
      case kProtocolMpls: return decode_tunnel(header, packet);
      default: return DecodeStatus::other_transport;
    }
  }

  static void set_addresses(const IpHeader& header, const Surroundings& around,
                            Packet& packet) noexcept {
    packet = {};
    packet.source = header.source;
    packet.destination = header.destination;
    packet.ip_version = header.version;
    packet.depth = static_cast<std::uint8_t>(around.depth);
    packet.tunnel = around.tunnel;
    packet.doubts = around.doubts;
    packet.mac_header = around.mac_header;
  }

 private:
  [[nodiscard]] DecodeStatus decode_ip(const WireBytes& bytes, const Surroundings& around,
                                       Packet& packet) const noexcept {
    IpHeader header;
    const DecodeStatus status = parse_ip(bytes, header);
    if (status != DecodeStatus::ok && status != DecodeStatus::fragment) return status;
    set_addresses(header, around, packet);
    packet.ip_header = bytes.captured.data();
    if (status == DecodeStatus::ok) return decode_payload(header, packet);
    packet.transport = Transport::fragment;
    packet.fragment = header.fragment;
    packet.payload = header.payload.captured;
    packet.payload_length = static_cast<std::uint32_t>(header.payload.length);
    return status;
  }

  // What is around the contents of a tunnel whose outer packet this is.
  [[nodiscard]] Surroundings inside(const Packet& outer, std::uint32_t kind,
                                    const LinkBytes& inner) const noexcept {
    return {outer.depth + std::size_t{1}, tunnel_inside(outer, kind, inner.tunnel_number, trust_),
            outer.doubts, nullptr};
  }

  [[nodiscard]] DecodeStatus decode_tunnel(const IpHeader& header, Packet& packet) const noexcept {
    if (packet.depth == depth_max_) return DecodeStatus::too_deep;
    LinkBytes inner{LinkLayer::ip, 0, header.payload};
    DecodeStatus status = DecodeStatus::ok;
    if (header.protocol == kProtocolGre) status = peel_gre(header.payload, inner);
    if (header.protocol == kProtocolEtherIp) status = peel_ether_ip(header.payload, inner);
    if (header.protocol == kProtocolL2tp) status = peel_l2tp_v3(header.payload, inner);
    if (header.protocol == kProtocolMpls) inner.layer = LinkLayer::mpls;
    if (status != DecodeStatus::ok) return status;
    // IPv4 and IPv6 in either are tunnels of one kind.
    const bool is_plain = header.protocol == kProtocolIpv4 || header.protocol == kProtocolIpv6;
    const std::uint32_t kind = is_plain ? kProtocolIpv4 : header.protocol;
    status = decode_link(inner, inside(packet, kind, inner), packet);
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

  [[nodiscard]] DecodeStatus decode_udp(WireBytes bytes, Packet& packet) const noexcept {
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

    return may_be_tunnel(packet) ? decode_udp_tunnel(bytes, packet) : DecodeStatus::ok;
  }

  // Leaves the packet as it is unless IP is found inside.
  [[nodiscard]] DecodeStatus decode_udp_tunnel(const WireBytes& bytes,
                                               Packet& packet) const noexcept {
    const std::uint16_t port =
        is_tunnel_port(packet.destination_port) ? packet.destination_port : packet.source_port;
    LinkBytes inner;
    DecodeStatus status = peel_udp_tunnel(port, bytes, inner);
    if (status == DecodeStatus::ok) {
      LinkBytes peeled = inner;
      status = peel_link(peeled);
      if (status == DecodeStatus::ok && !looks_like_ip(peeled.rest)) status = DecodeStatus::not_ip;
    }
    if (status == DecodeStatus::encapsulated) return status;
    if (status != DecodeStatus::ok) return DecodeStatus::ok;
    if (packet.depth == depth_max_) return DecodeStatus::too_deep;
    Packet innermost;
    status = decode_link(inner, inside(packet, port, inner), innermost);
    if (status == DecodeStatus::truncated || status == DecodeStatus::malformed) {
      return DecodeStatus::ok;
    }
    packet = innermost;
    return status;
  }

  std::size_t depth_max_;
  const TunnelTrust& trust_;
};

}  // namespace

namespace detail {

// Ethernet with at most two tags, IPv4 without options or IPv6 without extensions, TCP or UDP, no
// encapsulation: nearly all traffic. Whatever does not fit, malformed or not, is left to
// decode_any().
bool decode_plain(Bytes bytes, Packet& packet) noexcept {
  std::size_t header_size = kMacHeaderSize;
  if (bytes.size() < kMacHeaderSize) return false;
  std::uint16_t type = load_u16(bytes.data() + 12);
  while (type == kEthertypeVlan || type == kEthertypeServiceVlan) {
    header_size += kVlanTagSize;
    if (header_size > kMacHeaderSize + 2 * kVlanTagSize || bytes.size() < header_size) return false;
    type = load_u16(bytes.data() + header_size - 2);
  }
  packet.mac_header = bytes.data();
  const Bytes ip = bytes.subspan(header_size);
  if (type == kEthertypeIpv4) return decode_plain_ipv4(ip, packet);
  return type == kEthertypeIpv6 && decode_plain_ipv6(ip, packet);
}

DecodeStatus decode_any(const Frame& frame, const Limits& limits, Packet& packet) noexcept {
  LinkBytes link;
  const DecodeStatus status = begin_link(frame, link);
  if (status != DecodeStatus::ok) return status;
  return Decoder(limits).decode_link(link, {}, packet);
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
  Decoder::set_addresses(header, {datagram.depth, datagram.tunnel, datagram.doubts, nullptr},
                         packet);
  return Decoder(limits).decode_payload(header, packet);
}

}  // namespace rpcaudit::dissect
