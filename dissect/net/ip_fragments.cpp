#include "dissect/net/ip_fragments.h"

#include <algorithm>
#include <cstring>
#include <span>

#include "dissect/store/keyed_hash.h"

namespace rpcaudit::dissect {
namespace {

constexpr std::uint32_t kDatagramBytesMax = 65535;
// Ordinary fragments fill a frame; many more than this are an attack on the pool.
constexpr PieceBounds kChainBounds{512, kDatagramBytesMax};
// How long copies of a completed datagram's fragments are expected: mirror ports are quick, and an
// IPv4 identification may be used again before long.
constexpr Timestamp kLateCopyWindow{kNanosecondsPerSecond / 10};

[[nodiscard]] std::uint32_t end_of(const Packet& packet) noexcept {
  return packet.fragment.offset + packet.payload_length;
}

}  // namespace

IpFragments::IpFragments(const Limits& limits, std::uint64_t seed)
    : age_max_(limits.ip_fragment_age),
      pool_(limits.ip_fragment_bytes),
      chains_(std::max<std::size_t>(limits.ip_fragment_chains, 1)),
      whole_(completed_.size() * kDatagramBytesMax) {
  SecretSequence secrets(seed);
  for (std::uint64_t& secret : secrets_) secret = secrets.next();
}

std::optional<Datagram> IpFragments::add(const Packet& packet, Timestamp now) noexcept {
  expire(now);
  ++counters_.fragments;
  const std::uint32_t end = end_of(packet);
  const bool is_partial_unit = packet.fragment.more && packet.payload_length % 8 != 0;
  if (packet.payload_length == 0 || end > kDatagramBytesMax || is_partial_unit) {
    ++counters_.malformed;
    return std::nullopt;
  }
  const Key key = key_of(packet);
  Slot<Chain> slot =
      chains_.find(hash(key), [&](Slot<Chain> other) { return chains_[other].key == key; });
  if (!slot) {
    if (Completed* const completed = find_completed(key, end, now)) {
      return add_late(packet, *completed);
    }
    slot = begin_chain(key, now);
  }
  Chain& chain = chains_[slot];
  if (!fits(chain, packet)) {
    ++counters_.malformed;
    chain.doubts.add(Doubt::fragment_conflict);
    return std::nullopt;
  }
  if (packet.fragment.offset == 0) {
    chain.protocol = packet.fragment.protocol;
    chain.depth = packet.depth;
  }
  if (!packet.fragment.more) chain.length = end;
  chain.farthest = std::max(chain.farthest, end);
  if (!hold(slot, packet)) return std::nullopt;
  if (chain.length == 0 || chain.pieces.bytes() != chain.length) return std::nullopt;

  const Datagram& datagram = complete(chain, now);
  ++counters_.datagrams;
  drop(slot);
  return datagram;
}

IpFragments::Key IpFragments::key_of(const Packet& packet) noexcept {
  Key key;
  key.source = packet.source;
  key.destination = packet.destination;
  key.identification = packet.fragment.identification;
  key.tunnel = packet.tunnel;
  key.protocol = packet.ip_version == 4 ? packet.fragment.protocol : std::uint8_t{0};
  key.ip_version = packet.ip_version;
  return key;
}

std::uint64_t IpFragments::hash(const Key& key) const noexcept {
  std::uint64_t mixed = fold_multiply(key.source.high ^ secrets_[0], key.source.low ^ secrets_[1]);
  mixed = fold_multiply(mixed ^ key.destination.high, key.destination.low ^ secrets_[2]);
  mixed ^= key.tunnel;
  const std::uint64_t rest =
      std::uint64_t{key.identification} << 16 | std::uint64_t{key.protocol} << 8 | key.ip_version;
  return fold_multiply(mixed ^ rest, secrets_[3]);
}

IpFragments::Completed* IpFragments::find_completed(const Key& key, std::uint32_t end,
                                                    Timestamp now) noexcept {
  const std::size_t count = std::min(completed_count_, completed_.size());
  for (Completed& completed : std::span(completed_).first(count)) {
    const bool is_recent = nanoseconds_between(completed.at, now) <= kLateCopyWindow.nanoseconds;
    if (is_recent && completed.key == key && end <= completed.datagram.payload_length) {
      return &completed;
    }
  }
  return nullptr;
}

// What another system may have read: the datagram with the bytes that came late.
std::optional<Datagram> IpFragments::add_late(const Packet& packet, Completed& completed) noexcept {
  ++counters_.overlaps;
  Datagram& datagram = completed.datagram;
  const std::size_t offset = std::min<std::size_t>(packet.fragment.offset, datagram.payload.size());
  const std::size_t size = std::min(packet.payload.size(), datagram.payload.size() - offset);
  // The payload is borrowed from whole_, which is writable.
  std::byte* const held = whole_.data() + (datagram.payload.data() - whole_.data()) + offset;
  if (size == 0 || std::memcmp(held, packet.payload.data(), size) == 0) return std::nullopt;
  ++counters_.conflicts;
  std::memcpy(held, packet.payload.data(), size);
  datagram.doubts.add(Doubt::fragment_conflict);
  return datagram;
}

Slot<IpFragments::Chain> IpFragments::begin_chain(const Key& key, Timestamp now) noexcept {
  if (chains_.full()) {
    ++counters_.evicted;
    drop(chains_.oldest());
  }
  const Slot<Chain> slot = chains_.add(hash(key));
  Chain& chain = chains_[slot];
  chain = {};
  chain.key = key;
  chain.begun = now;
  return slot;
}

// Whether the fragment agrees with the others about where the datagram ends.
bool IpFragments::fits(const Chain& chain, const Packet& packet) noexcept {
  const std::uint32_t end = end_of(packet);
  if (packet.fragment.more) return chain.length == 0 || end <= chain.length;
  return end >= chain.farthest && (chain.length == 0 || end == chain.length);
}

bool IpFragments::hold(Slot<Chain> slot, const Packet& packet) noexcept {
  Chain& chain = chains_[slot];
  PlacedBytes run;
  run.begin = packet.fragment.offset;
  run.bytes = packet.payload;
  run.missing = packet.payload_length - static_cast<std::uint32_t>(packet.payload.size());
  for (;;) {
    switch (chain.pieces.insert(run, {}, kChainBounds, pool_)) {
      case HoldResult::held: return true;
      case HoldResult::conflicting:
        ++counters_.conflicts;
        chain.doubts.add(Doubt::fragment_conflict);
        [[fallthrough]];
      case HoldResult::overlapped: ++counters_.overlaps; return true;
      case HoldResult::no_room: break;
    }
    // Others make room first, the oldest before the rest; a datagram of too many pieces is itself
    // the fault.
    ++counters_.evicted;
    const bool is_own_fault = chain.pieces.size() >= kChainBounds.pieces;
    const Slot<Chain> victim = is_own_fault ? slot : chains_.oldest();
    drop(victim);
    if (victim == slot) return false;
  }
}

const Datagram& IpFragments::complete(const Chain& chain, Timestamp now) noexcept {
  const std::size_t place = completed_count_++ % completed_.size();
  std::byte* const whole = whole_.data() + place * kDatagramBytesMax;
  std::size_t size = 0;
  for (Slot<Piece> slot = chain.pieces.first(); slot; slot = pool_[slot].next) {
    if (!pool_[slot].present) break;
    const Bytes bytes = pool_.bytes(slot);
    std::memcpy(whole + size, bytes.data(), bytes.size());
    size += bytes.size();
  }
  Completed& completed = completed_[place];
  completed.at = now;
  completed.key = chain.key;
  Datagram& datagram = completed.datagram;
  datagram.source = chain.key.source;
  datagram.destination = chain.key.destination;
  datagram.ip_version = chain.key.ip_version;
  datagram.protocol = chain.protocol;
  datagram.depth = chain.depth;
  datagram.tunnel = chain.key.tunnel;
  datagram.doubts = chain.doubts;
  datagram.payload = Bytes(whole, size);
  datagram.payload_length = chain.length;
  return datagram;
}

void IpFragments::expire(Timestamp now) noexcept {
  while (const Slot<Chain> oldest = chains_.oldest()) {
    const std::int64_t age = nanoseconds_between(chains_[oldest].begun, now);
    if (age <= age_max_.nanoseconds) return;
    ++counters_.expired;
    drop(oldest);
  }
}

void IpFragments::drop(Slot<Chain> slot) noexcept {
  chains_[slot].pieces.clear(pool_);
  chains_.remove(slot);
}

}  // namespace rpcaudit::dissect
