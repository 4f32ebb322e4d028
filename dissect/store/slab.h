#pragma once

#include <cstddef>
#include <cstdint>
#include <new>
#include <utility>

#include "dissect/store/prefetch.h"
#include "dissect/store/reserved_memory.h"

namespace rpcaudit::dissect {

inline constexpr std::uint32_t kNoSlot = 0xffff'ffff;

// Where an object of type T stands in its Slab; none by default. The type keeps the slot of a
// session from being taken for the slot of a call.
template <class T>
struct Slot {
  std::uint32_t index = kNoSlot;

  constexpr Slot() noexcept = default;
  constexpr explicit Slot(std::uint32_t index_in) noexcept : index(index_in) {}
  constexpr bool operator==(const Slot&) const noexcept = default;
  // Whether it names an object.
  constexpr explicit operator bool() const noexcept { return index != kNoSlot; }
};

// A fixed number of slots for objects, addressed by index. All address space is reserved at
// construction, pages are touched when a slot is first used, and a released slot is the next one
// taken: memory follows the largest number of objects that were ever alive at once.
//
// Slots are constructed on first use and kept constructed, so that what an object has grown (a
// vector, say) serves its successor; the user of the slab resets what it takes.
template <class T>
class Slab {
 public:
  explicit Slab(std::size_t capacity)
      : memory_(capacity * sizeof(Cell)),
        cells_(reinterpret_cast<Cell*>(memory_.data())),
        capacity_(static_cast<std::uint32_t>(capacity)) {}
  Slab(const Slab&) = delete;
  Slab& operator=(const Slab&) = delete;
  ~Slab() {
    for (std::uint32_t slot = 0; slot < touched_; ++slot) cells_[slot].value.~T();
  }

  // An unused slot, or none when all are in use.
  [[nodiscard]] Slot<T> take() {
    if (free_ != kNoSlot) {
      const Slot<T> slot(free_);
      free_ = cells_[slot.index].next_free;
      ++size_;
      return slot;
    }
    if (touched_ == capacity_) return {};
    const Slot<T> slot(touched_++);
    new (&cells_[slot.index]) Cell;
    ++size_;
    return slot;
  }

  void release(Slot<T> slot) noexcept {
    cells_[slot.index].next_free = free_;
    free_ = slot.index;
    --size_;
  }

  // Has the front of an object brought into the cache.
  void prefetch(Slot<T> slot, std::size_t size) const noexcept {
    prefetch_lines(&cells_[slot.index], size);
  }

  T& operator[](Slot<T> slot) noexcept { return cells_[slot.index].value; }
  const T& operator[](Slot<T> slot) const noexcept { return cells_[slot.index].value; }

  [[nodiscard]] std::size_t size() const noexcept { return size_; }
  [[nodiscard]] std::size_t capacity() const noexcept { return capacity_; }

 private:
  struct Cell {
    T value{};
    std::uint32_t next_free = kNoSlot;
  };

  ReservedMemory memory_;
  Cell* cells_;
  std::uint32_t capacity_ = 0;
  std::uint32_t touched_ = 0;
  std::uint32_t free_ = kNoSlot;
  std::size_t size_ = 0;
};

}  // namespace rpcaudit::dissect
