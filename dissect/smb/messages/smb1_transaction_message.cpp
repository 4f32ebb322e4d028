#include "dissect/smb/messages/smb1_transaction_message.h"

#include <algorithm>

namespace rpcaudit::dissect {
namespace {

// The parameters of NT_TRANSACT_CREATE: what stands before the name, where in it the name's length
// is ([MS-CIFS] 2.2.7.1.1), and all of the response's (2.2.7.1.2).
constexpr std::size_t kCreateNameAt = 53;
constexpr std::size_t kCreateNameLengthAt = 44;
constexpr std::size_t kCreateNameMax = 512;
constexpr std::size_t kCreateResponseSize = 69;

// Where the parameters of NT_TRANSACT are; the cursor then stands before its counts of data.
SmbExtent read_parameters(ByteCursor& cursor, bool is_first,
                          Smb1Transaction& transaction) noexcept {
  cursor.skip(3);  // in a first request: the maximum of setup words, reserved; else reserved
  cursor.skip(4);  // all parameters
  transaction.total_data = cursor.u32();
  cursor.skip(is_first ? 8 : 0);  // maxima of what is to be returned
  SmbExtent parameters;
  parameters.length = cursor.u32();
  parameters.offset = cursor.u32();
  cursor.skip(is_first ? 0 : 4);  // their displacement
  return parameters;
}

bool is_first_request(const Smb1Block& block, bool is_response) noexcept {
  return !is_response &&
         (block.command == Smb1Command::transaction || block.command == Smb1Command::nt_transact);
}

ParseStatus parse_nt_transact(const Smb1Block& block, bool is_response,
                              Smb1Transaction& transaction) noexcept {
  const bool is_first = is_first_request(block, is_response);
  ByteCursor cursor(block.words, std::endian::little);
  (void)read_parameters(cursor, is_first, transaction);
  transaction.extent.length = cursor.u32();
  transaction.extent.offset = cursor.u32();
  if (is_first) {
    cursor.skip(1);  // count of setup words
    transaction.subcommand = cursor.u16();
    if (transaction.subcommand == kNtTransactIoctl) {
      transaction.control_code = cursor.u32();
      transaction.file_id = cursor.u16();
    }
  } else {
    transaction.displacement = cursor.u32();
  }
  const std::uint64_t end = std::uint64_t{transaction.displacement} + transaction.extent.length;
  if (end > transaction.total_data) return ParseStatus::bad_length;
  return status_of(cursor);
}

ParseStatus parse_transaction(const Smb1Block& block, bool is_response,
                              Smb1Transaction& transaction) noexcept {
  ByteCursor cursor(block.words, std::endian::little);
  cursor.skip(2);  // all parameters
  transaction.total_data = cursor.u16();
  const bool is_first = is_first_request(block, is_response);
  cursor.skip(is_first ? 18 : 6);    // in a first request: maxima, flags, time-out; parameters
  cursor.skip(is_response ? 2 : 0);  // reserved
  transaction.extent.length = cursor.u16();
  transaction.extent.offset = cursor.u16();
  if (!is_first) {
    transaction.displacement = cursor.u16();
    return status_of(cursor);
  }
  const std::uint8_t setup_count = cursor.u8();
  cursor.skip(1);
  if (setup_count != 0) transaction.subcommand = cursor.u16();
  if (setup_count > 1) transaction.file_id = cursor.u16();
  transaction.name = Smb1StringReader(block, 0).next();
  return status_of(cursor);
}

// The parameters of a block, as far as they are there.
Bytes parameters_of(const Smb1Block& block, bool is_response) noexcept {
  Smb1Transaction transaction;
  ByteCursor cursor(block.words, std::endian::little);
  const SmbExtent extent =
      read_parameters(cursor, is_first_request(block, is_response), transaction);
  if (!cursor.ok() || extent.offset < block.bytes_offset()) return {};
  const std::size_t skipped = extent.offset - block.bytes_offset();
  const Bytes rest = block.bytes.subspan(std::min(skipped, block.bytes.size()));
  return rest.first(std::min<std::size_t>(extent.length, rest.size()));
}

}  // namespace

ParseStatus parse_smb1_transaction(const Smb1Block& block, bool is_response,
                                   Smb1Transaction& transaction) noexcept {
  const bool is_nt = block.command == Smb1Command::nt_transact ||
                     block.command == Smb1Command::nt_transact_secondary;
  return is_nt ? parse_nt_transact(block, is_response, transaction)
               : parse_transaction(block, is_response, transaction);
}

ParseStatus parse_smb1_nt_create_request(const Smb1Block& block, Bytes& name) noexcept {
  const Bytes parameters = parameters_of(block, false);
  ByteCursor cursor(parameters, std::endian::little);
  cursor.skip(kCreateNameLengthAt);
  const std::size_t length = cursor.u32();
  if (!cursor.ok() || parameters.size() < kCreateNameAt) return ParseStatus::bad_length;
  const auto at = static_cast<std::size_t>(parameters.data() - block.bytes.data()) + kCreateNameAt;
  name = Smb1StringReader(block, at).next();
  name = name.first(std::min(length, name.size()));
  return ParseStatus::ok;
}

ParseStatus parse_smb1_nt_create_response(const Smb1Block& block,
                                          Smb1OpenResponse& response) noexcept {
  ByteCursor cursor(parameters_of(block, true), std::endian::little);
  cursor.skip(2);  // oplock, reserved
  response.file_id = cursor.u16();
  cursor.skip(60);  // what was done, times, attributes, sizes
  response.resource = smb1_resource_type(cursor.u16());
  return status_of(cursor);
}

std::size_t smb1_parameters_end(Bytes words, bool is_response) noexcept {
  ByteCursor cursor(words, std::endian::little);
  Smb1Transaction unused;
  const SmbExtent extent = read_parameters(cursor, !is_response, unused);
  std::size_t wanted = kCreateResponseSize;
  if (!is_response) {
    cursor.skip(9);  // data, count of setup words
    wanted = cursor.u16() == kNtTransactCreate ? kCreateNameAt + 1 + kCreateNameMax : 0;
  }
  wanted = std::min<std::size_t>(wanted, extent.length);
  return cursor.ok() && wanted != 0 ? extent.offset + wanted : 0;
}

}  // namespace rpcaudit::dissect
