#pragma once

#include "dissect/byte_cursor.h"
#include "dissect/store/bounded_text.h"

namespace rpcaudit::dissect {

// The longest name of a pipe that is kept, in bytes of UTF-8.
inline constexpr std::size_t kPipeNameMax = 260;

// Whether the path of a tree leads to the share of pipes: its last component is IPC$, in any case.
[[nodiscard]] bool names_ipc_share(Bytes path, bool is_unicode) noexcept;

// Replaces `text` by a string of an SMB1 message: UTF-16LE or octets.
void set_smb1_text(Bytes bytes, bool is_unicode, TextSlot text) noexcept;

// Appends \PIPE\name to `text`, whatever prefix the client wrote; nothing for the root of the
// share. SMB2 clients write `name` ([MS-SMB2] 2.2.13), in UTF-16LE; some SMB1 clients write
// \PIPE\name, others \name ([MS-CIFS] 2.2.4.64.1, 2.2.5.11.1).
void append_smb2_pipe_name(Bytes utf16, TextSlot text) noexcept;
void append_smb1_pipe_name(Bytes name, bool is_unicode, TextSlot text) noexcept;

}  // namespace rpcaudit::dissect
