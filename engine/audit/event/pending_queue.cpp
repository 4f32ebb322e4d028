#include "engine/audit/event/pending_queue.h"

#include <algorithm>
#include <bit>

namespace rpcaudit::audit {

PendingQueue::PendingQueue(std::size_t capacity)
    : events_(capacity), ring_(std::bit_ceil(capacity)) {}

std::uint32_t PendingQueue::add(dissect::Position position) {
  const std::uint32_t slot = events_.take();
  PendingEvent& event = events_[slot];
  event.position = position;
  event.resolved = false;
  event.is_output = true;
  event.context = kNoSlot;
  event.identity = kNoSlot;
  event.call_slot = kNoSlot;
  event.what = std::monostate{};
  if (ring_begin_ == ring_end_ || position >= ring_back_) {
    ring_[ring_end_++ & (ring_.size() - 1)] = slot;
    ring_back_ = position;
  } else {
    stragglers_.push_back({position, arrivals_++, slot});
    std::push_heap(stragglers_.begin(), stragglers_.end(), after);
  }
  return slot;
}

bool PendingQueue::after(const Straggler& a, const Straggler& b) noexcept {
  return a.position != b.position ? a.position > b.position : a.arrival > b.arrival;
}

bool PendingQueue::straggler_is_first() const noexcept {
  if (stragglers_.empty()) return false;
  if (ring_begin_ == ring_end_) return true;
  const std::uint32_t ring_head = ring_[ring_begin_ & (ring_.size() - 1)];
  return stragglers_.front().position < events_[ring_head].position;
}

std::uint32_t PendingQueue::head() const noexcept {
  return straggler_is_first() ? stragglers_.front().slot : ring_[ring_begin_ & (ring_.size() - 1)];
}

void PendingQueue::pop_head() {
  const std::uint32_t slot = head();
  if (straggler_is_first()) {
    std::pop_heap(stragglers_.begin(), stragglers_.end(), after);
    stragglers_.pop_back();
  } else {
    ++ring_begin_;
  }
  events_.release(slot);
}

}  // namespace rpcaudit::audit
