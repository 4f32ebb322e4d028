#pragma once

#include <cstdint>

#include "dissect/store/intrusive_list.h"
#include "dissect/store/keyed_table.h"
#include "dissect/store/slab.h"

namespace rpcaudit::dissect {

// Large buffers, shared by all streams that hold the front of something. A full pool evicts the
// buffer that was not added to for the longest time, so nobody can keep others out by filling it; a
// stream asks whether it holds its buffer still.
template <class T>
class EvictingPool {
 public:
  using Buffer = T;
  struct Entry {
    Buffer bytes;
    std::uint32_t generation = 0;
    ListLinks<Entry> links;
  };
  using Reference = EntryReference<Entry>;

  explicit EvictingPool(std::size_t capacity) : entries_(capacity) {}

  [[nodiscard]] Reference take() noexcept {
    if (entries_.size() == entries_.capacity()) release(reference(by_use_.oldest()));
    const Slot<Entry> slot = entries_.take();
    by_use_.push_newest(slot, entries_);
    return reference(slot);
  }
  void release(Reference buffer) noexcept {
    by_use_.remove(buffer.slot, entries_);
    ++entries_[buffer.slot].generation;
    entries_.release(buffer.slot);
  }
  [[nodiscard]] bool holds(Reference buffer) const noexcept {
    return buffer.slot && entries_[buffer.slot].generation == buffer.generation;
  }
  // The buffer was used: it is the last to be evicted.
  void touch(Reference buffer) noexcept { by_use_.touch(buffer.slot, entries_); }
  [[nodiscard]] Buffer& operator[](Reference buffer) noexcept {
    return entries_[buffer.slot].bytes;
  }

 private:
  [[nodiscard]] Reference reference(Slot<Entry> slot) const noexcept {
    return {slot, entries_[slot].generation};
  }

  Slab<Entry> entries_;
  IntrusiveList<Entry, &Entry::links> by_use_;
};

}  // namespace rpcaudit::dissect
