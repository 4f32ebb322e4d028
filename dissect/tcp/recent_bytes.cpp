#include "dissect/tcp/recent_bytes.h"

#include <algorithm>
#include <cstring>

#include "dissect/tcp/sequence_number.h"

namespace rpcaudit::dissect {

void RecentBytes::reset(std::uint32_t sequence) noexcept {
  known_from_ = sequence;
  first_run_ = 0;
  run_count_ = 0;
}

void RecentBytes::append(std::uint32_t sequence, Bytes bytes) noexcept {
  if (bytes.size() > kBytes) {
    sequence += static_cast<std::uint32_t>(bytes.size() - kBytes);
    bytes = bytes.last(kBytes);
    reset(sequence);
  }
  const auto size = static_cast<std::uint32_t>(bytes.size());
  const std::size_t place = written_ % kBytes;
  const std::size_t before_wrap = std::min<std::size_t>(size, kBytes - place);
  std::memcpy(bytes_.data() + place, bytes.data(), before_wrap);
  std::memcpy(bytes_.data(), bytes.data() + before_wrap, size - before_wrap);
  written_ += size;

  Run* last = run_count_ == 0 ? nullptr : &runs_[(first_run_ + run_count_ - 1u) % kRuns];
  if (last == nullptr || last->end != sequence) {
    if (run_count_ == kRuns) {
      known_from_ = runs_[first_run_].end;
      first_run_ = static_cast<std::uint8_t>((first_run_ + 1u) % kRuns);
      --run_count_;
    }
    last = &runs_[(first_run_ + run_count_) % kRuns];
    ++run_count_;
    *last = {sequence, 0, 0};
  }
  last->end = sequence + size;
  last->size = std::min<std::uint32_t>(last->size + size, kBytes);
  last->log_end = written_;
  drop_overwritten();
}

// What is left of the oldest runs after `bytes_` has been written over.
void RecentBytes::drop_overwritten() noexcept {
  while (run_count_ != 0) {
    Run& oldest = runs_[first_run_];
    const std::uint32_t behind = written_ - oldest.log_end;  // bytes appended after the run
    if (behind + oldest.size < kBytes) return;
    if (behind < kBytes) {
      oldest.size = static_cast<std::uint32_t>(kBytes) - behind;
      if (sequence_distance(known_from_, oldest.begin()) > 0) known_from_ = oldest.begin();
      return;
    }
    known_from_ = oldest.end;
    first_run_ = static_cast<std::uint8_t>((first_run_ + 1u) % kRuns);
    --run_count_;
  }
}

CopyResult RecentBytes::compare(std::uint32_t sequence, Bytes bytes) const noexcept {
  const std::uint32_t end = sequence + static_cast<std::uint32_t>(bytes.size());
  for (std::size_t i = 0; i < run_count_; ++i) {
    const Run& run = runs_[(first_run_ + i) % kRuns];
    const std::uint32_t from =
        sequence_distance(sequence, run.begin()) > 0 ? run.begin() : sequence;
    const std::uint32_t to = sequence_distance(run.end, end) > 0 ? run.end : end;
    if (sequence_distance(from, to) <= 0) continue;
    const std::size_t count = to - from;
    const std::size_t place = (run.log_end - (run.end - from)) % kBytes;
    const std::size_t before_wrap = std::min(count, kBytes - place);
    const std::byte* copy = bytes.data() + (from - sequence);
    if (std::memcmp(copy, bytes_.data() + place, before_wrap) != 0 ||
        std::memcmp(copy + before_wrap, bytes_.data(), count - before_wrap) != 0) {
      return CopyResult::differs;
    }
  }
  return sequence_distance(sequence, known_from_) > 0 ? CopyResult::unknown : CopyResult::same;
}

RecentBytesPool::RecentBytesPool(const Limits& limits)
    : entries_(std::max<std::size_t>(2, limits.recent_bytes / RecentBytes::kBytes)) {}

RecentBytes* RecentBytesPool::find(const RecentBytesHandle& handle) noexcept {
  if (!handle.slot) return nullptr;
  Entry& entry = entries_[entry_of(handle)];
  return entry.generation == handle.generation ? &entry.bytes : nullptr;
}

RecentBytes& RecentBytesPool::get(RecentBytesHandle& handle, std::uint32_t sequence) noexcept {
  if (handle.slot) {
    Entry& entry = entries_[entry_of(handle)];
    if (entry.generation == handle.generation) {
      entry.was_used = true;
      return entry.bytes;
    }
  }
  const Slot<Entry> slot = take();
  Entry& entry = entries_[slot];
  entry.was_used = true;
  entry.bytes.reset(sequence);
  handle = {Slot<RecentBytes>(slot.index), ++entry.generation};
  return entry.bytes;
}

void RecentBytesPool::release(RecentBytesHandle& handle) noexcept {
  if (find(handle) != nullptr) {
    ++entries_[entry_of(handle)].generation;
    entries_.release(entry_of(handle));
  }
  handle = {};
}

Slot<RecentBytesPool::Entry> RecentBytesPool::take() noexcept {
  if (const Slot<Entry> free = entries_.take()) return free;
  // Once around at most: by then no entry counts as used.
  for (;;) {
    hand_ = hand_ + 1 == entries_.capacity() ? 0 : hand_ + 1;
    const Slot<Entry> slot(hand_);
    Entry& entry = entries_[slot];
    if (!entry.was_used) return slot;
    entry.was_used = false;
  }
}

}  // namespace rpcaudit::dissect
