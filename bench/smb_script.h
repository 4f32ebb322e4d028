#pragma once

#include <cstdint>
#include <memory>

#include "bench/tcp_conversation.h"

namespace rpcaudit::bench {

// Sessions over SMB 2.1: negotiation, an NTLM logon, a share, an open file; then what follows.

// Reads of 64 KiB from a file: the largest frames, on the port of named pipes.
[[nodiscard]] std::unique_ptr<Script> make_smb_file_script(std::uint64_t number);

// A DCE/RPC association (make_rpc_script) over the pipe srvsvc: every PDU of the client is written
// and the answer to it read in one exchange (FSCTL_PIPE_TRANSCEIVE).
[[nodiscard]] std::unique_ptr<Script> make_smb_pipe_script(std::uint64_t number,
                                                           std::uint32_t calls,
                                                           std::uint64_t& requests);

}  // namespace rpcaudit::bench
