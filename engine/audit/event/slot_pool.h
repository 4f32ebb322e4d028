#pragma once

#include <array>
#include <cstdint>
#include <memory>
#include <vector>

namespace rpcaudit::audit {

inline constexpr std::uint32_t kNoSlot = 0xffff'ffff;

// A table indexed by dense slots whose memory comes in pieces when a slot is first touched, and
// stays: start-up costs nothing, the steady state allocates nothing, elements never move.
template <typename T>
class SlotTable {
 public:
  explicit SlotTable(std::size_t capacity) : pieces_((capacity + kPieceSize - 1) / kPieceSize) {}

  T& operator[](std::uint32_t slot) {
    std::unique_ptr<Piece>& piece = pieces_[slot / kPieceSize];
    if (!piece) piece = std::make_unique<Piece>();
    return (*piece)[slot % kPieceSize];
  }
  // Has an element brought into the cache, if it was touched before.
  void prefetch(std::uint32_t slot) const noexcept {
    constexpr std::size_t kCacheLine = 64;
    if (!pieces_[slot / kPieceSize]) return;
    const char* const at = reinterpret_cast<const char*>(&(*this)[slot]);
    for (std::size_t done = 0; done < sizeof(T); done += kCacheLine) __builtin_prefetch(at + done);
    asm volatile("");  // without it GCC finds no effect here, and removes calls of this
  }
  // Only for slots that were touched.
  const T& operator[](std::uint32_t slot) const noexcept {
    return (*pieces_[slot / kPieceSize])[slot % kPieceSize];
  }

 private:
  static constexpr std::size_t kPieceSize = 256;
  using Piece = std::array<T, kPieceSize>;

  std::vector<std::unique_ptr<Piece>> pieces_;
};

// A bounded store of objects that are taken and given back; those given back last are taken first
// and keep what memory they own.
template <typename T>
class SlotPool {
 public:
  explicit SlotPool(std::size_t capacity) : objects_(capacity), capacity_(capacity) {
    free_.reserve(capacity);
  }

  // kNoSlot when all are taken. The object is as its last user left it.
  [[nodiscard]] std::uint32_t take() {
    if (free_.empty()) return touched_ < capacity_ ? touched_++ : kNoSlot;
    const std::uint32_t slot = free_.back();
    free_.pop_back();
    return slot;
  }
  void release(std::uint32_t slot) { free_.push_back(slot); }

  T& operator[](std::uint32_t slot) { return objects_[slot]; }
  const T& operator[](std::uint32_t slot) const noexcept { return objects_[slot]; }
  void prefetch(std::uint32_t slot) const noexcept { objects_.prefetch(slot); }
  [[nodiscard]] bool full() const noexcept { return free_.empty() && touched_ == capacity_; }
  [[nodiscard]] std::size_t size() const noexcept { return touched_ - free_.size(); }

 private:
  SlotTable<T> objects_;
  std::vector<std::uint32_t> free_;
  std::size_t capacity_;
  std::uint32_t touched_ = 0;
};

}  // namespace rpcaudit::audit
