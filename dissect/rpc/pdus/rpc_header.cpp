#include "dissect/rpc/pdus/rpc_header.h"

#include <algorithm>
#include <array>

namespace rpcaudit::dissect {
namespace {

// Least length of each type's PDU, fixed body included (C706 12.6.4); 0: no such type.
constexpr std::array<std::uint8_t, 21> kLeastLength{
    24, 0,  24, 32, 0,  0, 0, 0, 0, 0, 0,  // request, response, fault
    28, 24, 18, 28, 24,                    // bind, bind_ack, bind_nak, alter_context and its answer
    16, 16, 16, 16, 20,                    // auth3, shutdown, co_cancel, orphaned, rts
};

constexpr std::uint8_t kLittleEndian = 0x10;  // in the data representation (C706 14.1)

std::uint8_t byte_at(Bytes bytes, std::size_t index) noexcept {
  return std::to_integer<std::uint8_t>(bytes[index]);
}

bool proposes_contexts(PduType type) noexcept {
  return type == PduType::bind || type == PduType::alter_context;
}

// The bytes of the header whose values are few. Each is judged as soon as it is there. Samba and
// Wine look at nothing in the data representation but the integer order, and what Windows does is
// not known: so a proposal may have any, as its items are evidence enough.
bool prefix_fits(Bytes bytes) noexcept {
  const std::size_t size = std::min<std::size_t>(bytes.size(), 8);
  for (std::size_t i = 0; i < size; ++i) {
    const std::uint8_t value = byte_at(bytes, i);
    bool fits = true;
    switch (i) {
      case 0: fits = value == 5; break;
      case 1: fits = value <= 1; break;
      case 2:
        fits = value < kLeastLength.size() && kLeastLength[value] != 0;
        if (fits && proposes_contexts(static_cast<PduType>(value))) return true;
        break;
      case 4: fits = (value & 0xef) <= 1; break;  // integer order, character set
      case 5: fits = value <= 3; break;           // floating point
      case 6:
      case 7: fits = value == 0; break;
      default: break;
    }
    if (!fits) return false;
  }
  return true;
}

// What the fixed body of each type allows. Only called with the whole fixed part in hand.
bool body_fits(const RpcHeader& header, Bytes bytes) noexcept {
  ByteCursor cursor(bytes.subspan(kRpcHeaderSize), header.order);
  switch (header.type) {
    case PduType::bind:
    case PduType::alter_context: {
      cursor.skip(8);
      const std::uint8_t contexts = cursor.u8();
      // Each item holds at least its own 4 bytes and an abstract syntax of 20.
      return header.fragment_length - 28u >= contexts * 24u;
    }
    case PduType::response:
      cursor.skip(7);
      return cursor.u8() == 0;  // reserved, after cancel_count
    default: return true;
  }
}

}  // namespace

ParseStatus parse_rpc_header(Bytes bytes, RpcHeader& header) noexcept {
  if (bytes.size() < kRpcHeaderSize) return ParseStatus::truncated;

  // The integer order is told by one bit of the fifth byte; it governs the fields after it, so it
  // has to be known before the cursor is made. Servers look at no other bit of the representation.
  header.order = (byte_at(bytes, 4) & kLittleEndian) != 0 ? std::endian::little : std::endian::big;

  ByteCursor cursor(bytes.first(kRpcHeaderSize), header.order);
  const std::uint8_t version_major = cursor.u8();
  header.version_minor = cursor.u8();
  const std::uint8_t type = cursor.u8();
  header.type = static_cast<PduType>(type);
  header.flags = cursor.u8();
  cursor.skip(4);  // data representation, read above
  header.fragment_length = cursor.u16();
  header.auth_length = cursor.u16();
  header.call_id = cursor.u32();

  if (version_major != 5 || header.version_minor > 1) return ParseStatus::bad_version;
  if (type >= kLeastLength.size() || kLeastLength[type] == 0) return ParseStatus::bad_type;
  std::size_t least = kLeastLength[type];
  if (header.auth_length != 0) least += kAuthTrailerSize + header.auth_length;
  if (header.fragment_length < least) return ParseStatus::bad_length;
  return ParseStatus::ok;
}

bool from_client(PduType type) noexcept {
  switch (type) {
    case PduType::request:
    case PduType::bind:
    case PduType::alter_context:
    case PduType::auth3:
    case PduType::co_cancel:
    case PduType::orphaned: return true;
    default: return false;
  }
}

bool from_server(PduType type) noexcept {
  switch (type) {
    case PduType::response:
    case PduType::fault:
    case PduType::bind_ack:
    case PduType::bind_nak:
    case PduType::alter_context_response:
    case PduType::shutdown: return true;
    default: return false;
  }
}

bool is_first_fragment(const RpcHeader& header) noexcept {
  return (header.flags & kPfcFirstFragment) != 0;
}

Likeness looks_like_rpc(Bytes bytes) noexcept {
  if (!prefix_fits(bytes)) return Likeness::no;
  RpcHeader header;
  const ParseStatus status = parse_rpc_header(bytes, header);
  if (status == ParseStatus::truncated) return Likeness::not_yet;
  if (status != ParseStatus::ok || header.type == PduType::rts) return Likeness::no;
  const std::size_t fixed =
      std::max<std::size_t>(kRpcHeaderSize, kLeastLength[static_cast<std::size_t>(header.type)]);
  if (bytes.size() < fixed) return Likeness::not_yet;
  if (!body_fits(header, bytes)) return Likeness::no;
  // Whatever follows a whole PDU must look like another one.
  if (bytes.size() > header.fragment_length) {
    return prefix_fits(bytes.subspan(header.fragment_length)) ? Likeness::yes : Likeness::no;
  }
  return Likeness::yes;
}

}  // namespace rpcaudit::dissect
