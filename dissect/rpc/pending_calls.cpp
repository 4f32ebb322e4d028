#include "dissect/rpc/pending_calls.h"

#include <bit>

#include "dissect/store/keyed_hash.h"

namespace rpcaudit::dissect {

template <class Owner, class Context>
PendingCalls<Owner, Context>::PendingCalls(std::size_t capacity, std::uint64_t seed)
    : slots_(capacity), buckets_(std::bit_ceil(capacity)), seed_(seed | 1) {}

template <class Owner, class Context>
std::size_t PendingCalls<Owner, Context>::bucket_of(Slot<Owner> owner,
                                                    std::uint32_t call_id) const noexcept {
  const std::uint64_t key = (std::uint64_t{owner.index} << 32 | call_id) ^ seed_;
  return fold_multiply(key, seed_ * 0x9e37'79b9'7f4a'7c15u | 1) & (buckets_.size() - 1);
}

template <class Owner, class Context>
auto PendingCalls<Owner, Context>::add(Slot<Owner> owner, std::uint32_t call_id, Timestamp since,
                                       List& list) noexcept -> Slot<Call> {
  const Slot<Call> slot = slots_.take();
  Call& call = slots_[slot];
  const std::uint32_t generation = call.generation + 1;
  call = {};
  call.generation = generation;
  call.owner = owner;
  call.call_id = call_id;
  call.since = since;
  by_age_.push_newest(slot, slots_);
  if (list.newest()) put_into_bucket(list.newest());
  list.push_newest(slot, slots_);
  return slot;
}

template <class Owner, class Context>
void PendingCalls<Owner, Context>::put_into_bucket(Slot<Call> slot) noexcept {
  Call& call = slots_[slot];
  if (call.hashed) return;
  Slot<Call>& bucket = buckets_[bucket_of(call.owner, call.call_id)];
  call.bucket_next = bucket;
  call.hashed = true;
  bucket = slot;
}

template <class Owner, class Context>
void PendingCalls<Owner, Context>::take_out_of_bucket(Slot<Call> slot) noexcept {
  const Call& call = slots_[slot];
  if (!call.hashed) return;
  Slot<Call>* link = &buckets_[bucket_of(call.owner, call.call_id)];
  while (*link != slot) link = &slots_[*link].bucket_next;
  *link = call.bucket_next;
}

template <class Owner, class Context>
auto PendingCalls<Owner, Context>::find_among_many(Slot<Owner> owner,
                                                   std::uint32_t call_id) const noexcept
    -> Slot<Call> {
  Slot<Call> slot = buckets_[bucket_of(owner, call_id)];
  for (; slot; slot = slots_[slot].bucket_next) {
    const Call& call = slots_[slot];
    if (call.owner == owner && call.call_id == call_id) break;
  }
  return slot;
}

template <class Owner, class Context>
void PendingCalls<Owner, Context>::remove(Slot<Call> slot, List& list) noexcept {
  by_age_.remove(slot, slots_);
  list.remove(slot, slots_);
  take_out_of_bucket(slot);
  slots_.release(slot);
}

template class PendingCalls<RpcSession, ContextRecord>;
template class PendingCalls<DatagramActivity, DatagramContext>;

}  // namespace rpcaudit::dissect
