#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>

#include "capture/timestamp.h"
#include "dissect/direction.h"
#include "dissect/limits.h"
#include "dissect/net/packet.h"
#include "dissect/store/prefetch.h"
#include "dissect/store/reserved_memory.h"

namespace rpcaudit::dissect {

// A flow, whichever way its packets go. `tag` is a keyed 64-bit hash of tunnel, transport,
// addresses and ports, and it is the identity: the table keeps nothing else. Two of n live flows
// share a tag with a probability of about n^2 / 2^65: 1 in 37 million for a million flows; who does
// not know the seed cannot look for such a pair. Never 0.
struct FlowKey {
  std::uint64_t tag = 0;
  Direction direction = Direction::forward;  // when the source is the smaller of the two endpoints
};

// One flow. `value` and state() are the owner's; both are 0 in a new entry.
class FlowEntry {
 public:
  std::uint64_t tag = 0;  // 0 in an empty place
  std::uint32_t value = 0;

  [[nodiscard]] unsigned state() const noexcept { return meta_ & kStateMask; }
  void set_state(unsigned state) noexcept {  // at most kStateMax
    meta_ = (meta_ & ~kStateMask) | (state & kStateMask);
  }
  static constexpr unsigned kStateMax = 15;

  // A valuable entry is evicted only when all other candidates are valuable too, however long it
  // has been idle.
  [[nodiscard]] bool is_valuable() const noexcept { return (meta_ & kValuable) != 0; }
  void set_valuable(bool valuable) noexcept {
    meta_ = valuable ? meta_ | kValuable : meta_ & ~kValuable;
  }

 private:
  friend class FlowTable;

  // From the low end: state, valuable, spilled, then when last seen in units of 2^30 ns, modulo
  // 2^26 (more than two years).
  static constexpr std::uint32_t kStateMask = 15;
  static constexpr std::uint32_t kValuable = 1u << 4;
  static constexpr std::uint32_t kSpilled = 1u << 5;  // in the first place of a bucket, about it
  static constexpr unsigned kSeenShift = 6;
  static constexpr std::uint32_t kSeenMask = (1u << 26) - 1;

  [[nodiscard]] std::uint32_t seen() const noexcept { return meta_ >> kSeenShift; }

  std::uint32_t meta_ = 0;
};
static_assert(sizeof(FlowEntry) == 16);

struct FlowTableCounters {
  std::uint64_t inserted = 0;
  std::uint64_t evicted = 0;  // forgotten for lack of room before they were idle long enough
  std::uint64_t expired = 0;  // replaced after having been idle
};

struct FlowLookup {
  FlowEntry* entry;
  bool inserted;
  std::optional<FlowEntry> evicted;  // what had the place before: its owner releases the value
};

// All flows that are remembered. A fixed number of entries, four to a cache line; a flow stands in
// one of the eight consecutive lines that begin at its own, so every operation is bounded whatever
// the traffic, and forgets only within those lines: the longest idle, valuable ones last.
//
// A reference to an entry is good until the next insertion or erasure.
class FlowTable {
 public:
  // Reserves limits.flows entries, rounded up to a power of two. `seed` keys the tags.
  FlowTable(const Limits& limits, std::uint64_t seed);

  // The packet's transport must be tcp or udp.
  [[nodiscard]] FlowKey key(const Packet& packet) const noexcept;

  // Brings a flow's line into the cache: worth it some packets ahead of the look-up.
  void prefetch(std::uint64_t tag) const noexcept { prefetch_lines(&home(tag)); }

  // Finds the flow and notes that it was seen now.
  [[nodiscard]] FlowLookup find_or_insert(std::uint64_t tag, Timestamp now) noexcept {
    FlowEntry* const found = find_at_home(tag);
    if (found == nullptr) return find_or_insert_elsewhere(tag, now);
    touch(*found, now);
    return {found, false, std::nullopt};
  }

  // The entry of the flow; nullptr when it is not remembered.
  [[nodiscard]] FlowEntry* find(std::uint64_t tag) noexcept;
  // Forgets the flow, if it is remembered.
  void erase(std::uint64_t tag) noexcept;

  [[nodiscard]] std::size_t size() const noexcept { return size_; }
  [[nodiscard]] std::size_t capacity() const noexcept { return (mask_ + 1) * kBucketEntries; }
  [[nodiscard]] const FlowTableCounters& counters() const noexcept { return counters_; }

 private:
  static constexpr std::size_t kBucketEntries = 4;
  static constexpr std::size_t kWindowBuckets = 8;

  struct alignas(64) Bucket {
    std::array<FlowEntry, kBucketEntries> entries;
  };

  [[nodiscard]] Bucket& home(std::uint64_t tag) const noexcept { return buckets_[tag & mask_]; }

  [[nodiscard]] static FlowEntry* find_in(Bucket& bucket, std::uint64_t tag) noexcept {
    // No branch for each entry: where in its line a flow stands cannot be predicted.
    unsigned matches = 0;
    for (unsigned i = 0; i < kBucketEntries; ++i) {
      matches |= static_cast<unsigned>(bucket.entries[i].tag == tag) << i;
    }
    if (matches == 0) return nullptr;
    return &bucket.entries[static_cast<std::size_t>(__builtin_ctz(matches))];
  }
  [[nodiscard]] FlowEntry* find_at_home(std::uint64_t tag) const noexcept {
    return find_in(home(tag), tag);
  }

  [[nodiscard]] static std::uint32_t to_seen(Timestamp now) noexcept {
    return static_cast<std::uint32_t>(now.nanoseconds >> 30) & FlowEntry::kSeenMask;
  }
  static void touch(FlowEntry& entry, Timestamp now) noexcept {
    constexpr std::uint32_t kKept = (1u << FlowEntry::kSeenShift) - 1;
    entry.meta_ = (entry.meta_ & kKept) | to_seen(now) << FlowEntry::kSeenShift;
  }
  [[nodiscard]] static std::uint32_t idle(const FlowEntry& entry, std::uint32_t now) noexcept;

  [[nodiscard]] bool is_expired(const FlowEntry& entry, std::uint32_t now) const noexcept {
    return !entry.is_valuable() && idle(entry, now) > flow_idle_;
  }
  static void clear(FlowEntry& entry) noexcept {
    entry.tag = 0;
    entry.value = 0;
    entry.meta_ &= FlowEntry::kSpilled;
  }
  [[nodiscard]] static bool is_in(const Bucket& bucket, const FlowEntry& entry) noexcept {
    return &entry >= bucket.entries.data() && &entry < bucket.entries.data() + kBucketEntries;
  }

  [[nodiscard]] FlowEntry* find_elsewhere(std::uint64_t tag) noexcept;
  [[nodiscard]] FlowLookup find_or_insert_elsewhere(std::uint64_t tag, Timestamp now) noexcept;
  // The place for a new flow: an empty one, or that of the flow to forget.
  [[nodiscard]] FlowEntry& choose_place(std::uint64_t tag, std::uint32_t now) noexcept;

  ReservedMemory memory_;
  Bucket* buckets_;
  std::uint64_t mask_;
  std::array<std::uint64_t, 6> secret_;
  std::uint32_t flow_idle_;  // in the units of FlowEntry::seen()
  std::size_t size_ = 0;
  FlowTableCounters counters_;
};

// A hash of the two hosts of a packet, the same in both directions and in every run.
[[nodiscard]] std::uint64_t host_pair_hash(const Packet& packet) noexcept;

}  // namespace rpcaudit::dissect
