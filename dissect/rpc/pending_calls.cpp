#include "dissect/rpc/pending_calls.h"

#include <bit>

namespace rpcaudit::dissect {

PendingCalls::PendingCalls(std::size_t capacity, std::uint64_t seed)
    : slots_(capacity), buckets_(std::bit_ceil(capacity), kNoSlot), seed_(seed | 1) {}

std::size_t PendingCalls::bucket_of(std::uint32_t session, std::uint32_t call_id) const noexcept {
  __extension__ using Wide = unsigned __int128;
  const std::uint64_t key = (std::uint64_t{session} << 32 | call_id) ^ seed_;
  const Wide product = Wide{key} * (seed_ * 0x9e37'79b9'7f4a'7c15u | 1);
  const auto mixed =
      static_cast<std::uint64_t>(product) ^ static_cast<std::uint64_t>(product >> 64);
  return static_cast<std::size_t>(mixed) & (buckets_.size() - 1);
}

std::uint32_t PendingCalls::add(std::uint32_t session, std::uint32_t call_id, bool is_bind,
                                Timestamp since, std::uint32_t& session_head) noexcept {
  const std::uint32_t slot = slots_.take();
  PendingCall& call = slots_[slot];
  const std::uint32_t generation = call.generation + 1;
  call = {};
  call.generation = generation;
  call.session = session;
  call.call_id = call_id;
  call.is_bind = is_bind;
  call.since = since;

  call.older = newest_;
  if (newest_ != kNoSlot) slots_[newest_].newer = slot;
  newest_ = slot;
  if (oldest_ == kNoSlot) oldest_ = slot;

  call.session_next = session_head;
  if (session_head != kNoSlot) {
    slots_[session_head].session_previous = slot;
    put_into_bucket(session_head);
  }
  session_head = slot;
  return slot;
}

void PendingCalls::put_into_bucket(std::uint32_t slot) noexcept {
  PendingCall& call = slots_[slot];
  if (call.hashed) return;
  std::uint32_t& bucket = buckets_[bucket_of(call.session, call.call_id)];
  call.bucket_next = bucket;
  call.hashed = true;
  bucket = slot;
}

void PendingCalls::take_out_of_bucket(std::uint32_t slot) noexcept {
  const PendingCall& call = slots_[slot];
  if (!call.hashed) return;
  std::uint32_t* link = &buckets_[bucket_of(call.session, call.call_id)];
  while (*link != slot) link = &slots_[*link].bucket_next;
  *link = call.bucket_next;
}

std::uint32_t PendingCalls::find_among_many(std::uint32_t session, std::uint32_t call_id,
                                            bool is_bind) const noexcept {
  std::uint32_t slot = buckets_[bucket_of(session, call_id)];
  for (; slot != kNoSlot; slot = slots_[slot].bucket_next) {
    const PendingCall& call = slots_[slot];
    if (call.session == session && call.call_id == call_id && call.is_bind == is_bind) break;
  }
  return slot;
}

void PendingCalls::remove(std::uint32_t slot, std::uint32_t& session_head) noexcept {
  const PendingCall& call = slots_[slot];
  (call.older == kNoSlot ? oldest_ : slots_[call.older].newer) = call.newer;
  (call.newer == kNoSlot ? newest_ : slots_[call.newer].older) = call.older;
  (call.session_previous == kNoSlot ? session_head : slots_[call.session_previous].session_next) =
      call.session_next;
  if (call.session_next != kNoSlot) {
    slots_[call.session_next].session_previous = call.session_previous;
  }
  take_out_of_bucket(slot);
  slots_.release(slot);
}

}  // namespace rpcaudit::dissect
