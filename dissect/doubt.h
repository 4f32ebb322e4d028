#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <string_view>

namespace rpcaudit::dissect {

// Why what a receiver took may differ from what is told: the wire leaves two readings.
enum class Doubt : std::uint8_t {
  tcp_conflict,       // two copies of the same bytes of a stream, both valid, differ
  urgent_data,        // a byte is urgent: a receiver may take it out of the stream or leave it in
  decoy,              // a frame may not have reached the receiver (TTL, MAC or VLAN differ)
  fragment_conflict,  // overlapping IP fragments differ
  datagram_conflict,  // datagrams of one activity and sequence number contradict each other
  identity_conflict,  // the authentication that the server accepted could not be told
  pdu_conflict,       // fragments of one call name different contexts or operations
};

inline constexpr std::size_t kDoubtCount = 7;

constexpr std::string_view to_string(Doubt doubt) noexcept {
  constexpr std::array<std::string_view, kDoubtCount> kNames{
      "tcp_conflict",      "urgent_data",       "decoy",       "fragment_conflict",
      "datagram_conflict", "identity_conflict", "pdu_conflict"};
  return kNames[static_cast<std::size_t>(doubt)];
}

// A set of doubts.
struct Doubts {
  std::uint8_t bits = 0;

  [[nodiscard]] static constexpr Doubts of(Doubt doubt) noexcept {
    Doubts doubts;
    doubts.add(doubt);
    return doubts;
  }
  constexpr void add(Doubt doubt) noexcept {
    bits = static_cast<std::uint8_t>(bits | 1u << static_cast<unsigned>(doubt));
  }
  constexpr void add(Doubts more) noexcept { bits = static_cast<std::uint8_t>(bits | more.bits); }
  [[nodiscard]] constexpr bool contains(Doubt doubt) const noexcept {
    return (bits >> static_cast<unsigned>(doubt) & 1u) != 0;
  }
  [[nodiscard]] constexpr bool any() const noexcept { return bits != 0; }

  bool operator==(const Doubts&) const = default;
};

}  // namespace rpcaudit::dissect
