#include "dissect/smb/messages/smb1_message.h"

#include <algorithm>

#include "dissect/smb/messages/smb1_transaction_message.h"
#include "dissect/smb/messages/smb_pipe_name.h"
#include "dissect/smb/messages/smb_status.h"

namespace rpcaudit::dissect {
namespace {

constexpr std::size_t kAndXSize = 4;  // command, reserved, offset ([MS-CIFS] 2.2.3.4)

ByteCursor words_of(const Smb1Block& block) noexcept {
  ByteCursor cursor(block.words, std::endian::little);
  if (is_chained(block.command)) cursor.skip(kAndXSize);
  return cursor;
}

}  // namespace

Smb1StringReader::Smb1StringReader(const Smb1Block& block, std::size_t from) noexcept
    : rest_(block.bytes.subspan(std::min(from, block.bytes.size()))),
      offset_(block.bytes_offset() + static_cast<std::uint32_t>(from)),
      is_unicode_(block.is_unicode) {}

Bytes Smb1StringReader::next() noexcept {
  if (is_unicode_ && offset_ % 2 != 0) advance(1);
  const std::size_t unit = is_unicode_ ? 2 : 1;
  std::size_t size = 0;
  while (size + unit <= rest_.size() && !is_terminator(size)) size += unit;
  const Bytes text = rest_.first(std::min(size, rest_.size()));
  advance(size + unit);
  return text;
}

void Smb1StringReader::advance(std::size_t count) noexcept {
  count = std::min(count, rest_.size());
  rest_ = rest_.subspan(count);
  offset_ += static_cast<std::uint32_t>(count);
}

bool Smb1Header::has_data() const noexcept {
  constexpr std::uint32_t kNtBufferOverflow = 0x8000'0005;
  constexpr std::uint32_t kDosMoreData = 0x00ea'0001;  // class ERRDOS, code 234
  return status == 0 || status == kNtBufferOverflow || status == kDosMoreData;
}

bool Smb1Header::refuses_write(bool reads_answer) const noexcept {
  constexpr std::uint32_t kSeverityError = 3;
  if (status >> 30 == kSeverityError) return dissect::refuses_write(status, reads_answer);
  if (has_data()) return false;
  switch (status >> 16) {            // codes of class ERRDOS ([MS-CIFS] 2.2.2.4)
    case 109:                        // ERRbrokenpipe
    case 232:                        // ERRpipeclosing
    case 233: return !reads_answer;  // ERRnotconnected
    default: return true;
  }
}

ParseStatus parse_smb1_header(Bytes bytes, Smb1Header& header) noexcept {
  constexpr std::uint8_t kFlagReply = 0x80;
  constexpr std::uint16_t kFlag2Signature = 0x0004;
  constexpr std::uint16_t kFlag2Unicode = 0x8000;
  ByteCursor cursor(bytes, std::endian::little);
  cursor.skip(4);
  header.command = static_cast<Smb1Command>(cursor.u8());
  header.status = cursor.u32();
  header.is_response = (cursor.u8() & kFlagReply) != 0;
  const std::uint16_t flags2 = cursor.u16();
  header.is_unicode = (flags2 & kFlag2Unicode) != 0;
  header.is_signed = (flags2 & kFlag2Signature) != 0;
  cursor.skip(12);  // high half of the process id, signature, reserved
  header.tree_id = cursor.u16();
  header.process_id = cursor.u16();
  header.user_id = cursor.u16();
  header.multiplex_id = cursor.u16();
  return cursor.ok() ? ParseStatus::ok : ParseStatus::truncated;
}

ParseStatus parse_smb1_block(Bytes rest, Smb1Block& block) noexcept {
  ByteCursor cursor(rest, std::endian::little);
  const std::size_t word_count = cursor.u8();
  block.words = cursor.take(2 * word_count);
  block.byte_count = cursor.u16();
  if (!cursor.ok()) return ParseStatus::truncated;
  block.bytes = cursor.rest();
  block.bytes = block.bytes.first(std::min<std::size_t>(block.bytes.size(), block.byte_count));
  return ParseStatus::ok;
}

bool is_chained(Smb1Command command) noexcept {
  switch (command) {
    case Smb1Command::open_andx:
    case Smb1Command::read_andx:
    case Smb1Command::write_andx:
    case Smb1Command::session_setup_andx:
    case Smb1Command::logoff_andx:
    case Smb1Command::tree_connect_andx:
    case Smb1Command::nt_create_andx: return true;
    default: return static_cast<std::uint8_t>(command) == 0x24;  // LOCKING_ANDX
  }
}

bool next_in_chain(const Smb1Block& block, Smb1Command& command, std::uint32_t& offset) noexcept {
  constexpr std::uint8_t kNoFurther = 0xff;
  if (!is_chained(block.command)) return false;
  ByteCursor cursor(block.words, std::endian::little);
  const std::uint8_t next = cursor.u8();
  cursor.skip(1);
  offset = cursor.u16();
  command = static_cast<Smb1Command>(next);
  return cursor.ok() && next != kNoFurther && offset > block.offset;
}

ParseStatus parse_smb1_session_setup_request(const Smb1Block& block,
                                             Smb1SessionSetupRequest& request) noexcept {
  constexpr std::size_t kWordsExtended = 12;
  constexpr std::size_t kWordsNt = 13;
  ByteCursor cursor = words_of(block);
  cursor.skip(10);  // buffer size, multiplex count, virtual circuit, session key
  const std::size_t first_length = cursor.u16();
  if (block.words.size() == 2 * kWordsExtended) {
    request.token = block.bytes.first(std::min(first_length, block.bytes.size()));
    return status_of(cursor);
  }
  // Passwords, then the account; LAN Manager sends one password, NT two.
  const std::size_t second_length = block.words.size() == 2 * kWordsNt ? cursor.u16() : 0;
  Smb1StringReader reader(block, first_length + second_length);
  request.user = reader.next();
  request.domain = reader.next();
  request.has_names = true;
  // An anonymous client sends no password, or one that is a single zero ([MS-CIFS] 3.2.4.2.4).
  request.null_session = request.user.empty() && first_length <= 1 && second_length == 0;
  return status_of(cursor);
}

ParseStatus parse_smb1_session_setup_response(const Smb1Block& block, bool& guest) noexcept {
  constexpr std::uint16_t kActionGuest = 0x1;
  ByteCursor cursor = words_of(block);
  guest = (cursor.u16() & kActionGuest) != 0;
  return status_of(cursor);
}

ParseStatus parse_smb1_tree_connect_request(const Smb1Block& block, bool& names_ipc) noexcept {
  ByteCursor cursor = words_of(block);
  cursor.skip(2);  // flags
  const std::size_t password_length = cursor.u16();
  names_ipc = names_ipc_share(Smb1StringReader(block, password_length).next(), block.is_unicode);
  return status_of(cursor);
}

ParseStatus parse_smb1_tree_connect_response(const Smb1Block& block, bool& is_pipe) noexcept {
  constexpr std::byte kIpc[] = {std::byte{'I'}, std::byte{'P'}, std::byte{'C'}};
  // The service is ASCII, whatever the rest of the message is.
  is_pipe = block.bytes.size() >= 3 && std::equal(kIpc, kIpc + 3, block.bytes.begin());
  return block.bytes.empty() ? ParseStatus::bad_length : ParseStatus::ok;
}

ParseStatus parse_smb1_open_request(const Smb1Block& block, Bytes& name) noexcept {
  const std::size_t format = block.command == Smb1Command::open ? 1 : 0;  // its BufferFormat
  name = Smb1StringReader(block, format).next();
  return block.bytes.size() < format ? ParseStatus::bad_length : ParseStatus::ok;
}

Smb1ResourceType smb1_resource_type(std::uint16_t type) noexcept {
  switch (type) {
    case 0: return Smb1ResourceType::disk;
    case 1:
    case 2: return Smb1ResourceType::pipe;
    case 3: return Smb1ResourceType::other;  // a printer
    default: return Smb1ResourceType::unknown;
  }
}

ParseStatus parse_smb1_open_response(const Smb1Block& block, Smb1OpenResponse& response) noexcept {
  ByteCursor cursor = words_of(block);
  if (block.command == Smb1Command::nt_create_andx) cursor.skip(1);  // oplock
  response.file_id = cursor.u16();
  if (block.command == Smb1Command::open) return status_of(cursor);
  cursor.skip(block.command == Smb1Command::nt_create_andx ? 56 : 12);
  response.resource = smb1_resource_type(cursor.u16());
  return status_of(cursor);
}

ParseStatus parse_smb1_file_request(const Smb1Block& block, std::uint16_t& file_id) noexcept {
  ByteCursor cursor = words_of(block);
  file_id = cursor.u16();
  return status_of(cursor);
}

ParseStatus parse_smb1_write_request(const Smb1Block& block, Smb1Data& data) noexcept {
  ByteCursor cursor = words_of(block);
  data.file_id = cursor.u16();
  if (block.command == Smb1Command::write_and_close) {
    constexpr std::uint32_t kPad = 1;
    data.extent = {block.bytes_offset() + kPad, cursor.u16()};
    return status_of(cursor);
  }
  if (block.command == Smb1Command::write || block.command == Smb1Command::write_and_unlock) {
    constexpr std::uint32_t kFormatAndLength = 3;
    data.extent = {block.bytes_offset() + kFormatAndLength, cursor.u16()};
    return status_of(cursor);
  }
  if (block.command == Smb1Command::write_raw) {
    const std::uint32_t count = cursor.u16();
    cursor.skip(16);  // reserved … reserved
    data.extent.length = cursor.u16();
    data.extent.offset = cursor.u16();
    data.more = count - std::min(count, data.extent.length);
    return status_of(cursor);
  }
  constexpr std::uint16_t kRawMode = 0x0004;
  constexpr std::uint16_t kMessageStart = 0x0008;
  constexpr std::uint32_t kMessageLengthSize = 2;
  cursor.skip(8);  // offset, time-out
  const std::uint16_t mode = cursor.u16();
  cursor.skip(2);  // remaining
  const std::uint32_t length_high = cursor.u16();
  data.extent.length = length_high << 16 | cursor.u16();
  data.extent.offset = cursor.u16();
  const bool prefixed = (mode & (kRawMode | kMessageStart)) == (kRawMode | kMessageStart);
  if (prefixed && data.extent.length >= kMessageLengthSize) {
    data.extent.offset += kMessageLengthSize;
    data.extent.length -= kMessageLengthSize;
  }
  return status_of(cursor);
}

ParseStatus parse_smb1_read_response(const Smb1Block& block, Smb1Data& data) noexcept {
  ByteCursor cursor = words_of(block);
  if (block.command != Smb1Command::read_andx) {
    constexpr std::uint32_t kFormatAndLength = 3;
    data.extent = {block.bytes_offset() + kFormatAndLength, cursor.u16()};
    return status_of(cursor);
  }
  cursor.skip(6);  // available, compaction, reserved
  const std::uint32_t length = cursor.u16();
  data.extent.offset = cursor.u16();
  data.extent.length = std::uint32_t{cursor.u16()} << 16 | length;
  return status_of(cursor);
}

std::size_t smb1_bytes_needed(Bytes front, Smb1Command command, std::uint32_t offset,
                              bool is_response) noexcept {
  if (front.empty()) return 1;
  const std::size_t words = 2 * std::to_integer<std::size_t>(front[0]);
  const std::size_t fixed = 1 + words + 2;
  if (front.size() < fixed) return fixed;
  ByteCursor cursor(front, std::endian::little);
  cursor.skip(1 + words);
  const std::size_t byte_count = cursor.u16();
  constexpr std::size_t kServiceMax = 16;
  constexpr std::size_t kPathMax = 1024;
  constexpr std::size_t kNameMax = 512;
  switch (command) {
    case Smb1Command::session_setup_andx: return fixed + (is_response ? 0 : byte_count);
    case Smb1Command::tree_connect_andx:
      return fixed + std::min(byte_count, is_response ? kServiceMax : kPathMax);
    case Smb1Command::open:
    case Smb1Command::open_andx:
    case Smb1Command::nt_create_andx:
    case Smb1Command::transaction:
      return fixed + (is_response ? 0 : std::min(byte_count, kNameMax));
    case Smb1Command::nt_transact: {
      const std::size_t end = smb1_parameters_end(front.subspan(1, words), is_response);
      return std::max(fixed, end - std::min<std::size_t>(end, offset));
    }
    default: return fixed;
  }
}

}  // namespace rpcaudit::dissect
