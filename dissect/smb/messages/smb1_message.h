#pragma once

#include <cstdint>

#include "dissect/byte_cursor.h"
#include "dissect/parse_status.h"
#include "dissect/smb/messages/nbss.h"

namespace rpcaudit::dissect {

// Commands of SMB1 that matter to pipes ([MS-CIFS] 2.2.2.1).
enum class Smb1Command : std::uint8_t {
  open = 0x02,
  close = 0x04,
  read = 0x0a,
  write = 0x0b,
  lock_and_read = 0x13,
  write_and_unlock = 0x14,
  read_raw = 0x1a,
  read_mpx = 0x1b,
  write_raw = 0x1d,
  write_mpx = 0x1e,
  write_complete = 0x20,
  transaction = 0x25,
  transaction_secondary = 0x26,
  ioctl = 0x27,
  write_and_close = 0x2c,
  open_andx = 0x2d,
  read_andx = 0x2e,
  write_andx = 0x2f,
  tree_disconnect = 0x71,
  session_setup_andx = 0x73,
  logoff_andx = 0x74,
  tree_connect_andx = 0x75,
  nt_transact = 0xa0,
  nt_transact_secondary = 0xa1,
  nt_create_andx = 0xa2,
  read_bulk = 0xd8,
  write_bulk = 0xd9,
};

inline constexpr std::size_t kSmb1HeaderSize = 32;

// The header of every message ([MS-CIFS] 2.2.3.1), little-endian.
struct Smb1Header {
  Smb1Command command{};
  std::uint32_t status = 0;  // of a response: an NTSTATUS, or a DOS error with its class in front
  bool is_response = false;
  bool is_unicode = false;
  bool is_signed = false;
  std::uint16_t tree_id = 0;
  std::uint16_t process_id = 0;  // the low half: not every server gives the high one back
  std::uint16_t user_id = 0;
  std::uint16_t multiplex_id = 0;

  // Nothing went wrong: what the response says is there.
  [[nodiscard]] bool has_data() const noexcept;
  // The server did not take what the request wrote to a pipe: see refuses_write() of NTSTATUS.
  [[nodiscard]] bool refuses_write(bool reads_answer) const noexcept;
};

[[nodiscard]] ParseStatus parse_smb1_header(Bytes bytes, Smb1Header& header) noexcept;

// One command of a message: a count, that many words, a byte count, that many bytes ([MS-CIFS]
// 2.2.3.2, 2.2.3.3). Offsets inside it count from the message's header; `offset` is where this
// command stands, so that they can be followed in a chain.
struct Smb1Block {
  Smb1Command command{};
  std::uint32_t offset = 0;  // of its word count
  Bytes words;               // whole
  Bytes bytes;               // as far as they are there
  std::uint32_t byte_count = 0;
  bool is_unicode = false;

  // Where `bytes` begins.
  [[nodiscard]] std::uint32_t bytes_offset() const noexcept {
    return offset + 1 + static_cast<std::uint32_t>(words.size()) + 2;
  }
};

// Reads the block whose word count is the first of `rest`. Fails only when words or byte count are
// not there. block.command, offset and is_unicode are the caller's.
[[nodiscard]] ParseStatus parse_smb1_block(Bytes rest, Smb1Block& block) noexcept;

// Reads strings out of the bytes of a block, one after the other.
class Smb1StringReader {
 public:
  // Begins `from` bytes behind the first.
  Smb1StringReader(const Smb1Block& block, std::size_t from) noexcept;

  // The next string without its terminator; without one it goes to the end. UTF-16 is aligned to
  // two bytes from the message's header ([MS-CIFS] 2.2.1.1.1).
  Bytes next() noexcept;

 private:
  [[nodiscard]] bool is_terminator(std::size_t at) const noexcept {
    return rest_[at] == std::byte{0} && (!is_unicode_ || rest_[at + 1] == std::byte{0});
  }
  void advance(std::size_t count) noexcept;

  Bytes rest_;
  std::uint32_t offset_;
  bool is_unicode_;
};

// True for the commands that may be followed by another ([MS-CIFS] 2.2.3.4).
[[nodiscard]] bool is_chained(Smb1Command command) noexcept;
// The command that follows in a chain and its offset from the header; false when none does.
[[nodiscard]] bool next_in_chain(const Smb1Block& block, Smb1Command& command,
                                 std::uint32_t& offset) noexcept;

// The parsers below take a block of their command and of the direction they say.

struct Smb1SessionSetupRequest {  // [MS-CIFS] 2.2.4.53.1, [MS-SMB] 2.2.4.6.1
  Bytes token;                    // with extended security; else the rest
  Bytes user;                     // in the character set of the message
  Bytes domain;
  bool has_names = false;
  bool null_session = false;
};
[[nodiscard]] ParseStatus parse_smb1_session_setup_request(
    const Smb1Block& block, Smb1SessionSetupRequest& request) noexcept;
[[nodiscard]] ParseStatus parse_smb1_session_setup_response(const Smb1Block& block,
                                                            bool& guest) noexcept;

// Whether the path of a TREE_CONNECT_ANDX leads to the share of pipes (2.2.4.55.1).
[[nodiscard]] ParseStatus parse_smb1_tree_connect_request(const Smb1Block& block,
                                                          bool& names_ipc) noexcept;
// Whether the share is IPC$, by the service that the server names (2.2.4.55.2).
[[nodiscard]] ParseStatus parse_smb1_tree_connect_response(const Smb1Block& block,
                                                           bool& is_pipe) noexcept;

// The name in a request of OPEN, OPEN_ANDX or NT_CREATE_ANDX (2.2.4.3, 2.2.4.41, 2.2.4.64).
[[nodiscard]] ParseStatus parse_smb1_open_request(const Smb1Block& block, Bytes& name) noexcept;

enum class Smb1ResourceType : std::uint8_t { disk, pipe, other, unknown };
// What the ResourceType of a response stands for ([MS-CIFS] 2.2.4.64.2).
[[nodiscard]] Smb1ResourceType smb1_resource_type(std::uint16_t type) noexcept;

struct Smb1OpenResponse {
  std::uint16_t file_id = 0;
  Smb1ResourceType resource = Smb1ResourceType::unknown;
};
[[nodiscard]] ParseStatus parse_smb1_open_response(const Smb1Block& block,
                                                   Smb1OpenResponse& response) noexcept;

// Requests that name a file and little else: CLOSE, READ, LOCK_AND_READ, READ_RAW, READ_ANDX.
[[nodiscard]] ParseStatus parse_smb1_file_request(const Smb1Block& block,
                                                  std::uint16_t& file_id) noexcept;

struct Smb1Data {
  std::uint16_t file_id = 0;  // requests only
  SmbExtent extent;           // from the message's header
  std::uint32_t more = 0;     // of WRITE_RAW: bytes that follow without a header
};
// WRITE, WRITE_AND_UNLOCK, WRITE_AND_CLOSE, WRITE_ANDX, WRITE_RAW (2.2.4.12, 2.2.4.21, 2.2.4.40,
// 2.2.4.43, 2.2.4.25). The length that message mode puts before the data is left out of the extent.
[[nodiscard]] ParseStatus parse_smb1_write_request(const Smb1Block& block, Smb1Data& data) noexcept;
// READ, LOCK_AND_READ, READ_ANDX (2.2.4.11, 2.2.4.20, 2.2.4.42).
[[nodiscard]] ParseStatus parse_smb1_read_response(const Smb1Block& block, Smb1Data& data) noexcept;

// How many bytes from the block's word count on its parser needs, as far as `front` tells: ask
// again when there are as many. The block begins `offset` bytes from the header.
[[nodiscard]] std::size_t smb1_bytes_needed(Bytes front, Smb1Command command, std::uint32_t offset,
                                            bool is_response) noexcept;

}  // namespace rpcaudit::dissect
