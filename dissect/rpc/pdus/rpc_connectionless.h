#pragma once

#include <bit>
#include <cstdint>

#include "dissect/byte_cursor.h"
#include "dissect/parse_status.h"
#include "dissect/rpc_observer.h"

namespace rpcaudit::dissect {

// PDU types of the connectionless protocol (C706 12.5.2.1).
enum class DatagramType : std::uint8_t {
  request = 0,
  ping = 1,
  response = 2,
  fault = 3,
  working = 4,
  nocall = 5,
  reject = 6,
  ack = 7,
  cancel = 8,
  fack = 9,
  cancel_ack = 10,
};

// Bits of DatagramHeader::flags1 and flags2 (C706 12.5.2.3, 12.5.2.4; unrelated: MS-RPCE 2.2.3.2).
inline constexpr std::uint8_t kDatagramLastFragment = 0x02;
inline constexpr std::uint8_t kDatagramFragment = 0x04;
inline constexpr std::uint8_t kDatagramNoFack = 0x08;
inline constexpr std::uint8_t kDatagramMaybe = 0x10;
inline constexpr std::uint8_t kDatagramIdempotent = 0x20;
inline constexpr std::uint8_t kDatagramBroadcast = 0x40;
inline constexpr std::uint8_t kDatagramCancelPending = 0x02;
inline constexpr std::uint8_t kDatagramUnrelated = 0x04;

// The 80 bytes that open every connectionless PDU (C706 12.5.2).
struct DatagramHeader {
  DatagramType type{};
  std::uint8_t flags1 = 0;
  std::uint8_t flags2 = 0;
  std::endian order = std::endian::little;  // of this header and of the body
  std::uint8_t auth_protocol = 0;           // RPC_C_AUTHN_*; 0: no verifier follows the body
  Uuid object;
  Uuid interface;
  Uuid activity;
  std::uint32_t server_boot = 0;
  std::uint16_t version_major = 0;  // of the interface
  std::uint16_t version_minor = 0;
  std::uint32_t sequence = 0;
  std::uint16_t opnum = 0;
  std::uint16_t body_length = 0;  // without header and verifier
  std::uint16_t fragment = 0;     // number of this fragment; of a fack: the one it is about
  std::uint16_t serial = 0;

  [[nodiscard]] bool is_fragment() const noexcept { return (flags1 & kDatagramFragment) != 0; }
};

inline constexpr std::size_t kDatagramHeaderSize = 80;

// Fills `header` from the front of a datagram. Says nothing about what follows the header.
[[nodiscard]] ParseStatus parse_datagram_header(Bytes datagram, DatagramHeader& header) noexcept;

// Whether a datagram of `length` bytes on the wire, of which `captured` are there, is a
// connectionless PDU, by its bytes alone. Nearly every other protocol is told apart by its first
// four bytes; one that begins with the same four, by reserved bits and bytes, an interface and an
// activity that are not nil, and a body length that agrees with the datagram's.
[[nodiscard]] bool is_connectionless(Bytes captured, std::size_t length) noexcept;

// The part of that test which nothing but RPC is likely to pass, cheap enough for every datagram.
[[nodiscard]] inline bool may_be_connectionless(Bytes captured) noexcept {
  constexpr std::byte kVersion{4};
  constexpr auto kTypeMax = static_cast<std::uint8_t>(DatagramType::cancel_ack);
  return captured.size() >= kDatagramHeaderSize && captured[0] == kVersion &&
         std::to_integer<std::uint8_t>(captured[1]) <= kTypeMax;
}

// The protection level in the verifier that follows the body (MS-RPCE 2.2.3.4); `truncated` when
// the capture does not show it, or the level is none.
[[nodiscard]] ParseStatus parse_protection_level(const DatagramHeader& header, Bytes datagram,
                                                 std::uint8_t& level) noexcept;

// The status that the body of a fault or reject begins with (C706 12.5.3.5, 12.5.3.9).
[[nodiscard]] ParseStatus parse_datagram_status(const DatagramHeader& header, Bytes datagram,
                                                std::uint32_t& status) noexcept;

// The body, as far as it was captured, without the verifier.
[[nodiscard]] Bytes datagram_body(const DatagramHeader& header, Bytes datagram) noexcept;

// True for the types that a client sends: request, ping, ack, cancel. A fack goes either way, all
// others come from the server.
[[nodiscard]] bool from_client(DatagramType type) noexcept;

}  // namespace rpcaudit::dissect
