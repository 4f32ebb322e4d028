#pragma once

#include <cstdint>
#include <variant>
#include <vector>

#include "dissect/rpc_observer.h"
#include "engine/audit/event/audit_event.h"
#include "engine/audit/event/slot_pool.h"

namespace rpcaudit::audit {

// A record on its way: it waits for its outcome, and for those before it.
struct PendingEvent {
  dissect::Position position;
  bool resolved = false;
  bool is_output = true;              // false: an ordering placeholder
  std::uint32_t context = kNoSlot;    // of the auditor's retained contexts
  std::uint32_t identity = kNoSlot;   // in the auditor's IdentityStore
  std::uint32_t call_slot = kNoSlot;  // CallKey::slot while it waits for an outcome
  // monostate: the context itself
  std::variant<std::monostate, CallEvent, RefusedContext, ConnectionEvent, dissect::Blindness> what;
};

// Events in the order of their Positions, whatever the order in which they came. Bounded.
//
// Nearly all come in order and go through a ring; stragglers (a PDU that began in an earlier frame)
// go through a heap beside it, so that no order of arrival costs more than O(log n).
class PendingQueue {
 public:
  explicit PendingQueue(std::size_t capacity);

  // A new event, cleared but for its position. Not to be called when full().
  [[nodiscard]] std::uint32_t add(dissect::Position position);
  PendingEvent& operator[](std::uint32_t slot) { return events_[slot]; }
  const PendingEvent& operator[](std::uint32_t slot) const noexcept { return events_[slot]; }

  // What an event takes: itself, and its places in the free list, the ring and the heap, which
  // double when they grow.
  [[nodiscard]] static constexpr std::size_t entry_bytes() noexcept {
    return sizeof(PendingEvent) + 3 * sizeof(std::uint32_t) + 2 * sizeof(Straggler);
  }
  [[nodiscard]] bool full() const noexcept { return events_.full(); }
  [[nodiscard]] bool empty() const noexcept { return events_.size() == 0; }
  // The first in order; not to be called when empty().
  [[nodiscard]] std::uint32_t head() const noexcept;
  void pop_head();
  // The event that comes `places` behind the head, as long as none overtakes it; kNoSlot when
  // there is none.
  [[nodiscard]] std::uint32_t after_head(std::size_t places) const noexcept {
    if (ring_end_ - ring_begin_ <= places) return kNoSlot;
    return ring_[(ring_begin_ + places) & (ring_.size() - 1)];
  }
  void prefetch(std::uint32_t slot) const noexcept { events_.prefetch(slot); }

 private:
  struct Straggler {
    dissect::Position position;
    std::uint64_t arrival = 0;  // equal Positions keep the order in which they came
    std::uint32_t slot = 0;
  };

  static bool after(const Straggler& a, const Straggler& b) noexcept;
  [[nodiscard]] bool straggler_is_first() const noexcept;

  SlotPool<PendingEvent> events_;
  std::vector<std::uint32_t> ring_;  // a power of two of slots
  std::uint64_t ring_begin_ = 0;
  std::uint64_t ring_end_ = 0;
  dissect::Position ring_back_;  // of the newest in the ring
  std::vector<Straggler> stragglers_;
  std::uint64_t arrivals_ = 0;
};

}  // namespace rpcaudit::audit
