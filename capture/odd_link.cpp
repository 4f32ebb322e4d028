#include "capture/odd_link.h"

#include <tins/tins.h>

#include <bit>
#include <vector>

#include "capture/capture_format.h"

namespace rpcaudit {
namespace {

constexpr bool kNetworkOrder = std::endian::native == std::endian::little;

constexpr std::uint32_t kPpp = 9;
constexpr std::uint32_t kPppHdlc = 50;
constexpr std::uint32_t kCiscoHdlc = 104;
constexpr std::uint32_t kWifi = 105;
constexpr std::uint32_t kWifiPrism = 119;
constexpr std::uint32_t kWifiRadiotap = 127;
constexpr std::uint32_t kWifiAvs = 163;
constexpr std::uint32_t kPpi = 192;
constexpr std::uint32_t kNflog = 239;
constexpr std::uint32_t kPktap = 258;

bool make_ip(Frame& frame, std::size_t offset) noexcept {
  if (frame.bytes.size() <= offset) return false;
  const unsigned version = std::to_integer<unsigned>(frame.bytes[offset]) >> 4;
  if (version != 4 && version != 6) return false;
  frame.bytes = frame.bytes.subspan(offset);
  frame.original_length -=
      static_cast<std::uint32_t>(std::min<std::size_t>(offset, frame.original_length));
  frame.link = LinkType::raw_ip;
  return true;
}

// Address and control bytes (ff 03) may be left out, and the protocol may be one byte (RFC 1661).
bool peel_ppp(Frame& frame) noexcept {
  constexpr unsigned kIpv4 = 0x21;
  constexpr unsigned kIpv6 = 0x57;
  const auto byte_at = [&](std::size_t at) { return std::to_integer<unsigned>(frame.bytes[at]); };
  std::size_t offset = 0;
  if (frame.bytes.size() < 4) return false;
  if (byte_at(0) == 0xff || byte_at(0) == 0x0f) offset = 2;
  if (byte_at(offset) == 0) ++offset;
  if (byte_at(offset) != kIpv4 && byte_at(offset) != kIpv6) return false;
  return make_ip(frame, offset + 1);
}

bool peel_cisco_hdlc(Frame& frame) noexcept {
  if (frame.bytes.size() < 4) return false;
  const std::uint16_t protocol = load_u16(frame.bytes, 2, kNetworkOrder);
  return (protocol == 0x0800 || protocol == 0x86dd) && make_ip(frame, 4);
}

// A header of four bytes, then values with length and type, one of which is the packet.
bool peel_nflog(Frame& frame) noexcept {
  constexpr std::uint16_t kPayload = 9;
  std::size_t at = 4;
  while (frame.bytes.size() >= at + 4) {
    const std::uint16_t length = load_u16(frame.bytes, at, false);
    const std::uint16_t type = load_u16(frame.bytes, at + 2, false) & 0x7fff;
    if (length < 4) return false;
    if (type == kPayload) return make_ip(frame, at + 4);
    at += (std::size_t{length} + 3) / 4 * 4;
  }
  return false;
}

// A header that states its own length and the link type of what follows, in little-endian.
bool peel_pktap(Frame& frame) noexcept {
  if (frame.bytes.size() < 12) return false;
  const bool swapped = std::endian::native == std::endian::big;
  const std::uint32_t length = load_u32(frame.bytes, 0, swapped);
  const LinkType inner = link_type_of(load_u32(frame.bytes, 8, swapped));
  if (length < 12 || length >= frame.bytes.size() || inner == LinkType::other) return false;
  frame.bytes = frame.bytes.subspan(length);
  frame.original_length -= std::min(length, frame.original_length);
  frame.link = inner;
  return true;
}

// The IP packet inside whatever libtins understood.
std::vector<std::uint8_t> ip_packet_of(Tins::PDU& pdu) {
  if (Tins::IP* ip = pdu.find_pdu<Tins::IP>()) return ip->serialize();
  if (Tins::IPv6* ip = pdu.find_pdu<Tins::IPv6>()) return ip->serialize();
  return {};
}

}  // namespace

struct OddLink::Copy {
  std::vector<std::uint8_t> bytes;
};

OddLink::OddLink() : copy_(std::make_unique<Copy>()) {}
OddLink::~OddLink() = default;

bool OddLink::peel(Frame& frame) {
  Count& count = counts_[frame.link_number];
  const bool peeled = peel_known(frame);
  ++(peeled ? count.peeled : count.unknown);
  return peeled;
}

bool OddLink::peel_known(Frame& frame) {
  switch (frame.link_number) {
    case kPpp:
    case kPppHdlc: return peel_ppp(frame);
    case kCiscoHdlc: return peel_cisco_hdlc(frame);
    case kNflog: return peel_nflog(frame);
    case kPktap: return peel_pktap(frame);
    case kWifi:
    case kWifiPrism:
    case kWifiRadiotap:
    case kWifiAvs:
    case kPpi: return peel_with_library(frame);
    default: return false;
  }
}

bool OddLink::peel_with_library(Frame& frame) {
  const auto* data = reinterpret_cast<const std::uint8_t*>(frame.bytes.data());
  auto size = static_cast<std::uint32_t>(frame.bytes.size());
  // The older radio headers only state their length; libtins does not read them.
  std::uint32_t skip = 0;
  if (frame.link_number == kWifiPrism && size >= 8) skip = load_u32(frame.bytes, 4, false);
  if (frame.link_number == kWifiAvs && size >= 8) skip = load_u32(frame.bytes, 4, kNetworkOrder);
  if (skip > size) return false;
  data += skip;
  size -= skip;
  try {
    std::unique_ptr<Tins::PDU> pdu;
    if (frame.link_number == kWifiRadiotap) {
      pdu = std::make_unique<Tins::RadioTap>(data, size);
    } else if (frame.link_number == kPpi) {
      pdu = std::make_unique<Tins::PPI>(data, size);
    } else {
      pdu.reset(Tins::Dot11::from_bytes(data, size));
    }
    if (pdu == nullptr) return false;
    copy_->bytes = ip_packet_of(*pdu);
  } catch (const std::exception&) {
    return false;  // malformed, and so counted
  }
  if (copy_->bytes.empty()) return false;
  frame.bytes = std::as_bytes(std::span<const std::uint8_t>(copy_->bytes));
  frame.original_length = static_cast<std::uint32_t>(frame.bytes.size());
  frame.link = LinkType::raw_ip;
  return true;
}

}  // namespace rpcaudit
