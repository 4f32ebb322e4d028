#pragma once

#include <array>
#include <cstdint>
#include <optional>

#include "capture/timestamp.h"
#include "dissect/limits.h"
#include "dissect/net/packet.h"
#include "dissect/store/keyed_slab.h"
#include "dissect/store/piece_list.h"
#include "dissect/store/reserved_memory.h"

namespace rpcaudit::dissect {

// All counters only grow.
struct IpFragmentCounters {
  std::uint64_t fragments = 0;
  std::uint64_t datagrams = 0;  // completed
  std::uint64_t overlaps = 0;   // fragments with bytes that had arrived before
  std::uint64_t conflicts = 0;  // of these, fragments of which some bytes differ
  std::uint64_t malformed = 0;  // fragments that contradict themselves or their datagram
  std::uint64_t expired = 0;    // datagrams given up for their age
  std::uint64_t evicted = 0;    // datagrams given up for lack of room

  [[nodiscard]] std::uint64_t unfinished() const noexcept { return expired + evicted; }
};

// Puts IPv4 and IPv6 datagrams together from their fragments (RFC 791 3.2, RFC 8200 4.5).
//
// Of bytes that arrive twice the first are kept; where the copies differ, systems disagree which of
// them counts, and the datagram says so (Doubt::fragment_conflict). Bounded by
// Limits::ip_fragment_*: evicts the datagram begun the longest ago. Copies of a fragment that
// come soon after its datagram was completed, as a mirror port makes them, are swallowed; when one
// differs, the datagram is returned once more with its bytes.
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
    TunnelId tunnel = 0;
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
    Doubts doubts;
  };

  // A datagram that was completed, so that late copies of its fragments begin no other.
  struct Completed {
    Timestamp at;
    Key key;
    Datagram datagram;  // its payload is in whole_
  };

  [[nodiscard]] static Key key_of(const Packet& packet) noexcept;
  [[nodiscard]] std::uint64_t hash(const Key& key) const noexcept;
  [[nodiscard]] Completed* find_completed(const Key& key, std::uint32_t end,
                                          Timestamp now) noexcept;
  [[nodiscard]] std::optional<Datagram> add_late(const Packet& packet,
                                                 Completed& completed) noexcept;
  [[nodiscard]] Slot<Chain> begin_chain(const Key& key, Timestamp now) noexcept;
  [[nodiscard]] static bool fits(const Chain& chain, const Packet& packet) noexcept;
  [[nodiscard]] bool hold(Slot<Chain> slot, const Packet& packet) noexcept;
  [[nodiscard]] const Datagram& complete(const Chain& chain, Timestamp now) noexcept;
  void expire(Timestamp now) noexcept;
  void drop(Slot<Chain> slot) noexcept;

  Timestamp age_max_;
  std::array<std::uint64_t, 4> secrets_{};
  PiecePool pool_;
  KeyedSlab<Chain> chains_;                // never touched: the oldest is the one begun first
  std::array<Completed, 32> completed_{};  // a ring
  std::size_t completed_count_ = 0;        // ever
  ReservedMemory whole_;                   // the payloads of completed_
  IpFragmentCounters counters_;
};

}  // namespace rpcaudit::dissect
