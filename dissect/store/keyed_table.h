#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

#include "dissect/store/intrusive_list.h"
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
template <class Value>
struct EntryReference {
  Slot<Value> slot;
  std::uint32_t generation = 0;
};

// A bounded set of values found by key and forgotten by age. Each may also stand in the list of a
// group, which is named by the slot of what owns its members. Whoever adds makes room first.
template <class Value, class Group>
class KeyedTable {
 public:
  using Reference = EntryReference<Value>;

  // Groups have slots below `groups`. `seed` keys the hash, so that nobody can choose keys that
  // meet in one bucket.
  KeyedTable(std::size_t capacity, std::size_t groups, std::uint64_t seed)
      : entries_(capacity), groups_(groups) {
    SecretSequence secrets(seed);
    for (std::uint64_t& secret : secrets_) secret = secrets.next();
  }

  [[nodiscard]] bool full() const noexcept { return entries_.full(); }
  // The least recently used entry, if any.
  [[nodiscard]] Slot<Value> oldest() const noexcept { return object(entries_.oldest()); }

  Value& operator[](Slot<Value> slot) noexcept { return entries_[entry(slot)].value; }
  const Value& operator[](Slot<Value> slot) const noexcept { return entries_[entry(slot)].value; }

  [[nodiscard]] Reference reference(Slot<Value> slot) const noexcept {
    return {slot, entries_[entry(slot)].generation};
  }
  [[nodiscard]] bool holds(Reference reference) const noexcept {
    return reference.slot && entries_[entry(reference.slot)].generation == reference.generation;
  }
  // A key's owner that no other entry of this table, at any time, is.
  [[nodiscard]] std::uint64_t owner_key(Slot<Value> slot) const noexcept {
    return std::uint64_t{entries_[entry(slot)].generation} << 32 | slot.index;
  }

  // The entry of this key, if any.
  [[nodiscard]] Slot<Value> find(const TableKey& key) const noexcept {
    return object(
        entries_.find(hash(key), [&](Slot<Entry> slot) { return entries_[slot].key == key; }));
  }

  // A new entry with a fresh value, in the list of `group` if there is one. Not to be called when
  // full() or when the key is there.
  Slot<Value> add(const TableKey& key, Slot<Group> group) noexcept {
    const Slot<Entry> slot = entries_.add(hash(key));
    Entry& added = entries_[slot];
    added.value = Value{};
    added.key = key;
    ++added.generation;
    added.group = group;
    if (group) groups_[group.index].push_newest(slot, entries_);
    return object(slot);
  }

  void remove(Slot<Value> slot) noexcept {
    Entry& removed = entries_[entry(slot)];
    if (removed.group) groups_[removed.group.index].remove(entry(slot), entries_);
    ++removed.generation;
    entries_.remove(entry(slot));
  }

  // The entry is found by another key from now on.
  void rekey(Slot<Value> slot, const TableKey& key) noexcept {
    entries_[entry(slot)].key = key;
    entries_.rehash(entry(slot), hash(key));
  }

  // Brings the front of an entry into the cache.
  void prefetch(Slot<Value> slot) const noexcept {
    constexpr std::size_t kFront = 256;
    entries_.prefetch(entry(slot), sizeof(Entry) < kFront ? sizeof(Entry) : kFront);
  }
  // Marks the entry as just used.
  void touch(Slot<Value> slot) noexcept { entries_.touch(entry(slot)); }

  // The members of a group, the latest added first; none after the last.
  [[nodiscard]] Slot<Value> first_in_group(Slot<Group> group) const noexcept {
    return object(groups_[group.index].newest());
  }
  [[nodiscard]] Slot<Value> next_in_group(Slot<Value> slot) const noexcept {
    return object(entries_[entry(slot)].links.older);
  }

 private:
  struct Entry {
    TableKey key;
    std::uint32_t generation = 0;
    Slot<Group> group;
    ListLinks<Entry> links;  // of its group
    Value value;
  };

  // A value and its entry have one index.
  [[nodiscard]] static Slot<Entry> entry(Slot<Value> slot) noexcept {
    return Slot<Entry>(slot.index);
  }
  [[nodiscard]] static Slot<Value> object(Slot<Entry> slot) noexcept {
    return Slot<Value>(slot.index);
  }

  [[nodiscard]] std::uint64_t hash(const TableKey& key) const noexcept {
    const std::uint64_t mixed = fold_multiply(key.owner ^ secrets_[0], key.high ^ secrets_[1]);
    return fold_multiply(mixed ^ secrets_[2], key.low ^ secrets_[3]);
  }

  KeyedSlab<Entry> entries_;
  std::vector<IntrusiveList<Entry, &Entry::links>> groups_;
  std::uint64_t secrets_[4];
};

}  // namespace rpcaudit::dissect
