#pragma once

#include <cstddef>
#include <cstdint>

#include "dissect/smb/messages/smb1_message.h"

namespace rpcaudit::dissect {

// Subcommands of TRANSACTION on pipes ([MS-CIFS] 2.2.5).
inline constexpr std::uint16_t kTransRawRead = 0x0011;
inline constexpr std::uint16_t kTransTransact = 0x0026;
inline constexpr std::uint16_t kTransRawWrite = 0x0031;
inline constexpr std::uint16_t kTransRead = 0x0036;
inline constexpr std::uint16_t kTransWrite = 0x0037;
inline constexpr std::uint16_t kTransCall = 0x0054;

// Functions of NT_TRANSACT ([MS-CIFS] 2.2.7).
inline constexpr std::uint16_t kNtTransactCreate = 0x0001;
inline constexpr std::uint16_t kNtTransactIoctl = 0x0002;

// A request or response of TRANSACTION or NT_TRANSACT, or a part of a request that follows as
// TRANSACTION_SECONDARY or NT_TRANSACT_SECONDARY ([MS-CIFS] 2.2.4.33, 2.2.4.34, 2.2.4.62,
// 2.2.4.63). What is said of a first request only is 0 or empty elsewhere.
struct Smb1Transaction {
  std::uint16_t subcommand = 0;    // of a first request; of NT_TRANSACT: its function
  std::uint16_t file_id = 0;       // of a first request
  std::uint32_t control_code = 0;  // of a first request of an IOCTL
  Bytes name;                      // of a first TRANSACTION: \PIPE\, or with kTransCall the pipe's
  std::uint32_t total_data = 0;
  std::uint32_t displacement = 0;  // of this part in all the data
  SmbExtent extent;                // from the message's header
};
// A part of NT_TRANSACT lies within the data that it says there are.
[[nodiscard]] ParseStatus parse_smb1_transaction(const Smb1Block& block, bool is_response,
                                                 Smb1Transaction& transaction) noexcept;

// The name in a request of NT_TRANSACT_CREATE (2.2.7.1.1).
[[nodiscard]] ParseStatus parse_smb1_nt_create_request(const Smb1Block& block,
                                                       Bytes& name) noexcept;
// The response (2.2.7.1.2).
[[nodiscard]] ParseStatus parse_smb1_nt_create_response(const Smb1Block& block,
                                                        Smb1OpenResponse& response) noexcept;

// Where those parameters of NT_TRANSACT end that the parsers above read, in bytes from the
// message's header; 0 when they read none. `words` are those of the block.
[[nodiscard]] std::size_t smb1_parameters_end(Bytes words, bool is_response) noexcept;

}  // namespace rpcaudit::dissect
