#include "engine/audit/relay/repeat_suppressor.h"

#include <algorithm>
#include <bit>
#include <cstring>
#include <string_view>

#include "engine/audit/event/hash_mixer.h"

namespace rpcaudit::audit {
namespace {

void mix(HashMixer& mixer, std::string_view text) noexcept {
  mixer.add(text.size());
  for (; !text.empty(); text.remove_prefix(std::min(text.size(), sizeof(std::uint64_t)))) {
    std::uint64_t word = 0;
    std::memcpy(&word, text.data(), std::min(text.size(), sizeof word));
    mixer.add(word);
  }
}

}  // namespace

std::size_t RepeatSuppressor::memory() noexcept {
  constexpr std::size_t kNames = 256;
  return kKindsMax * (sizeof(Kind) + kNames + 8 * sizeof(std::uint32_t));
}

RepeatSuppressor::RepeatSuppressor(EventSink& next, std::int64_t interval, std::size_t kinds_max)
    : next_(next),
      interval_(interval),
      seed_(hash_seed()),
      kinds_(kinds_max),
      buckets_(std::bit_ceil(2 * kinds_max), kNoSlot),
      by_use_(kinds_max),
      by_interval_(kinds_max) {}

RepeatSuppressor::Key RepeatSuppressor::key_of(const ContextInfo& context, const CallEvent& call,
                                               const IdentityText& identity) noexcept {
  Key key;
  key.client = context.client.address;
  key.server = context.server.address;
  if (call.has_interface) key.interface = context.abstract_syntax;
  key.opnum = call.opnum;
  key.outcome = call.outcome;
  key.null_session = identity.null_session;
  if (!call.verdict) return key;
  key.policy = call.policy;
  key.filter = call.verdict->deciding_filters().filter;
  key.action = static_cast<std::uint8_t>(static_cast<std::uint8_t>(call.verdict->action) + 1);
  key.control = static_cast<std::uint8_t>(call.verdict->control);
  return key;
}

std::size_t RepeatSuppressor::bucket_of(const Key& key,
                                        const IdentityText& identity) const noexcept {
  HashMixer mixer(seed_);
  mixer.add(key.client.bytes);
  mixer.add(key.server.bytes);
  if (key.interface) mixer.add(key.interface->uuid.bytes);
  mixer.add(std::uint64_t{key.opnum} << 32 | key.filter);
  mixer.add(std::uint64_t{key.action} << 8 | static_cast<std::uint8_t>(key.outcome));
  mix(mixer, identity.user);
  mix(mixer, identity.domain);
  return mixer.value() & (buckets_.size() - 1);
}

std::uint32_t RepeatSuppressor::find(std::size_t bucket, const Key& key,
                                     const IdentityText& identity) const noexcept {
  std::uint32_t slot = buckets_[bucket];
  while (slot != kNoSlot) {
    const Kind& kind = kinds_[slot];
    if (kind.key == key && kind.user == identity.user && kind.domain == identity.domain) break;
    slot = kind.next_in_bucket;
  }
  return slot;
}

void RepeatSuppressor::on_call(const ContextInfo& context, const CallEvent& call,
                               const IdentityText& identity) {
  const Timestamp now = call.frame.timestamp;
  on_time(now);
  const Key key = key_of(context, call, identity);
  const std::size_t bucket = bucket_of(key, identity);
  const std::uint32_t slot = find(bucket, key, identity);
  if (slot != kNoSlot) {
    by_use_.move_to_back(slot);
    return note_repeat(kinds_[slot], context, call, identity);
  }
  next_.on_call(context, call, identity);
  add(bucket, key, identity, now);
}

void RepeatSuppressor::add(std::size_t bucket, const Key& key, const IdentityText& identity,
                           Timestamp time) {
  if (kinds_.full()) {
    write(kinds_[by_use_.first()]);
    forget(by_use_.first());
  }
  const std::uint32_t slot = kinds_.take();
  Kind& kind = kinds_[slot];
  kind.key = key;
  kind.user.assign(identity.user);
  kind.domain.assign(identity.domain);
  kind.bucket = bucket;
  kind.next_in_bucket = std::exchange(buckets_[bucket], slot);
  kind.begun = time;
  kind.repeats = {};
  by_use_.push_back(slot);
  by_interval_.push_back(slot);
}

void RepeatSuppressor::note_repeat(Kind& kind, const ContextInfo& context, const CallEvent& call,
                                   const IdentityText& identity) {
  if (kind.repeats.count++ == 0) {
    kind.repeats.first = call.frame.timestamp;
    kind.context = context;
    kind.call = call;
    kind.workstation.assign(identity.workstation);
  }
  kind.repeats.last = call.frame.timestamp;
}

bool RepeatSuppressor::is_over(const Kind& kind, Timestamp now) const noexcept {
  const std::int64_t age = nanoseconds_between(kind.begun, now);
  return age >= interval_ || age <= -interval_;  // where a clock was set back
}

void RepeatSuppressor::on_time(Timestamp now) {
  while (!by_interval_.empty() && is_over(kinds_[by_interval_.first()], now)) {
    const std::uint32_t slot = by_interval_.first();
    Kind& kind = kinds_[slot];
    // A kind that was silent for an interval is none any longer.
    if (kind.repeats.count == 0) {
      forget(slot);
      continue;
    }
    write(kind);
    kind.begun = now;
    by_interval_.move_to_back(slot);
  }
}

void RepeatSuppressor::write_pending() {
  while (!by_interval_.empty()) {
    write(kinds_[by_interval_.first()]);
    forget(by_interval_.first());
  }
}

void RepeatSuppressor::write(Kind& kind) {
  if (kind.repeats.count == 0) return;
  const IdentityText identity{kind.user, kind.domain, kind.key.null_session, kind.workstation};
  next_.on_repeats(kind.context, kind.call, identity, kind.repeats);
  kind.repeats = {};
}

void RepeatSuppressor::forget(std::uint32_t slot) {
  by_use_.remove(slot);
  by_interval_.remove(slot);
  std::uint32_t* link = &buckets_[kinds_[slot].bucket];
  while (*link != slot) link = &kinds_[*link].next_in_bucket;
  *link = kinds_[slot].next_in_bucket;
  kinds_.release(slot);
}

}  // namespace rpcaudit::audit
