#pragma once

#include <bit>
#include <cstddef>
#include <cstdint>
#include <vector>

#include "dissect/keyed_hash.h"
#include "dissect/slab.h"

namespace rpcaudit {

// What an entry is found by: whose it is, and its name there.
struct TableKey {
  std::uint64_t owner = 0;
  std::uint64_t high = 0;
  std::uint64_t low = 0;

  bool operator==(const TableKey&) const = default;
};

// An entry that may have made room for another since: ask the table whether it holds it.
struct EntryReference {
  std::uint32_t slot = kNoSlot;
  std::uint32_t generation = 0;
};

// A bounded set of values found by key, oldest use first on demand; each also stands in the list of
// its group, whose head the group's owner keeps. Whoever adds makes room first. Memory is reserved
// at construction and touched on demand.
template <class Value>
class KeyedTable {
 public:
  // `seed` keys the hash, so that nobody can choose keys that meet in one bucket.
  KeyedTable(std::size_t capacity, std::uint64_t seed)
      : entries_(capacity), buckets_(std::bit_ceil(capacity), kNoSlot) {
    SecretSequence secrets(seed);
    for (std::uint64_t& secret : secrets_) secret = secrets.next();
  }

  [[nodiscard]] bool full() const noexcept { return entries_.size() == entries_.capacity(); }
  [[nodiscard]] std::size_t size() const noexcept { return entries_.size(); }
  // Used the longest ago, or kNoSlot.
  [[nodiscard]] std::uint32_t oldest() const noexcept { return oldest_; }

  Value& operator[](std::uint32_t slot) noexcept { return entries_[slot].value; }
  const Value& operator[](std::uint32_t slot) const noexcept { return entries_[slot].value; }

  [[nodiscard]] EntryReference reference(std::uint32_t slot) const noexcept {
    return {slot, entries_[slot].generation};
  }
  [[nodiscard]] bool holds(EntryReference reference) const noexcept {
    return reference.slot != kNoSlot && entries_[reference.slot].generation == reference.generation;
  }
  // A key's owner that no other entry of this table, at any time, is.
  [[nodiscard]] std::uint64_t owner_key(std::uint32_t slot) const noexcept {
    return std::uint64_t{entries_[slot].generation} << 32 | slot;
  }

  // kNoSlot when there is no such entry.
  [[nodiscard]] std::uint32_t find(const TableKey& key) const noexcept {
    std::uint32_t slot = buckets_[bucket_of(key)];
    while (slot != kNoSlot && !(entries_[slot].key == key)) slot = entries_[slot].bucket_next;
    return slot;
  }

  // A new entry with a fresh value. Not to be called when full() or when the key is there.
  std::uint32_t add(const TableKey& key, std::uint32_t& group) noexcept {
    const std::uint32_t slot = entries_.take();
    Entry& entry = entries_[slot];
    entry.value = Value{};
    entry.key = key;
    ++entry.generation;
    link_bucket(slot);
    link_newest(slot);
    entry.group_previous = kNoSlot;
    entry.group_next = group;
    if (group != kNoSlot) entries_[group].group_previous = slot;
    group = slot;
    return slot;
  }

  void remove(std::uint32_t slot, std::uint32_t& group) noexcept {
    Entry& entry = entries_[slot];
    unlink_bucket(slot);
    unlink_age(slot);
    (entry.group_previous == kNoSlot ? group : entries_[entry.group_previous].group_next) =
        entry.group_next;
    if (entry.group_next != kNoSlot) {
      entries_[entry.group_next].group_previous = entry.group_previous;
    }
    ++entry.generation;
    entries_.release(slot);
  }

  // The entry is found by another key from now on.
  void rekey(std::uint32_t slot, const TableKey& key) noexcept {
    unlink_bucket(slot);
    entries_[slot].key = key;
    link_bucket(slot);
  }

  // The entry was used.
  void touch(std::uint32_t slot) noexcept {
    if (newest_ == slot) return;
    unlink_age(slot);
    link_newest(slot);
  }

  [[nodiscard]] std::uint32_t next_in_group(std::uint32_t slot) const noexcept {
    return entries_[slot].group_next;
  }

 private:
  struct Entry {
    TableKey key;
    std::uint32_t generation = 0;
    std::uint32_t bucket_next = kNoSlot;
    std::uint32_t older = kNoSlot, newer = kNoSlot;
    std::uint32_t group_next = kNoSlot, group_previous = kNoSlot;
    Value value;
  };

  [[nodiscard]] std::size_t bucket_of(const TableKey& key) const noexcept {
    const std::uint64_t mixed = fold_multiply(key.owner ^ secrets_[0], key.high ^ secrets_[1]);
    return fold_multiply(mixed ^ secrets_[2], key.low ^ secrets_[3]) & (buckets_.size() - 1);
  }
  void link_bucket(std::uint32_t slot) noexcept {
    std::uint32_t& head = buckets_[bucket_of(entries_[slot].key)];
    entries_[slot].bucket_next = head;
    head = slot;
  }
  void unlink_bucket(std::uint32_t slot) noexcept {
    std::uint32_t* link = &buckets_[bucket_of(entries_[slot].key)];
    while (*link != slot) link = &entries_[*link].bucket_next;
    *link = entries_[slot].bucket_next;
  }
  void link_newest(std::uint32_t slot) noexcept {
    entries_[slot].newer = kNoSlot;
    entries_[slot].older = newest_;
    (newest_ == kNoSlot ? oldest_ : entries_[newest_].newer) = slot;
    newest_ = slot;
  }
  void unlink_age(std::uint32_t slot) noexcept {
    const Entry& entry = entries_[slot];
    (entry.newer == kNoSlot ? newest_ : entries_[entry.newer].older) = entry.older;
    (entry.older == kNoSlot ? oldest_ : entries_[entry.older].newer) = entry.newer;
  }

  Slab<Entry> entries_;
  std::vector<std::uint32_t> buckets_;
  std::uint64_t secrets_[4];
  std::uint32_t oldest_ = kNoSlot;
  std::uint32_t newest_ = kNoSlot;
};

}  // namespace rpcaudit
