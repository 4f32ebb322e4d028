#include "dissect/rpc/pdus/rpc_connectionless.h"

#include <algorithm>

namespace rpcaudit::dissect {
namespace {

// Reserved bits must be zero (C706 12.5.2.3, 12.5.2.4).
constexpr std::uint8_t kFlags1Reserved = 0x81;
constexpr std::uint8_t kFlags2Reserved = 0xff & ~(kDatagramCancelPending | kDatagramUnrelated);

// The verifier begins on a multiple of so many bytes.
constexpr std::size_t kVerifierAlignment = 8;

constexpr std::uint8_t kProtectionLevelMax = 6;  // RPC_C_AUTHN_LEVEL_PKT_PRIVACY

}  // namespace

ParseStatus parse_datagram_header(Bytes datagram, DatagramHeader& header) noexcept {
  if (datagram.size() < kDatagramHeaderSize) return ParseStatus::truncated;
  if (std::to_integer<unsigned>(datagram[0]) != 4) return ParseStatus::bad_version;

  // The integer order is the high nibble of the fifth byte (C706 14.1, NDR format label), of which
  // connectionless PDUs have three bytes; it governs the fields after it.
  // One bit of the data representation (C706 14.1) governs the fields after it; what servers make
  // of the other bits is not known.
  constexpr std::byte kLittleEndian{0x10};
  const bool is_little = (datagram[4] & kLittleEndian) != std::byte{};
  header.order = is_little ? std::endian::little : std::endian::big;

  ByteCursor cursor(datagram.first(kDatagramHeaderSize), header.order);
  cursor.skip(1);
  const std::uint8_t type = cursor.u8();
  if (type > static_cast<std::uint8_t>(DatagramType::cancel_ack)) return ParseStatus::bad_type;
  header.type = static_cast<DatagramType>(type);
  header.flags1 = cursor.u8();
  header.flags2 = cursor.u8();
  cursor.skip(3);
  const std::uint8_t serial_high = cursor.u8();
  header.object = read_uuid(cursor);
  header.interface = read_uuid(cursor);
  header.activity = read_uuid(cursor);
  header.server_boot = cursor.u32();
  const std::uint32_t version = cursor.u32();
  header.version_major = static_cast<std::uint16_t>(version & 0xffff);
  header.version_minor = static_cast<std::uint16_t>(version >> 16);
  header.sequence = cursor.u32();
  header.opnum = cursor.u16();
  cursor.skip(4);  // hints for the peer's tables
  header.body_length = cursor.u16();
  header.fragment = cursor.u16();
  header.auth_protocol = cursor.u8();
  header.serial = static_cast<std::uint16_t>(serial_high << 8 | cursor.u8());
  return ParseStatus::ok;
}

bool is_connectionless(Bytes captured, std::size_t length) noexcept {
  DatagramHeader header;
  if (parse_datagram_header(captured, header) != ParseStatus::ok) return false;
  if ((header.flags1 & kFlags1Reserved) != 0 || (header.flags2 & kFlags2Reserved) != 0) {
    return false;
  }
  if (header.interface.is_nil() || header.activity.is_nil()) return false;

  const std::size_t end = kDatagramHeaderSize + header.body_length;
  if (end > length) return false;
  // Behind the body there is a verifier, or at most the padding that would align one.
  return header.auth_protocol != 0 || length - end < kVerifierAlignment;
}

ParseStatus parse_protection_level(const DatagramHeader& header, Bytes datagram,
                                   std::uint8_t& level) noexcept {
  const std::size_t at = kDatagramHeaderSize + header.body_length;
  if (at >= datagram.size()) return ParseStatus::truncated;
  level = std::to_integer<std::uint8_t>(datagram[at]);
  return level <= kProtectionLevelMax ? ParseStatus::ok : ParseStatus::bad_type;
}

ParseStatus parse_datagram_status(const DatagramHeader& header, Bytes datagram,
                                  std::uint32_t& status) noexcept {
  ByteCursor cursor(datagram_body(header, datagram), header.order);
  status = cursor.u32();
  return cursor.ok() ? ParseStatus::ok : ParseStatus::truncated;
}

Bytes datagram_body(const DatagramHeader& header, Bytes datagram) noexcept {
  const Bytes rest = datagram.subspan(std::min(kDatagramHeaderSize, datagram.size()));
  return rest.first(std::min<std::size_t>(rest.size(), header.body_length));
}

bool from_client(DatagramType type) noexcept {
  switch (type) {
    case DatagramType::request:
    case DatagramType::ping:
    case DatagramType::ack:
    case DatagramType::cancel: return true;
    case DatagramType::response:
    case DatagramType::fault:
    case DatagramType::working:
    case DatagramType::nocall:
    case DatagramType::reject:
    case DatagramType::fack:
    case DatagramType::cancel_ack: break;
  }
  return false;
}

}  // namespace rpcaudit::dissect
