#pragma once

#include "dissect/rpc/pdus/rpc_header.h"

namespace rpcaudit::dissect {

// What the first bytes of a stream say it is.
enum class StreamKind : std::uint8_t {
  undecided,    // too few bytes, which fit one of the kinds below
  rpc,          // connection-oriented PDUs
  http_banner,  // `ncacn_http/1.0`, then PDUs both ways (MS-RPCH 2.1.1.1)
  http_proxy,   // an RPC_IN_DATA or RPC_OUT_DATA request (MS-RPCH 2.1.2)
  smb,          // SMB behind direct TCP or NetBIOS session framing
  other,        // none of these
};

inline constexpr std::size_t kHttpBannerSize = 14;

// Judges by its prefix what one direction of a stream carries.
[[nodiscard]] StreamKind probe_stream(Bytes bytes) noexcept;

}  // namespace rpcaudit::dissect
