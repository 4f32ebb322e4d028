// The parsers of SMB messages by themselves: the first byte says for which command and direction
// the rest is read. What a parser says of the message may not lie outside of it.

#include <cstddef>
#include <cstdint>
#include <cstdlib>

#include "dissect/smb/messages/smb1_message.h"
#include "dissect/smb/messages/smb1_transaction_message.h"
#include "dissect/smb/messages/smb2_message.h"

namespace {

using namespace rpcaudit;

void check_within(Bytes part, Bytes whole) {
  if (part.empty()) return;
  if (part.data() < whole.data()) std::abort();
  if (part.data() + part.size() > whole.data() + whole.size()) std::abort();
}

void read_smb2(Bytes message) {
  dissect::Smb2Header header;
  if (dissect::parse_smb2_header(message, header) != dissect::ParseStatus::ok) return;
  if (dissect::smb2_bytes_needed(message, header) < dissect::kSmb2HeaderSize) std::abort();
  dissect::Smb2SessionSetupRequest setup;
  if (dissect::parse_smb2_session_setup_request(message, setup) == dissect::ParseStatus::ok) {
    check_within(setup.token, message);
  }
  dissect::Smb2CreateRequest create;
  if (dissect::parse_smb2_create_request(message, create) == dissect::ParseStatus::ok) {
    check_within(create.name, message);
  }
  dissect::Smb2SessionSetupResponse answer;
  dissect::Smb2ShareType share{};
  dissect::Smb2FileId file;
  dissect::Smb2Data data;
  (void)dissect::parse_smb2_session_setup_response(message, answer);
  (void)dissect::parse_smb2_tree_connect_response(message, share);
  (void)dissect::parse_smb2_create_response(message, file);
  (void)dissect::parse_smb2_file_id(message, header.command, file);
  bool names_ipc = false;
  (void)dissect::parse_smb2_tree_connect_request(message, names_ipc);
  (void)dissect::parse_smb2_read_response(message, data);
  (void)dissect::parse_smb2_write_request(message, data);
  (void)dissect::parse_smb2_ioctl(message, header.is_response(), data);
}

void read_smb1(Bytes message, dissect::Smb1Command command, bool is_response) {
  dissect::Smb1Header header;
  if (dissect::parse_smb1_header(message, header) != dissect::ParseStatus::ok) return;
  const Bytes rest = message.subspan(dissect::kSmb1HeaderSize);
  if (dissect::smb1_bytes_needed(rest, command, dissect::kSmb1HeaderSize, is_response) == 0)
    std::abort();
  dissect::Smb1Block block;
  block.command = command;
  block.offset = dissect::kSmb1HeaderSize;
  block.is_unicode = header.is_unicode;
  if (dissect::parse_smb1_block(rest, block) != dissect::ParseStatus::ok) return;
  check_within(block.words, rest);
  check_within(block.bytes, rest);
  dissect::Smb1SessionSetupRequest setup;
  if (dissect::parse_smb1_session_setup_request(block, setup) == dissect::ParseStatus::ok) {
    check_within(setup.token, rest);
    check_within(setup.user, rest);
    check_within(setup.domain, rest);
  }
  Bytes name;
  if (dissect::parse_smb1_open_request(block, name) == dissect::ParseStatus::ok)
    check_within(name, rest);
  dissect::Smb1Transaction transaction;
  if (dissect::parse_smb1_transaction(block, is_response, transaction) ==
      dissect::ParseStatus::ok) {
    check_within(transaction.name, rest);
  }
  if (dissect::parse_smb1_nt_create_request(block, name) == dissect::ParseStatus::ok) {
    check_within(name, rest);
  }
  dissect::Smb1Command next{};
  std::uint32_t offset = 0;
  if (dissect::next_in_chain(block, next, offset) && offset <= block.offset) std::abort();
  bool flag = false;
  std::uint16_t file_id = 0;
  dissect::Smb1OpenResponse opened;
  (void)dissect::parse_smb1_nt_create_response(block, opened);
  dissect::Smb1Data data;
  (void)dissect::parse_smb1_session_setup_response(block, flag);
  (void)dissect::parse_smb1_tree_connect_response(block, flag);
  (void)dissect::parse_smb1_open_response(block, opened);
  (void)dissect::parse_smb1_file_request(block, file_id);
  (void)dissect::parse_smb1_write_request(block, data);
  (void)dissect::parse_smb1_read_response(block, data);
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  if (size < 2) return 0;
  const Bytes message = std::as_bytes(std::span(data + 2, size - 2));
  dissect::NbssHeader framing;
  dissect::SmbKind kind{};
  (void)dissect::parse_nbss_header(message, framing);
  (void)dissect::parse_smb_magic(message, kind);
  if (dissect::find_smb_message(message) > message.size()) std::abort();
  std::uint64_t session = 0;
  (void)dissect::parse_smb_transform(message, session);
  (void)dissect::parse_smb_compression(message, session);
  read_smb2(message);
  read_smb1(message, static_cast<dissect::Smb1Command>(data[0]), data[1] % 2 != 0);
  return 0;
}
