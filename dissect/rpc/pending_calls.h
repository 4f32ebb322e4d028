#pragma once

#include <cstdint>
#include <vector>

#include "dissect/rpc_observer.h"
#include "dissect/store/slab.h"

namespace rpcaudit::dissect {

// A request, bind or alter_context that waits for its answer.
struct PendingCall {
  Timestamp since;
  std::uint32_t session = kNoSlot;  // slot of the session it was made on
  std::uint32_t call_id = 0;
  std::uint32_t context = kNoSlot;  // slot of its context; of a bind: of its first item
  std::uint16_t context_id = 0;
  std::uint16_t opnum = 0;
  bool is_bind = false;    // bind or alter_context
  bool cancelled = false;  // the client sent co_cancel
  bool orphaned = false;   // the client sent orphaned
  bool hashed = false;     // stands in a hash bucket
  std::uint32_t generation = 0;

  // Links: all pending calls by age, those of one session, those of one hash bucket.
  std::uint32_t older = kNoSlot, newer = kNoSlot;
  std::uint32_t session_next = kNoSlot, session_previous = kNoSlot;
  std::uint32_t bucket_next = kNoSlot;
};

// All calls that wait for an answer, found by (session, call id, bind or not) in constant time,
// oldest first on demand. Most sessions have one at a time, which their list alone finds: only a
// call with a newer one before it stands in the hash table. Binds have call ids of their own,
// because peers reuse the id of a bind for the first request. Bounded: whoever adds makes room
// first.
class PendingCalls {
 public:
  // `seed` keys the hash, so that nobody can choose call ids that meet in one bucket.
  PendingCalls(std::size_t capacity, std::uint64_t seed);

  [[nodiscard]] bool full() const noexcept { return slots_.size() == slots_.capacity(); }
  [[nodiscard]] std::uint32_t oldest() const noexcept { return oldest_; }
  PendingCall& operator[](std::uint32_t slot) noexcept { return slots_[slot]; }

  // Adds a call to the session whose list starts at `session_head`. Not to be called when full().
  // The result's own fields are for the caller to fill, links and generation are set.
  std::uint32_t add(std::uint32_t session, std::uint32_t call_id, bool is_bind, Timestamp since,
                    std::uint32_t& session_head) noexcept;
  // kNoSlot when the session has no such call open. Nearly always that is told by the session's
  // list alone: it is empty, or its newest call is the one meant.
  [[nodiscard]] std::uint32_t find(std::uint32_t session, std::uint32_t call_id, bool is_bind,
                                   std::uint32_t session_head) const noexcept {
    if (session_head == kNoSlot) return kNoSlot;
    const PendingCall& newest = slots_[session_head];
    if (newest.call_id == call_id && newest.is_bind == is_bind) return session_head;
    if (newest.session_next == kNoSlot) return kNoSlot;
    return find_among_many(session, call_id, is_bind);
  }
  void remove(std::uint32_t slot, std::uint32_t& session_head) noexcept;

 private:
  [[nodiscard]] std::uint32_t find_among_many(std::uint32_t session, std::uint32_t call_id,
                                              bool is_bind) const noexcept;
  [[nodiscard]] std::size_t bucket_of(std::uint32_t session, std::uint32_t call_id) const noexcept;
  void put_into_bucket(std::uint32_t slot) noexcept;
  void take_out_of_bucket(std::uint32_t slot) noexcept;

  Slab<PendingCall> slots_;
  std::vector<std::uint32_t> buckets_;
  std::uint64_t seed_;
  std::uint32_t oldest_ = kNoSlot;
  std::uint32_t newest_ = kNoSlot;
};

}  // namespace rpcaudit::dissect
