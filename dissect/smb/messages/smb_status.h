#pragma once

#include <cstdint>

namespace rpcaudit::dissect {

// NTSTATUS values of responses ([MS-ERREF] 2.3.1) that decide what a request did to a pipe.
inline constexpr std::uint32_t kStatusSuccess = 0;
inline constexpr std::uint32_t kStatusPending = 0x0000'0103;
inline constexpr std::uint32_t kStatusBufferOverflow = 0x8000'0005;  // data, and more to be read
inline constexpr std::uint32_t kStatusMoreProcessingRequired = 0xc000'0016;

// The server did not take what the request wrote to a pipe. Of a request that writes and then reads
// the answer, an error that comes of the end of the pipe, or of waiting, leaves that open: the
// write came first and counts.
[[nodiscard]] constexpr bool refuses_write(std::uint32_t status, bool reads_answer) noexcept {
  constexpr std::uint32_t kSeverityError = 3;
  if (status >> 30 != kSeverityError) return false;
  if (!reads_answer) return true;
  switch (status) {
    case 0xc000'00b0:                // PIPE_DISCONNECTED
    case 0xc000'00b1:                // PIPE_CLOSING
    case 0xc000'00b5:                // IO_TIMEOUT
    case 0xc000'00d9:                // PIPE_EMPTY
    case 0xc000'0120:                // CANCELLED
    case 0xc000'014b:                // PIPE_BROKEN
    case 0xc000'020c:                // CONNECTION_DISCONNECTED
    case 0xc000'020d: return false;  // CONNECTION_RESET
    default: return true;
  }
}

}  // namespace rpcaudit::dissect
