#pragma once

#include <cstdint>
#include <vector>

#include "engine/audit/event/slot_pool.h"

namespace rpcaudit::audit {

// An order of slots: a doubly linked list of which each slot is a member once at most. All its
// memory is taken at the start; every step takes constant time.
class SlotList {
 public:
  explicit SlotList(std::size_t capacity) : links_(capacity) {}

  [[nodiscard]] bool empty() const noexcept { return first_ == kNoSlot; }
  // kNoSlot when the list is empty.
  [[nodiscard]] std::uint32_t first() const noexcept { return first_; }

  // The slot is not a member.
  void push_back(std::uint32_t slot) noexcept {
    links_[slot] = {last_, kNoSlot};
    (last_ == kNoSlot ? first_ : links_[last_].next) = slot;
    last_ = slot;
  }
  // The slot is a member.
  void remove(std::uint32_t slot) noexcept {
    const Link link = links_[slot];
    (link.previous == kNoSlot ? first_ : links_[link.previous].next) = link.next;
    (link.next == kNoSlot ? last_ : links_[link.next].previous) = link.previous;
  }
  void move_to_back(std::uint32_t slot) noexcept {
    if (slot == last_) return;
    remove(slot);
    push_back(slot);
  }

 private:
  struct Link {
    std::uint32_t previous = kNoSlot;
    std::uint32_t next = kNoSlot;
  };

  std::vector<Link> links_;
  std::uint32_t first_ = kNoSlot;
  std::uint32_t last_ = kNoSlot;
};

}  // namespace rpcaudit::audit
