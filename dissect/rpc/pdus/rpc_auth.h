#pragma once

#include "dissect/rpc/pdus/rpc_header.h"
#include "dissect/rpc_observer.h"

namespace rpcaudit::dissect {

// The security trailer at the end of a PDU (C706 13.2.6.1, MS-RPCE 2.2.2.11).
struct SecurityTrailer {
  AuthNumbers numbers;
  std::uint8_t pad_length = 0;  // bytes between the body and the trailer
  Bytes token;                  // auth_length bytes
};

inline constexpr std::uint8_t kAuthNone = 0;
inline constexpr std::uint8_t kAuthSpnego = 9;
inline constexpr std::uint8_t kAuthNtlm = 10;
inline constexpr std::uint8_t kAuthKerberos = 16;
inline constexpr std::uint8_t kAuthNetlogon = 68;

inline constexpr std::uint8_t kAuthLevelConnect = 2;
inline constexpr std::uint8_t kAuthLevelPrivacy = 6;

// Reads the trailer of a whole PDU whose header says that it has one (auth_length != 0). Once ok,
// pad and trailer lie behind the fixed header.
[[nodiscard]] ParseStatus parse_security_trailer(const RpcHeader& header, Bytes pdu,
                                                 SecurityTrailer& trailer) noexcept;

// Offset of the trailer in its PDU, or fragment_length when there is none.
[[nodiscard]] std::size_t trailer_offset(const RpcHeader& header) noexcept;

}  // namespace rpcaudit::dissect
