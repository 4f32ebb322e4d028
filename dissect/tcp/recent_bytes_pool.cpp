#include "dissect/tcp/recent_bytes_pool.h"

#include <algorithm>

namespace rpcaudit::dissect {

// Half the memory is for each kind.
RecentBytesPool::RecentBytesPool(const Limits& limits)
    : entries_(std::max<std::size_t>(2, limits.recent_bytes / 2 / sizeof(RecentBytesEntry))),
      large_(std::max<std::size_t>(1, limits.recent_bytes / 2 / sizeof(RecentBytes::LargeRing))),
      owners_(large_.capacity()) {}

void RecentBytesPool::append(RecentBytesHandle& handle, std::uint32_t delivered_from,
                             std::uint32_t sequence, Bytes bytes,
                             const TcpReceiver& receiver) noexcept {
  if (!has(handle)) {
    handle.slot = take();
    RecentBytesEntry& taken = entries_[handle.slot];
    taken.bytes.reset(delivered_from);
    handle.generation = ++taken.generation;
  }
  RecentBytesEntry& entry = entries_[handle.slot];
  const bool fits_small = entry.bytes.fits_small(
      bytes.size(), [&](std::uint32_t end) { return receiver.has_acknowledged(end); });
  if (fits_small == entry.bytes.is_large()) [[unlikely]] {
    fits_small ? narrow(entry) : widen(handle.slot);
  }
  entry.bytes.append(sequence, bytes);
  entry.was_used = true;
}

void RecentBytesPool::release(RecentBytesHandle& handle) noexcept {
  if (has(handle)) {
    RecentBytesEntry& entry = entries_[handle.slot];
    if (entry.large) narrow(entry);
    ++entry.generation;
    entries_.release(handle.slot);
  }
  handle = {};
}

Slot<RecentBytesEntry> RecentBytesPool::take() noexcept {
  if (const Slot<RecentBytesEntry> free = entries_.take()) return free;
  // Once around at most: by then no entry counts as used.
  for (;;) {
    hand_ = hand_ + 1 == entries_.capacity() ? 0 : hand_ + 1;
    const Slot<RecentBytesEntry> slot(hand_);
    RecentBytesEntry& entry = entries_[slot];
    if (!entry.was_used) {
      if (entry.large) narrow(entry);
      return slot;
    }
    entry.was_used = false;
  }
}

void RecentBytesPool::widen(Slot<RecentBytesEntry> slot) noexcept {
  Slot<RecentBytes::LargeRing> ring = large_.take();
  if (!ring) {
    large_hand_ = large_hand_ + 1 == large_.capacity() ? 0 : large_hand_ + 1;
    narrow(entries_[owners_[large_hand_]]);
    ring = large_.take();
  }
  owners_[ring.index] = slot;
  entries_[slot].large = ring;
  entries_[slot].bytes.widen(large_[ring]);
}

void RecentBytesPool::narrow(RecentBytesEntry& entry) noexcept {
  entry.bytes.narrow();
  large_.release(entry.large);
  entry.large = {};
}

}  // namespace rpcaudit::dissect
