#pragma once

#include <bit>
#include <cstddef>
#include <cstdint>
#include <vector>

#include "dissect/store/slab.h"

namespace rpcaudit::dissect {

// A bounded store of objects that are found by a hash and forgotten by age: the slots of a Slab,
// chained in hash buckets and in the order of their last use. Whoever adds makes room first.
template <class T>
class KeyedSlab {
 public:
  explicit KeyedSlab(std::size_t capacity)
      : entries_(capacity), buckets_(std::bit_ceil(capacity), kNoSlot) {}

  // The first object of this hash for which `is_it(slot)` holds, the latest added first; or
  // kNoSlot.
  template <class Predicate>
  [[nodiscard]] std::uint32_t find(std::uint64_t hash, Predicate is_it) const noexcept {
    std::uint32_t slot = buckets_[hash & (buckets_.size() - 1)];
    for (; slot != kNoSlot; slot = entries_[slot].bucket_next) {
      if (entries_[slot].hash == hash && is_it(slot)) break;
    }
    return slot;
  }

  // Not to be called when full(). The object is as its last user left it.
  [[nodiscard]] std::uint32_t add(std::uint64_t hash) noexcept {
    const std::uint32_t slot = entries_.take();
    link_bucket(slot, hash);
    link_newest(slot);
    return slot;
  }
  void remove(std::uint32_t slot) noexcept {
    unlink_bucket(slot);
    unlink(slot);
    entries_.release(slot);
  }
  // The object is found by another hash from now on.
  void rehash(std::uint32_t slot, std::uint64_t hash) noexcept {
    unlink_bucket(slot);
    link_bucket(slot, hash);
  }
  // The object was used: it is the last to be forgotten.
  void touch(std::uint32_t slot) noexcept {
    if (newest_ == slot) return;
    unlink(slot);
    link_newest(slot);
  }

  [[nodiscard]] std::uint32_t oldest() const noexcept { return oldest_; }
  // The one that was used next after this one; kNoSlot after the last.
  [[nodiscard]] std::uint32_t newer_than(std::uint32_t slot) const noexcept {
    return entries_[slot].newer;
  }
  [[nodiscard]] bool full() const noexcept { return entries_.size() == entries_.capacity(); }
  T& operator[](std::uint32_t slot) noexcept { return entries_[slot].value; }
  const T& operator[](std::uint32_t slot) const noexcept { return entries_[slot].value; }

 private:
  struct Entry {
    T value{};
    std::uint64_t hash = 0;
    std::uint32_t bucket_next = kNoSlot;
    std::uint32_t older = kNoSlot;
    std::uint32_t newer = kNoSlot;
  };

  void link_bucket(std::uint32_t slot, std::uint64_t hash) noexcept {
    Entry& entry = entries_[slot];
    entry.hash = hash;
    std::uint32_t& bucket = buckets_[hash & (buckets_.size() - 1)];
    entry.bucket_next = bucket;
    bucket = slot;
  }
  void unlink_bucket(std::uint32_t slot) noexcept {
    std::uint32_t* link = &buckets_[entries_[slot].hash & (buckets_.size() - 1)];
    while (*link != slot) link = &entries_[*link].bucket_next;
    *link = entries_[slot].bucket_next;
  }
  void link_newest(std::uint32_t slot) noexcept {
    entries_[slot].newer = kNoSlot;
    entries_[slot].older = newest_;
    (newest_ == kNoSlot ? oldest_ : entries_[newest_].newer) = slot;
    newest_ = slot;
  }
  void unlink(std::uint32_t slot) noexcept {
    const Entry& entry = entries_[slot];
    (entry.older == kNoSlot ? oldest_ : entries_[entry.older].newer) = entry.newer;
    (entry.newer == kNoSlot ? newest_ : entries_[entry.newer].older) = entry.older;
  }

  Slab<Entry> entries_;
  std::vector<std::uint32_t> buckets_;
  std::uint32_t oldest_ = kNoSlot;
  std::uint32_t newest_ = kNoSlot;
};

}  // namespace rpcaudit::dissect
