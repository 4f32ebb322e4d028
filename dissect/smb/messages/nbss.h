#pragma once

#include <cstdint>

#include "dissect/byte_cursor.h"
#include "dissect/parse_status.h"

namespace rpcaudit::dissect {

// Types of the NetBIOS session service (RFC 1002 4.3.1). Direct TCP knows the first alone.
enum class NbssType : std::uint8_t {
  message = 0x00,
  request = 0x81,
  positive_response = 0x82,
  negative_response = 0x83,
  retarget_response = 0x84,
  keep_alive = 0x85,
};

// The four bytes before every SMB message: NetBIOS session framing, and that of direct TCP, which
// looks the same but has 24 bits of length where NetBIOS has 17 ([MS-SMB2] 2.1, RFC 1002 4.3.1).
struct NbssHeader {
  NbssType type{};
  std::uint32_t length = 0;  // of what follows
};

inline constexpr std::size_t kNbssHeaderSize = 4;

[[nodiscard]] ParseStatus parse_nbss_header(Bytes bytes, NbssHeader& header) noexcept;

// The four bytes that open a message: a first byte for the kind, then `SMB`.
enum class SmbKind : std::uint8_t {
  smb1 = 0xff,        // [MS-CIFS] 2.2.3.1
  smb2 = 0xfe,        // [MS-SMB2] 2.2.1
  encrypted = 0xfd,   // [MS-SMB2] 2.2.41
  compressed = 0xfc,  // [MS-SMB2] 2.2.42
};

inline constexpr std::size_t kSmbMagicSize = 4;

// bad_type when the bytes open no message.
[[nodiscard]] ParseStatus parse_smb_magic(Bytes bytes, SmbKind& kind) noexcept;

// A part of a message: where it stands, from the start of its header.
struct SmbExtent {
  std::uint32_t offset = 0;
  std::uint32_t length = 0;
};

// Where in `bytes` something begins that looks like a framed message, its framing included; the
// size of `bytes` when nowhere. Looks only where kNbssHeaderSize + kSmbMagicSize bytes are left.
[[nodiscard]] std::size_t find_smb_message(Bytes bytes) noexcept;

}  // namespace rpcaudit::dissect
