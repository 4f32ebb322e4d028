// Link types are numbered and described in https://www.tcpdump.org/linktypes.html.

#include "capture/odd_link.h"

#include <tins/tins.h>

#include <algorithm>
#include <array>
#include <bit>
#include <cstring>
#include <memory>

#include "capture/capture_format.h"

namespace rpcaudit::capture {
namespace {

constexpr bool kSwappedFromBig = std::endian::native == std::endian::little;
constexpr bool kSwappedFromLittle = std::endian::native == std::endian::big;

constexpr std::uint16_t kIpv4Type = 0x0800;
constexpr std::uint16_t kIpv6Type = 0x86dd;

unsigned byte_at(const Frame& frame, std::size_t at) noexcept {
  return std::to_integer<unsigned>(frame.bytes[at]);
}

bool strip(Frame& frame, std::size_t size, LinkType inside) noexcept {
  if (frame.bytes.size() <= size) return false;
  frame.bytes = frame.bytes.subspan(size);
  frame.original_length -=
      static_cast<std::uint32_t>(std::min<std::size_t>(size, frame.original_length));
  frame.link = inside;
  return true;
}

bool peel_ip(Frame& frame, std::size_t at) noexcept {
  if (frame.bytes.size() <= at) return false;
  const unsigned version = byte_at(frame, at) >> 4;
  return (version == 4 || version == 6) && strip(frame, at, LinkType::raw_ip);
}

// An IP packet after its EtherType, which VLAN tags may precede.
bool peel_ether_type(Frame& frame, std::size_t at) noexcept {
  for (; frame.bytes.size() >= at + 2; at += 4) {
    const std::uint16_t type = load_u16(frame.bytes, at, kSwappedFromBig);
    if (type == kIpv4Type || type == kIpv6Type) return peel_ip(frame, at + 2);
    if (type != 0x8100 && type != 0x88a8) return false;
  }
  return false;
}

// LLC and SNAP headers (RFC 1042): aa aa 03, an organisation, an EtherType.
bool peel_snap(Frame& frame, std::size_t at) noexcept {
  if (frame.bytes.size() < at + 8) return false;
  const bool is_snap = byte_at(frame, at) == 0xaa && byte_at(frame, at + 1) == 0xaa &&
                       byte_at(frame, at + 2) == 0x03;
  return is_snap && peel_ether_type(frame, at + 6);
}

bool peel_cisco_hdlc(Frame& frame, std::size_t at) noexcept {
  return peel_ether_type(frame, at + 2);
}

// Address and control bytes (ff 03) may be left out, and the protocol may be one byte (RFC 1661).
bool peel_ppp(Frame& frame, std::size_t at) noexcept {
  constexpr unsigned kIpv4 = 0x21;
  constexpr unsigned kIpv6 = 0x57;
  if (frame.bytes.size() < at + 4) return false;
  // A serial line may carry Cisco's framing under the same link type.
  if (byte_at(frame, at) == 0x0f || byte_at(frame, at) == 0x8f) return peel_cisco_hdlc(frame, at);
  if (byte_at(frame, at) == 0xff && byte_at(frame, at + 1) == 0x03) at += 2;
  if (byte_at(frame, at) == 0) ++at;
  if (byte_at(frame, at) != kIpv4 && byte_at(frame, at) != kIpv6) return false;
  return peel_ip(frame, at + 1);
}

// A header of four bytes, then values with length and type, one of which is the packet. Lengths are
// in the capturing host's order, which nothing states: little-endian hosts are assumed.
bool peel_nflog(Frame& frame) noexcept {
  constexpr std::uint16_t kPayload = 9;
  std::size_t at = 4;
  while (frame.bytes.size() >= at + 4) {
    const std::uint16_t length = load_u16(frame.bytes, at, kSwappedFromLittle);
    const std::uint16_t type = load_u16(frame.bytes, at + 2, kSwappedFromLittle) & 0x7fff;
    if (length < 4) return false;
    if (type == kPayload) return peel_ip(frame, at + 4);
    at += (std::size_t{length} + 3) / 4 * 4;
  }
  return false;
}

// A header that states its own length and the link type of what follows, in little-endian.
bool peel_pktap(Frame& frame) noexcept {
  if (frame.bytes.size() < 12) return false;
  const std::uint32_t length = load_u32(frame.bytes, 0, kSwappedFromLittle);
  const LinkType inside = link_type_of(load_u32(frame.bytes, 8, kSwappedFromLittle));
  return length >= 12 && inside != LinkType::other && strip(frame, length, inside);
}

// Where the body of an 802.11 data frame begins; 0 when it has none, or an encrypted one.
std::size_t wifi_body(Bytes bytes) {
  constexpr std::size_t kHeaderMax = 64;
  constexpr auto kProtected = std::byte{0x40};
  if (bytes.size() < 2 || (bytes[1] & kProtected) != std::byte{}) return 0;
  // libtins would read on into the packet, and refuse all of it for any fault in there. It leaves
  // the body of a protected frame alone.
  std::array<std::byte, kHeaderMax> header{};
  const std::size_t size = std::min(bytes.size(), header.size());
  std::memcpy(header.data(), bytes.data(), size);
  header[1] |= kProtected;
  try {
    const std::unique_ptr<Tins::PDU> pdu(Tins::Dot11::from_bytes(
        reinterpret_cast<const std::uint8_t*>(header.data()), static_cast<std::uint32_t>(size)));
    const auto* data = dynamic_cast<const Tins::Dot11Data*>(pdu.get());
    return data == nullptr ? 0 : data->header_size();
  } catch (const std::exception&) {
    return 0;  // malformed, and so counted
  }
}

// `radio` is the size of the header that tells how the frame was received.
bool peel_wifi(Frame& frame, std::size_t radio) {
  if (radio >= frame.bytes.size()) return false;
  const std::size_t body = wifi_body(frame.bytes.subspan(radio));
  if (body == 0) return false;
  // Some drivers pad the header to a multiple of four; some frames have four bytes more in it.
  return peel_snap(frame, radio + body) || peel_snap(frame, radio + body + 2) ||
         peel_snap(frame, radio + body + 4);
}

bool peel_wifi_after(Frame& frame, std::size_t length_at, std::size_t length_size, bool swapped) {
  if (frame.bytes.size() < length_at + length_size) return false;
  const std::size_t length = length_size == 2 ? load_u16(frame.bytes, length_at, swapped)
                                              : load_u32(frame.bytes, length_at, swapped);
  return length >= length_at + length_size && peel_wifi(frame, length);
}

// PPI states the link type of what follows.
bool peel_ppi(Frame& frame) {
  constexpr std::uint32_t kWifi = 105;
  if (frame.bytes.size() < 8) return false;
  const std::uint32_t link_number = load_u32(frame.bytes, 4, kSwappedFromLittle);
  if (link_number == kWifi) return peel_wifi_after(frame, 2, 2, kSwappedFromLittle);
  const LinkType inside = link_type_of(link_number);
  const std::uint16_t length = load_u16(frame.bytes, 2, kSwappedFromLittle);
  return length >= 8 && inside != LinkType::other && strip(frame, length, inside);
}

bool peel_by_number(Frame& frame) {
  switch (frame.link_number) {
    case 8: return peel_ip(frame, 16);           // SLIP
    case 9:                                      // PPP
    case 50: return peel_ppp(frame, 0);          // PPP_HDLC
    case 51: return peel_ppp(frame, 6);          // PPP_ETHER
    case 100: return peel_snap(frame, 0);        // ATM_RFC1483
    case 104: return peel_cisco_hdlc(frame, 0);  // C_HDLC
    case 105: return peel_wifi(frame, 0);        // IEEE802_11
    case 119:                                    // ..._PRISM
      // The header is in the capturing host's order, but always 144 bytes or AVS's below.
      if (peel_wifi_after(frame, 4, 4, kSwappedFromBig)) return true;
      return peel_wifi_after(frame, 4, 4, kSwappedFromLittle);
    case 127: return peel_wifi_after(frame, 2, 2, kSwappedFromLittle);  // ..._RADIOTAP
    case 163: return peel_wifi_after(frame, 4, 4, kSwappedFromBig);     // ..._AVS
    case 192: return peel_ppi(frame);                                   // PPI
    case 204: return peel_ppp(frame, 1);                                // PPP_WITH_DIR
    case 205: return peel_cisco_hdlc(frame, 1);                         // C_HDLC_WITH_DIR
    case 239: return peel_nflog(frame);                                 // NFLOG
    case 240: return strip(frame, 4, LinkType::ethernet);               // NETANALYZER
    case 241: return strip(frame, 12, LinkType::ethernet);              // ..._TRANSPARENT
    case 258: return peel_pktap(frame);                                 // PKTAP
    case 274:
      return strip(frame, 8, LinkType::ethernet);  // ETHERNET_MPACKET
    // A switch's tag between the addresses and the EtherType, or before all of them.
    case 281: return peel_ether_type(frame, 12 + 4);       // DSA_TAG_BRCM
    case 282: return strip(frame, 4, LinkType::ethernet);  // ..._BRCM_PREPEND
    case 284: return peel_ether_type(frame, 12 + 4);       // DSA_TAG_DSA
    case 285: return peel_ether_type(frame, 12 + 8);       // DSA_TAG_EDSA
    default: return false;
  }
}

}  // namespace

bool OddLink::peel(Frame& frame) {
  Count& count = counts_[frame.link_number];
  const bool peeled = peel_by_number(frame);
  ++(peeled ? count.peeled : count.unknown);
  return peeled;
}

}  // namespace rpcaudit::capture
