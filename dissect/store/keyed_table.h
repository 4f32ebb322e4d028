#pragma once

#include <cstddef>
#include <cstdint>

#include "dissect/store/keyed_hash.h"
#include "dissect/store/keyed_slab.h"

namespace rpcaudit::dissect {

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

// A bounded set of values found by key and forgotten by age; each also stands in the list of its
// group, whose head the group's owner keeps. Whoever adds makes room first.
template <class Value>
class KeyedTable {
 public:
  // `seed` keys the hash, so that nobody can choose keys that meet in one bucket.
  KeyedTable(std::size_t capacity, std::uint64_t seed) : entries_(capacity) {
    SecretSequence secrets(seed);
    for (std::uint64_t& secret : secrets_) secret = secrets.next();
  }

  [[nodiscard]] bool full() const noexcept { return entries_.full(); }
  // Used the longest ago, or kNoSlot.
  [[nodiscard]] std::uint32_t oldest() const noexcept { return entries_.oldest(); }

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
    return entries_.find(hash(key), [&](std::uint32_t slot) { return entries_[slot].key == key; });
  }

  // A new entry with a fresh value. Not to be called when full() or when the key is there.
  std::uint32_t add(const TableKey& key, std::uint32_t& group) noexcept {
    const std::uint32_t slot = entries_.add(hash(key));
    Entry& entry = entries_[slot];
    entry.value = Value{};
    entry.key = key;
    ++entry.generation;
    entry.previous = kNoSlot;
    entry.next = group;
    if (group != kNoSlot) entries_[group].previous = slot;
    group = slot;
    return slot;
  }

  void remove(std::uint32_t slot, std::uint32_t& group) noexcept {
    Entry& entry = entries_[slot];
    (entry.previous == kNoSlot ? group : entries_[entry.previous].next) = entry.next;
    if (entry.next != kNoSlot) entries_[entry.next].previous = entry.previous;
    ++entry.generation;
    entries_.remove(slot);
  }

  // The entry is found by another key from now on.
  void rekey(std::uint32_t slot, const TableKey& key) noexcept {
    entries_[slot].key = key;
    entries_.rehash(slot, hash(key));
  }

  // The entry was used.
  void touch(std::uint32_t slot) noexcept { entries_.touch(slot); }

  [[nodiscard]] std::uint32_t next_in_group(std::uint32_t slot) const noexcept {
    return entries_[slot].next;
  }

 private:
  struct Entry {
    TableKey key;
    std::uint32_t generation = 0;
    std::uint32_t next = kNoSlot;  // of its group
    std::uint32_t previous = kNoSlot;
    Value value;
  };

  [[nodiscard]] std::uint64_t hash(const TableKey& key) const noexcept {
    const std::uint64_t mixed = fold_multiply(key.owner ^ secrets_[0], key.high ^ secrets_[1]);
    return fold_multiply(mixed ^ secrets_[2], key.low ^ secrets_[3]);
  }

  KeyedSlab<Entry> entries_;
  std::uint64_t secrets_[4];
};

}  // namespace rpcaudit::dissect
