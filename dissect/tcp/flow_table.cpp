#include "dissect/tcp/flow_table.h"

#include <algorithm>
#include <bit>

#include "dissect/store/keyed_hash.h"

namespace rpcaudit::dissect {
namespace {

[[nodiscard]] std::uint32_t seen_units(Timestamp duration) noexcept {
  return static_cast<std::uint32_t>(
      std::clamp<std::int64_t>(duration.nanoseconds >> 30, 0, std::int64_t{1} << 24));
}

[[nodiscard]] std::size_t bucket_count(std::size_t entries, std::size_t per_bucket) noexcept {
  return std::max<std::size_t>(8, std::bit_ceil(entries) / per_bucket);
}

}  // namespace

FlowTable::FlowTable(const Limits& limits, std::uint64_t seed)
    : memory_(bucket_count(limits.flows, kBucketEntries) * sizeof(Bucket), MemoryUse::scattered),
      buckets_(reinterpret_cast<Bucket*>(memory_.data())),
      mask_(bucket_count(limits.flows, kBucketEntries) - 1),
      flow_idle_(seen_units(limits.flow_idle)) {
  SecretSequence secrets(seed);
  for (std::uint64_t& secret : secret_) secret = secrets.next();
}

FlowKey FlowTable::key(const Packet& packet) const noexcept {
  const std::uint64_t link =
      std::uint64_t{packet.tunnel} << 8 | static_cast<std::uint64_t>(packet.transport);
  std::uint64_t mixed = 0;
  bool forward = true;
  if (packet.ip_version == 4) {
    // 48 bits each: address and port.
    const std::uint64_t source = packet.source.low << 16 | packet.source_port;
    const std::uint64_t destination = packet.destination.low << 16 | packet.destination_port;
    forward = source <= destination;
    const std::uint64_t smaller = forward ? source : destination;
    const std::uint64_t larger = forward ? destination : source;
    mixed = fold_multiply(smaller + secret_[0], larger + secret_[1]);
  } else {
    std::uint64_t ports = std::uint64_t{packet.source_port} << 16 | packet.destination_port;
    forward = packet.source == packet.destination ? packet.source_port <= packet.destination_port
                                                  : packet.source < packet.destination;
    if (!forward) ports = std::uint64_t{packet.destination_port} << 16 | packet.source_port;
    mixed = hash_hosts(packet.source, packet.destination, {secret_[2], secret_[3], secret_[4]});
    mixed = fold_multiply(mixed ^ ports, secret_[0]);
  }
  const std::uint64_t tag = fold_multiply(mixed ^ secret_[5], secret_[1] ^ link);
  return {tag == 0 ? 1 : tag, forward ? Direction::forward : Direction::reverse};
}

std::uint32_t FlowTable::idle(const FlowEntry& entry, std::uint32_t now) noexcept {
  const std::uint32_t elapsed = (now - entry.seen()) & FlowEntry::kSeenMask;
  return elapsed > FlowEntry::kSeenMask / 2 ? 0 : elapsed;  // inputs may not be in order of time
}

FlowEntry* FlowTable::find_elsewhere(std::uint64_t tag) noexcept {
  FlowEntry& first = home(tag).entries[0];
  if ((first.meta_ & FlowEntry::kSpilled) == 0) return nullptr;
  bool spilled = false;
  for (std::uint64_t i = 1; i < kWindowBuckets; ++i) {
    Bucket& bucket = home(tag + i);
    if (FlowEntry* const entry = find_in(bucket, tag)) return entry;
    for (const FlowEntry& entry : bucket.entries) {
      spilled |= entry.tag != 0 && ((entry.tag ^ tag) & mask_) == 0;
    }
  }
  if (!spilled) first.meta_ &= ~FlowEntry::kSpilled;
  return nullptr;
}

FlowEntry* FlowTable::find(std::uint64_t tag) noexcept {
  FlowEntry* const entry = find_at_home(tag);
  return entry != nullptr ? entry : find_elsewhere(tag);
}

FlowEntry& FlowTable::choose_place(std::uint64_t tag, std::uint32_t now) noexcept {
  FlowEntry* longest_idle = nullptr;
  std::uint32_t longest = 0;
  for (std::uint64_t i = 0; i < kWindowBuckets; ++i) {
    for (FlowEntry& entry : home(tag + i).entries) {
      if (entry.tag == 0 || is_expired(entry, now)) return entry;
      // Above all idle times of valuable entries, those of the others.
      const std::uint32_t preference =
          idle(entry, now) + (entry.is_valuable() ? 0 : FlowEntry::kSeenMask);
      if (longest_idle == nullptr || preference > longest) {
        longest_idle = &entry;
        longest = preference;
      }
    }
  }
  return *longest_idle;
}

FlowLookup FlowTable::find_or_insert_elsewhere(std::uint64_t tag, Timestamp now) noexcept {
  if (FlowEntry* const entry = find_elsewhere(tag)) {
    touch(*entry, now);
    return {entry, false, std::nullopt};
  }
  const std::uint32_t seen = to_seen(now);
  FlowEntry& place = choose_place(tag, seen);
  std::optional<FlowEntry> evicted;
  if (place.tag != 0) {
    ++(is_expired(place, seen) ? counters_.expired : counters_.evicted);
    evicted = place;
    --size_;
  }
  clear(place);
  place.tag = tag;
  touch(place, now);
  FlowEntry& first = home(tag).entries[0];
  if (!is_in(home(tag), place)) first.meta_ |= FlowEntry::kSpilled;
  ++size_;
  ++counters_.inserted;
  return {&place, true, evicted};
}

void FlowTable::erase(std::uint64_t tag) noexcept {
  FlowEntry* const entry = find(tag);
  if (entry == nullptr) return;
  clear(*entry);
  --size_;
}

std::uint64_t host_pair_hash(const Packet& packet) noexcept {
  constexpr std::uint64_t kFirst = 0x9e37'79b9'7f4a'7c15;
  constexpr std::uint64_t kSecond = 0xd1b5'4a32'd192'ed03;
  return fold_multiply(hash_hosts(packet.source, packet.destination, {kFirst, kSecond, kFirst}),
                       kSecond);
}

}  // namespace rpcaudit::dissect
