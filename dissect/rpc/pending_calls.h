#pragma once

#include <cstdint>
#include <vector>

#include "capture/timestamp.h"
#include "dissect/rpc_observer.h"
#include "dissect/store/intrusive_list.h"
#include "dissect/store/slab.h"

namespace rpcaudit::dissect {

struct RpcSession;
struct ContextRecord;
struct DatagramActivity;
struct DatagramContext;

// A call that waits for its answer. `Owner` is what it was made on: an association, or an activity
// of the connectionless protocol.
template <class Owner, class Context>
struct PendingCall {
  Timestamp since;
  Slot<Owner> owner;
  std::uint32_t call_id = 0;
  Slot<Context> context;
  std::uint16_t context_id = 0;
  std::uint16_t opnum = 0;
  bool cancelled = false;  // the client sent co_cancel
  bool orphaned = false;   // the client sent orphaned
  bool doubted = false;    // the observer was told of its doubts
  bool hashed = false;     // stands in a hash bucket
  std::uint32_t generation = 0;

  ListLinks<PendingCall> by_age;    // in the list of all pending calls
  ListLinks<PendingCall> of_owner;  // in the list of its owner
  Slot<PendingCall> bucket_next;

  // How it ended if no answer came.
  [[nodiscard]] Outcome without_answer() const noexcept {
    if (orphaned) return Outcome::orphaned;
    return cancelled ? Outcome::cancelled : Outcome::unanswered;
  }
};

// All calls that wait for an answer, found by owner and call id in constant time, oldest first on
// demand. Most owners have one at a time, which their list alone finds: only a call with a newer
// one behind it stands in the hash table. Bounded: whoever adds makes room first.
template <class Owner, class Context>
class PendingCalls {
 public:
  using Call = PendingCall<Owner, Context>;
  // The calls of one owner, who keeps it.
  using List = IntrusiveList<Call, &Call::of_owner>;

  // `seed` keys the hash, so that nobody can choose call ids that meet in one bucket.
  PendingCalls(std::size_t capacity, std::uint64_t seed);

  [[nodiscard]] bool full() const noexcept { return slots_.size() == slots_.capacity(); }
  // The call that waits the longest; none when there is no call.
  [[nodiscard]] Slot<Call> oldest() const noexcept { return by_age_.oldest(); }
  Call& operator[](Slot<Call> slot) noexcept { return slots_[slot]; }
  const Call& operator[](Slot<Call> slot) const noexcept { return slots_[slot]; }

  // Adds a call to the owner's list. Not to be called when full(). The result's own fields are for
  // the caller to fill, links and generation are set.
  Slot<Call> add(Slot<Owner> owner, std::uint32_t call_id, Timestamp since, List& list) noexcept;
  // The open call of this id; none when the owner has none. Nearly always the list alone tells: it
  // is empty, or its newest call is the one meant.
  [[nodiscard]] Slot<Call> find(Slot<Owner> owner, std::uint32_t call_id,
                                const List& list) const noexcept {
    if (!list.newest()) return {};
    const Call& newest = slots_[list.newest()];
    if (newest.call_id == call_id) return list.newest();
    if (!newest.of_owner.older) return {};
    return find_among_many(owner, call_id);
  }
  void remove(Slot<Call> slot, List& list) noexcept;

 private:
  [[nodiscard]] Slot<Call> find_among_many(Slot<Owner> owner, std::uint32_t call_id) const noexcept;
  [[nodiscard]] std::size_t bucket_of(Slot<Owner> owner, std::uint32_t call_id) const noexcept;
  void put_into_bucket(Slot<Call> slot) noexcept;
  void take_out_of_bucket(Slot<Call> slot) noexcept;

  Slab<Call> slots_;
  std::vector<Slot<Call>> buckets_;
  std::uint64_t seed_;
  IntrusiveList<Call, &Call::by_age> by_age_;
};

using RpcPendingCalls = PendingCalls<RpcSession, ContextRecord>;
using DatagramPendingCalls = PendingCalls<DatagramActivity, DatagramContext>;

extern template class PendingCalls<RpcSession, ContextRecord>;
extern template class PendingCalls<DatagramActivity, DatagramContext>;

}  // namespace rpcaudit::dissect
