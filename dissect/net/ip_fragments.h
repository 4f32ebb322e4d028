#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <vector>

#include "capture/timestamp.h"
#include "dissect/limits.h"
#include "dissect/net/packet.h"
#include "dissect/store/keyed_slab.h"
#include "dissect/store/piece_list.h"

namespace rpcaudit::dissect {

// All counters only grow.
struct IpFragmentCounters {
  std::uint64_t fragments = 0;
  std::uint64_t datagrams = 0;  // completed
  std::uint64_t overlaps = 0;   // fragments with bytes that had arrived before
  std::uint64_t malformed = 0;  // fragments that contradict themselves or their datagram
  std::uint64_t expired = 0;    // datagrams given up for their age
  std::uint64_t evicted = 0;    // datagrams given up for lack of room

  [[nodiscard]] std::uint64_t unfinished() const noexcept { return expired + evicted; }
};

// Puts IPv4 and IPv6 datagrams together from their fragments (RFC 791 3.2, RFC 8200 4.5).
//
// Of bytes that arrive twice the first are kept. Bounded by Limits::ip_fragment_*: the datagram
// begun the longest ago makes room. Copies of a fragment that come soon after its datagram was
// completed, as a mirror port makes them, are swallowed.
class IpFragments {
 public:
  // `seed` keys the hash of the datagrams.
  IpFragments(const Limits& limits, std::uint64_t seed);

  // Adds a packet that decode_packet() called a fragment. Returns its datagram when that is now
  // complete; it is borrowed until the next call.
  [[nodiscard]] std::optional<Datagram> add(const Packet& packet, Timestamp now) noexcept;

  [[nodiscard]] const IpFragmentCounters& counters() const noexcept { return counters_; }
  // Datagrams begun and not completed.
  [[nodiscard]] std::size_t size() const noexcept { return chains_.size(); }

 private:
  struct Key {
    AddressWords source;
    AddressWords destination;
    std::uint32_t identification = 0;
    std::uint8_t protocol = 0;  // zero for IPv6, where it is no part of the identity
    std::uint8_t ip_version = 0;

    bool operator==(const Key&) const = default;
  };

  struct Chain {
    Key key;
    PieceList pieces;
    Timestamp begun;
    std::uint32_t length = 0;    // of the whole payload; 0 until the last fragment came
    std::uint32_t farthest = 0;  // end of the farthest fragment
    std::uint8_t protocol = 0;   // as the first fragment states
    std::uint8_t depth = 0;
  };

  // A datagram that was completed, so that late copies of its fragments begin no other.
  struct Completed {
    Key key;
    Timestamp at;
    std::uint32_t length = 0;
  };

  [[nodiscard]] static Key key_of(const Packet& packet) noexcept;
  [[nodiscard]] std::uint64_t hash(const Key& key) const noexcept;
  [[nodiscard]] bool is_late_copy(const Key& key, std::uint32_t end, Timestamp now) const noexcept;
  [[nodiscard]] Slot<Chain> begin_chain(const Key& key, Timestamp now) noexcept;
  [[nodiscard]] static bool fits(const Chain& chain, const Packet& packet) noexcept;
  [[nodiscard]] bool hold(Slot<Chain> slot, const Packet& packet) noexcept;
  [[nodiscard]] Datagram assemble(const Chain& chain) noexcept;
  void expire(Timestamp now) noexcept;
  void drop(Slot<Chain> slot) noexcept;

  Timestamp age_max_;
  std::array<std::uint64_t, 4> secrets_{};
  PiecePool pool_;
  KeyedSlab<Chain> chains_;  // never touched: the oldest is the one begun first
  std::vector<std::byte> whole_;
  std::array<Completed, 32> completed_{};
  std::size_t completed_count_ = 0;  // ever
  IpFragmentCounters counters_;
};

}  // namespace rpcaudit::dissect
