#pragma once

#include <sys/mman.h>

#include <cstddef>
#include <cstdint>
#include <new>
#include <utility>

namespace rpcaudit {

inline constexpr std::uint32_t kNoSlot = 0xffff'ffff;

// A fixed number of slots for objects, addressed by index. All address space is reserved at
// construction, pages are touched when a slot is first used, and a released slot is the next one
// taken: memory follows the largest number of objects that were ever alive at once.
//
// Slots are constructed on first use and kept constructed, so that what an object has grown (a
// vector, say) serves its successor; the user of the slab resets what it takes.
template <class T>
class Slab {
 public:
  explicit Slab(std::size_t capacity) : capacity_(static_cast<std::uint32_t>(capacity)) {
    void* memory = mmap(nullptr, bytes(), PROT_READ | PROT_WRITE,
                        MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    if (memory == MAP_FAILED) throw std::bad_alloc();
    cells_ = static_cast<Cell*>(memory);
  }
  Slab(const Slab&) = delete;
  Slab& operator=(const Slab&) = delete;
  ~Slab() {
    for (std::uint32_t slot = 0; slot < touched_; ++slot) cells_[slot].value.~T();
    munmap(cells_, bytes());
  }

  // An unused slot, or kNoSlot when all are in use.
  [[nodiscard]] std::uint32_t take() {
    if (free_ != kNoSlot) {
      const std::uint32_t slot = free_;
      free_ = cells_[slot].next_free;
      ++size_;
      return slot;
    }
    if (touched_ == capacity_) return kNoSlot;
    const std::uint32_t slot = touched_++;
    new (&cells_[slot]) Cell;
    ++size_;
    return slot;
  }

  void release(std::uint32_t slot) noexcept {
    cells_[slot].next_free = free_;
    free_ = slot;
    --size_;
  }

  T& operator[](std::uint32_t slot) noexcept { return cells_[slot].value; }
  const T& operator[](std::uint32_t slot) const noexcept { return cells_[slot].value; }

  [[nodiscard]] std::size_t size() const noexcept { return size_; }
  [[nodiscard]] std::size_t capacity() const noexcept { return capacity_; }

 private:
  struct Cell {
    T value{};
    std::uint32_t next_free = kNoSlot;
  };

  [[nodiscard]] std::size_t bytes() const noexcept { return std::size_t{capacity_} * sizeof(Cell); }

  Cell* cells_ = nullptr;
  std::uint32_t capacity_ = 0;
  std::uint32_t touched_ = 0;
  std::uint32_t free_ = kNoSlot;
  std::size_t size_ = 0;
};

}  // namespace rpcaudit
