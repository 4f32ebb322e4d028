#pragma once

#include <bit>
#include <cstdint>

#include "dissect/byte_cursor.h"
#include "dissect/parse_status.h"

namespace rpcaudit::dissect {

// PDU types of the connection-oriented protocol (C706 12.6.4; rts: MS-RPCH 2.2.3.1).
enum class PduType : std::uint8_t {
  request = 0,
  response = 2,
  fault = 3,
  bind = 11,
  bind_ack = 12,
  bind_nak = 13,
  alter_context = 14,
  alter_context_response = 15,
  auth3 = 16,
  shutdown = 17,
  co_cancel = 18,
  orphaned = 19,
  rts = 20,
};

// Bits of RpcHeader::flags (C706 12.6.3.1, MS-RPCE 2.2.2.3).
inline constexpr std::uint8_t kPfcFirstFragment = 0x01;
inline constexpr std::uint8_t kPfcLastFragment = 0x02;
inline constexpr std::uint8_t kPfcSupportHeaderSign =
    0x04;                                                // bind, alter_context and their answers
inline constexpr std::uint8_t kPfcPendingCancel = 0x04;  // the same bit on all other PDUs
inline constexpr std::uint8_t kPfcConcurrentMultiplexing = 0x10;
inline constexpr std::uint8_t kPfcDidNotExecute = 0x20;
inline constexpr std::uint8_t kPfcMaybe = 0x40;
inline constexpr std::uint8_t kPfcObjectUuid = 0x80;

// The 16 bytes that open every connection-oriented PDU (C706 12.6.3.1).
struct RpcHeader {
  PduType type{};
  std::uint8_t version_minor = 0;
  std::uint8_t flags = 0;
  std::endian order = std::endian::little;
  std::uint16_t fragment_length = 0;  // whole PDU, this header included
  std::uint16_t auth_length = 0;      // credentials only, without the 8-byte trailer
  std::uint32_t call_id = 0;
};

inline constexpr std::size_t kRpcHeaderSize = 16;
inline constexpr std::size_t kAuthTrailerSize = 8;

// Fills `header` from the front of `bytes`. Once this returns ok, the type is one of PduType and a
// PDU of `fragment_length` bytes can hold the fixed part of its type, its security trailer and its
// credentials.
[[nodiscard]] ParseStatus parse_rpc_header(Bytes bytes, RpcHeader& header) noexcept;

// True for the types that only an RPC client sends.
[[nodiscard]] bool from_client(PduType type) noexcept;
// True for the types that only an RPC server sends. rts is neither.
[[nodiscard]] bool from_server(PduType type) noexcept;

// True when the PDU opens a call or stands alone. Version 5.0 peers may leave both flags out of a
// bind (C706 12.6.2), which is whole in any case; a request without them is a middle fragment,
// whatever the version, as every Windows sends them.
[[nodiscard]] bool is_first_fragment(const RpcHeader& header) noexcept;

// How much a run of bytes looks like the start of a connection-oriented PDU, by its bytes alone.
enum class Likeness : std::uint8_t { no, not_yet, yes };

// Judges the front of a stream. `not_yet`: everything so far fits, but there are too few bytes.
// Stricter than parse_rpc_header: it decides whether a connection is taken for RPC at all, or where
// RPC starts again after a gap, so reserved bytes and fields of the body count as evidence.
[[nodiscard]] Likeness looks_like_rpc(Bytes bytes) noexcept;

}  // namespace rpcaudit::dissect
