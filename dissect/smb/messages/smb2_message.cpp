#include "dissect/smb/messages/smb2_message.h"

#include <algorithm>

#include "dissect/smb/messages/smb_pipe_name.h"

namespace rpcaudit::dissect {
namespace {

// StructureSize of a body: its fixed part, and one for a variable part where there may be one.
constexpr std::uint16_t kErrorSize = 9;

ByteCursor cursor_at(Bytes message, std::size_t offset) noexcept {
  ByteCursor cursor(message, std::endian::little);
  cursor.skip(offset);
  return cursor;
}

// A cursor behind the StructureSize of the body, failed when that is another one.
ByteCursor body(Bytes message, std::uint16_t structure_size) noexcept {
  ByteCursor cursor = cursor_at(message, kSmb2HeaderSize);
  const std::uint16_t size = cursor.u16();
  if (size != structure_size) cursor.skip(message.size());
  return cursor;
}

Smb2FileId read_file_id(ByteCursor& cursor) noexcept {
  Smb2FileId file;
  file.persistent_part = cursor.u64();
  file.volatile_part = cursor.u64();
  return file;
}

// What of a buffer is there.
Bytes buffer_at(Bytes message, std::uint32_t offset, std::uint32_t length) noexcept {
  if (offset < kSmb2HeaderSize || offset > message.size()) return {};
  const Bytes rest = message.subspan(offset);
  return rest.first(std::min<std::size_t>(rest.size(), length));
}

}  // namespace

ParseStatus parse_smb2_header(Bytes bytes, Smb2Header& header) noexcept {
  if (bytes.size() < kSmb2HeaderSize) return ParseStatus::truncated;
  ByteCursor cursor(bytes, std::endian::little);
  cursor.skip(4);
  const std::uint16_t structure_size = cursor.u16();
  cursor.skip(2);  // credit charge
  header.status = cursor.u32();
  header.command = static_cast<Smb2Command>(cursor.u16());
  cursor.skip(2);  // credits
  header.flags = cursor.u32();
  header.next = cursor.u32();
  header.message_id = cursor.u64();
  cursor.skip(4);
  header.tree_id = cursor.u32();
  header.session_id = cursor.u64();
  return structure_size == kSmb2HeaderSize ? ParseStatus::ok : ParseStatus::bad_length;
}

ParseStatus parse_smb2_session_setup_request(Bytes message,
                                             Smb2SessionSetupRequest& request) noexcept {
  constexpr std::uint8_t kFlagBinding = 0x1;
  ByteCursor cursor = body(message, 25);
  request.binding = (cursor.u8() & kFlagBinding) != 0;
  cursor.skip(9);  // security mode, capabilities, channel
  const std::uint16_t offset = cursor.u16();
  const std::uint16_t length = cursor.u16();
  cursor.skip(8);  // previous session
  request.token = buffer_at(message, offset, length);
  return status_of(cursor);
}

ParseStatus parse_smb2_session_setup_response(Bytes message,
                                              Smb2SessionSetupResponse& response) noexcept {
  constexpr std::uint16_t kFlagGuest = 0x1;
  constexpr std::uint16_t kFlagNull = 0x2;
  ByteCursor cursor = body(message, 9);
  const std::uint16_t flags = cursor.u16();
  response.guest = (flags & kFlagGuest) != 0;
  response.null_session = (flags & kFlagNull) != 0;
  return status_of(cursor);
}

ParseStatus parse_smb2_tree_connect_request(Bytes message, bool& names_ipc) noexcept {
  ByteCursor cursor = body(message, 9);
  cursor.skip(2);
  const std::uint16_t offset = cursor.u16();
  const std::uint16_t length = cursor.u16();
  const Bytes path = buffer_at(message, offset, length);
  names_ipc = path.size() == length && names_ipc_share(path, true);
  return status_of(cursor);
}

ParseStatus parse_smb2_tree_connect_response(Bytes message, Smb2ShareType& type) noexcept {
  ByteCursor cursor = body(message, 16);
  type = static_cast<Smb2ShareType>(cursor.u8());
  return status_of(cursor);
}

ParseStatus parse_smb2_create_request(Bytes message, Smb2CreateRequest& request) noexcept {
  ByteCursor cursor = body(message, 57);
  cursor.skip(42);  // security flags … create options
  const std::uint16_t offset = cursor.u16();
  const std::uint16_t length = cursor.u16();
  cursor.skip(8);  // create contexts: none of them changes what the handle is
  request.name = buffer_at(message, offset, length);
  return status_of(cursor);
}

ParseStatus parse_smb2_create_response(Bytes message, Smb2FileId& file) noexcept {
  ByteCursor cursor = body(message, 89);
  cursor.skip(62);  // oplock … reserved
  file = read_file_id(cursor);
  return status_of(cursor);
}

ParseStatus parse_smb2_file_id(Bytes message, Smb2Command command, Smb2FileId& file) noexcept {
  std::size_t place = 0;
  switch (command) {
    case Smb2Command::close:
    case Smb2Command::flush:
    case Smb2Command::lock:
    case Smb2Command::ioctl:
    case Smb2Command::query_directory:
    case Smb2Command::change_notify: place = 8; break;
    case Smb2Command::read:
    case Smb2Command::write:
    case Smb2Command::set_info: place = 16; break;
    case Smb2Command::query_info: place = 24; break;
    default: return ParseStatus::bad_type;
  }
  ByteCursor cursor = cursor_at(message, kSmb2HeaderSize + place);
  file = read_file_id(cursor);
  return status_of(cursor);
}

ParseStatus parse_smb2_read_response(Bytes message, Smb2Data& data) noexcept {
  ByteCursor cursor = body(message, 17);
  data.extent.offset = cursor.u8();
  cursor.skip(1);
  data.extent.length = cursor.u32();
  return status_of(cursor);
}

ParseStatus parse_smb2_write_request(Bytes message, Smb2Data& data) noexcept {
  ByteCursor cursor = body(message, 49);
  data.extent.offset = cursor.u16();
  data.extent.length = cursor.u32();
  cursor.skip(8);
  data.file = read_file_id(cursor);
  if (cursor.u32() != 0) data.extent = {};  // a channel other than this connection
  return status_of(cursor);
}

ParseStatus parse_smb2_ioctl(Bytes message, bool is_response, Smb2Data& data) noexcept {
  ByteCursor cursor = body(message, is_response ? 49 : 57);
  cursor.skip(2);
  data.control_code = cursor.u32();
  data.file = read_file_id(cursor);
  if (is_response) cursor.skip(8);  // the input, given back
  data.extent.offset = cursor.u32();
  data.extent.length = cursor.u32();
  return status_of(cursor);
}

std::size_t smb2_bytes_needed(Bytes front, const Smb2Header& header) noexcept {
  constexpr std::size_t kWithStructureSize = kSmb2HeaderSize + 2;
  if (front.size() < kWithStructureSize) return kWithStructureSize;
  ByteCursor cursor = cursor_at(front, kSmb2HeaderSize);
  const std::size_t structure_size = cursor.u16();
  constexpr std::size_t kLargest = 89;  // that of a CREATE response
  if (structure_size > kLargest) return kWithStructureSize;
  const std::size_t fixed = kSmb2HeaderSize + (structure_size & ~std::size_t{1});
  if (header.is_response()) return structure_size == kErrorSize ? kWithStructureSize + 2 : fixed;
  // Where the body has a buffer to be read, its offset and length stand here.
  std::size_t place = 0;
  if (header.command == Smb2Command::session_setup) place = kSmb2HeaderSize + 12;
  if (header.command == Smb2Command::tree_connect) place = kSmb2HeaderSize + 4;
  if (header.command == Smb2Command::create) place = kSmb2HeaderSize + 44;
  if (place == 0 || front.size() < fixed || fixed < place + 4) return fixed;
  cursor = cursor_at(front, place);
  const std::size_t offset = cursor.u16();
  const std::size_t length = cursor.u16();
  return std::max(fixed, offset + length);
}

ParseStatus parse_smb_transform(Bytes bytes, std::uint64_t& session_id) noexcept {
  ByteCursor cursor = cursor_at(bytes, 44);
  session_id = cursor.u64();
  return cursor.ok() ? ParseStatus::ok : ParseStatus::truncated;
}

ParseStatus parse_smb_compression(Bytes bytes, std::uint64_t& session_id) noexcept {
  ByteCursor cursor = cursor_at(bytes, 10);
  const std::uint16_t flags = cursor.u16();
  const std::uint32_t clear_size = cursor.u32();
  session_id = 0;
  if (!cursor.ok()) return ParseStatus::truncated;
  Smb2Header header;
  if (flags != 0 || clear_size < kSmb2HeaderSize) return ParseStatus::ok;
  if (parse_smb2_header(cursor.rest(), header) == ParseStatus::ok) session_id = header.session_id;
  return ParseStatus::ok;
}

}  // namespace rpcaudit::dissect
