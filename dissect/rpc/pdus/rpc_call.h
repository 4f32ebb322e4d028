#pragma once

#include "dissect/rpc/pdus/rpc_header.h"
#include "dissect/rpc_observer.h"

namespace rpcaudit::dissect {

inline constexpr std::size_t kRequestSize = 24;  // header and fixed body, without object UUID
inline constexpr std::size_t kResponseSize = 24;
inline constexpr std::size_t kFaultSize = 32;
inline constexpr std::size_t kObjectSize = 16;

// The fixed part of a request (C706 12.6.4.9). Neither opnum, context nor object are ever
// encrypted.
struct RpcRequest {
  std::uint16_t context_id = 0;
  std::uint16_t opnum = 0;
  std::optional<Uuid> object;  // present when kPfcObjectUuid is set, nil or not
  Bytes stub;                  // up to the end of `pdu`; padding and trailer are not cut off
};

// `pdu` starts at the common header and may be a prefix, as long as it holds the fixed part.
[[nodiscard]] ParseStatus parse_request(const RpcHeader& header, Bytes pdu,
                                        RpcRequest& request) noexcept;

// The fixed part of a response or fault (C706 12.6.4.10, 12.6.4.7).
struct RpcAnswer {
  std::uint16_t context_id = 0;
  std::uint8_t cancel_count = 0;
  std::uint32_t status = 0;  // fault only
};

[[nodiscard]] ParseStatus parse_answer(const RpcHeader& header, Bytes pdu,
                                       RpcAnswer& answer) noexcept;

}  // namespace rpcaudit::dissect
