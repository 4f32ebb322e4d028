#pragma once

#include <bit>
#include <cstddef>
#include <cstdint>
#include <vector>

#include "dissect/store/intrusive_list.h"
#include "dissect/store/slab.h"

namespace rpcaudit::dissect {

// A bounded store of objects that are found by a hash and evicted by age: the slots of a Slab,
// chained in hash buckets and in an LRU list. Whoever adds makes room first.
template <class T>
class KeyedSlab {
 public:
  explicit KeyedSlab(std::size_t capacity)
      : entries_(capacity), buckets_(std::bit_ceil(capacity)) {}

  // The first object of this hash for which `is_it(slot)` holds, the latest added first; or none.
  template <class Predicate>
  [[nodiscard]] Slot<T> find(std::uint64_t hash, Predicate is_it) const noexcept {
    Slot<Entry> slot = buckets_[hash & (buckets_.size() - 1)];
    for (; slot; slot = entries_[slot].bucket_next) {
      if (entries_[slot].hash == hash && is_it(object(slot))) break;
    }
    return object(slot);
  }

  // Takes an object, as its last user left it. Not to be called when full().
  [[nodiscard]] Slot<T> add(std::uint64_t hash) noexcept {
    const Slot<Entry> slot = entries_.take();
    link_bucket(slot, hash);
    entries_[slot].moved = ++uses_;
    by_use_.push_newest(slot, entries_);
    return object(slot);
  }
  void remove(Slot<T> slot) noexcept {
    unlink_bucket(entry(slot));
    by_use_.remove(entry(slot), entries_);
    entries_.release(entry(slot));
  }
  // The object is found by another hash from now on.
  void rehash(Slot<T> slot, std::uint64_t hash) noexcept {
    unlink_bucket(entry(slot));
    link_bucket(entry(slot), hash);
  }
  // Marks the object as just used: it becomes one of the last to be evicted. To move it costs the
  // cache lines of its neighbours, so one that was moved of late stays where it is: fewer than half
  // of all can have passed it since.
  void touch(Slot<T> slot) noexcept {
    Entry& used = entries_[entry(slot)];
    if (++uses_ - used.moved < entries_.capacity() / 2) return;
    used.moved = uses_;
    by_use_.touch(entry(slot), entries_);
  }
  // Brings the front of an object into the cache.
  void prefetch(Slot<T> slot, std::size_t size) const noexcept {
    entries_.prefetch(entry(slot), size);
  }

  // The least recently used object, or none.
  [[nodiscard]] Slot<T> oldest() const noexcept { return object(by_use_.oldest()); }
  // The one that was used next after this one; none after the last.
  [[nodiscard]] Slot<T> newer_than(Slot<T> slot) const noexcept {
    return object(entries_[entry(slot)].links.newer);
  }
  [[nodiscard]] std::size_t size() const noexcept { return entries_.size(); }
  [[nodiscard]] bool full() const noexcept { return entries_.size() == entries_.capacity(); }
  T& operator[](Slot<T> slot) noexcept { return entries_[entry(slot)].value; }
  const T& operator[](Slot<T> slot) const noexcept { return entries_[entry(slot)].value; }

 private:
  struct Entry {
    T value{};
    std::uint64_t hash = 0;
    Slot<Entry> bucket_next;
    ListLinks<Entry> links;
    std::uint32_t moved = 0;  // the use at which it became the newest in its list
  };

  // An object and its entry have one index.
  [[nodiscard]] static Slot<Entry> entry(Slot<T> slot) noexcept { return Slot<Entry>(slot.index); }
  [[nodiscard]] static Slot<T> object(Slot<Entry> slot) noexcept { return Slot<T>(slot.index); }

  void link_bucket(Slot<Entry> slot, std::uint64_t hash) noexcept {
    Slot<Entry>& bucket = buckets_[hash & (buckets_.size() - 1)];
    entries_[slot].hash = hash;
    entries_[slot].bucket_next = bucket;
    bucket = slot;
  }
  void unlink_bucket(Slot<Entry> slot) noexcept {
    Slot<Entry>* link = &buckets_[entries_[slot].hash & (buckets_.size() - 1)];
    while (*link != slot) link = &entries_[*link].bucket_next;
    *link = entries_[slot].bucket_next;
  }

  Slab<Entry> entries_;
  std::vector<Slot<Entry>> buckets_;
  IntrusiveList<Entry, &Entry::links> by_use_;
  std::uint32_t uses_ = 0;  // wraps; then one may be moved later than it should
};

}  // namespace rpcaudit::dissect
