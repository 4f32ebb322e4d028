#pragma once

#include <cstdint>

#include "dissect/byte_cursor.h"
#include "dissect/parse_status.h"
#include "dissect/smb/messages/nbss.h"
#include "dissect/smb/messages/smb_status.h"

namespace rpcaudit::dissect {

// Commands of SMB2 and SMB3 that matter to pipes ([MS-SMB2] 2.2.1.2).
enum class Smb2Command : std::uint16_t {
  session_setup = 1,
  logoff = 2,
  tree_connect = 3,
  tree_disconnect = 4,
  create = 5,
  close = 6,
  flush = 7,
  read = 8,
  write = 9,
  lock = 10,
  ioctl = 11,
  query_directory = 14,
  change_notify = 15,
  query_info = 16,
  set_info = 17,
};

inline constexpr std::size_t kSmb2HeaderSize = 64;

// The header of every message ([MS-SMB2] 2.2.1.1 and 2.2.1.2), little-endian.
struct Smb2Header {
  static constexpr std::uint32_t kFlagResponse = 0x1;
  static constexpr std::uint32_t kFlagAsync = 0x2;
  static constexpr std::uint32_t kFlagRelated = 0x4;
  static constexpr std::uint32_t kFlagSigned = 0x8;

  Smb2Command command{};
  std::uint32_t status = 0;  // of a response
  std::uint32_t flags = 0;
  std::uint32_t next = 0;  // from this header to the next one of the compound; 0: the last
  std::uint64_t message_id = 0;
  std::uint32_t tree_id = 0;  // meaningless in an asynchronous message
  std::uint64_t session_id = 0;

  [[nodiscard]] bool is_response() const noexcept { return (flags & kFlagResponse) != 0; }
  [[nodiscard]] bool is_async() const noexcept { return (flags & kFlagAsync) != 0; }
  [[nodiscard]] bool is_related() const noexcept { return (flags & kFlagRelated) != 0; }
  [[nodiscard]] bool is_signed() const noexcept { return (flags & kFlagSigned) != 0; }
  void set_response(bool response) noexcept {
    flags = (flags & ~kFlagResponse) | (response ? kFlagResponse : 0);
  }
};

[[nodiscard]] ParseStatus parse_smb2_header(Bytes bytes, Smb2Header& header) noexcept;

// A handle: what CREATE answers, and READ, WRITE, IOCTL and CLOSE name ([MS-SMB2] 2.2.14.1).
struct Smb2FileId {
  std::uint64_t persistent_part = 0;
  std::uint64_t volatile_part = 0;

  bool operator==(const Smb2FileId&) const = default;
  // In a related request: the handle of the request before it ([MS-SMB2] 3.2.4.1.4).
  [[nodiscard]] bool means_previous() const noexcept {
    return persistent_part == ~std::uint64_t{0} && volatile_part == ~std::uint64_t{0};
  }
};

// The parsers below take a message from its header on, as far as smb2_bytes_needed() asks for it.
// A buffer that such a message describes (a name, a token) is given as far as it is there; data of
// READ, WRITE and IOCTL only as its extent.

struct Smb2SessionSetupRequest {  // [MS-SMB2] 2.2.5
  bool binding = false;           // adds a connection to an existing session
  Bytes token;
};
struct Smb2SessionSetupResponse {  // [MS-SMB2] 2.2.6
  bool guest = false;
  bool null_session = false;
};
enum class Smb2ShareType : std::uint8_t { disk = 1, pipe = 2, print = 3 };
// Whether the path of a TREE_CONNECT ([MS-SMB2] 2.2.9) leads to the share of pipes, IPC$.
[[nodiscard]] ParseStatus parse_smb2_tree_connect_request(Bytes message, bool& names_ipc) noexcept;

struct Smb2CreateRequest {  // [MS-SMB2] 2.2.13
  Bytes name;               // UTF-16
};
struct Smb2Data {                  // of READ (2.2.20), WRITE (2.2.21), IOCTL (2.2.31, 2.2.32)
  Smb2FileId file;                 // not in a READ response
  SmbExtent extent;                // empty when the data is elsewhere (RDMA)
  std::uint32_t control_code = 0;  // of an IOCTL
};

inline constexpr std::uint32_t kFsctlPipeTransceive = 0x0011'c017;  // [MS-FSCC] 2.3.48

[[nodiscard]] ParseStatus parse_smb2_session_setup_request(
    Bytes message, Smb2SessionSetupRequest& request) noexcept;
[[nodiscard]] ParseStatus parse_smb2_session_setup_response(
    Bytes message, Smb2SessionSetupResponse& response) noexcept;
[[nodiscard]] ParseStatus parse_smb2_tree_connect_response(Bytes message,
                                                           Smb2ShareType& type) noexcept;
[[nodiscard]] ParseStatus parse_smb2_create_request(Bytes message,
                                                    Smb2CreateRequest& request) noexcept;
[[nodiscard]] ParseStatus parse_smb2_create_response(Bytes message, Smb2FileId& file) noexcept;
// The handle that a request names, wherever its command has it; bad_type when it has none.
[[nodiscard]] ParseStatus parse_smb2_file_id(Bytes message, Smb2Command command,
                                             Smb2FileId& file) noexcept;
[[nodiscard]] ParseStatus parse_smb2_read_response(Bytes message, Smb2Data& data) noexcept;
[[nodiscard]] ParseStatus parse_smb2_write_request(Bytes message, Smb2Data& data) noexcept;
[[nodiscard]] ParseStatus parse_smb2_ioctl(Bytes message, bool is_response,
                                           Smb2Data& data) noexcept;

// How many bytes of a message, from its header on, its parser needs: what `front` tells of it, so
// ask again when there are as many. At least kSmb2HeaderSize; may be more than the message has.
[[nodiscard]] std::size_t smb2_bytes_needed(Bytes front, const Smb2Header& header) noexcept;

// What replaces the header of encrypted messages ([MS-SMB2] 2.2.41).
inline constexpr std::size_t kSmbTransformSize = 52;
[[nodiscard]] ParseStatus parse_smb_transform(Bytes bytes, std::uint64_t& session_id) noexcept;

// What stands before compressed messages: with one algorithm for all of it, the part in front that
// is not compressed nearly always holds the header, and so the session ([MS-SMB2] 2.2.42.1).
inline constexpr std::size_t kSmbCompressionSize = 16;
[[nodiscard]] ParseStatus parse_smb_compression(Bytes bytes, std::uint64_t& session_id) noexcept;

}  // namespace rpcaudit::dissect
