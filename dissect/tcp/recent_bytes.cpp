#include "dissect/tcp/recent_bytes.h"

#include <algorithm>
#include <cstring>

#include "dissect/tcp/sequence_number.h"

namespace rpcaudit::dissect {

void RecentBytes::reset(std::uint32_t sequence) noexcept {
  known_from_ = sequence;
  newest_ = {};
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

  if (newest_.size == 0 || newest_.end != sequence) begin_run(sequence);
  newest_.end = sequence + size;
  newest_.size = std::min<std::uint32_t>(newest_.size + size, kBytes);
  newest_.log_end = written_;
  if (run_count_ != 0) drop_overwritten();
  if (newest_.size == kBytes && sequence_distance(known_from_, newest_.begin()) > 0) {
    known_from_ = newest_.begin();
  }
}

void RecentBytes::begin_run(std::uint32_t sequence) noexcept {
  if (newest_.size != 0) {
    if (run_count_ == kRuns) {
      known_from_ = runs_[first_run_].end;
      first_run_ = static_cast<std::uint8_t>((first_run_ + 1u) % kRuns);
      --run_count_;
    }
    runs_[(first_run_ + run_count_) % kRuns] = newest_;
    ++run_count_;
  }
  newest_ = {sequence, 0, 0};
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

CopyResult RecentBytes::compare(const Run& run, std::uint32_t sequence,
                                Bytes bytes) const noexcept {
  const std::uint32_t end = sequence + static_cast<std::uint32_t>(bytes.size());
  const std::uint32_t from = sequence_distance(sequence, run.begin()) > 0 ? run.begin() : sequence;
  const std::uint32_t to = sequence_distance(run.end, end) > 0 ? run.end : end;
  if (run.size == 0 || sequence_distance(from, to) <= 0) return CopyResult::same;
  const std::size_t count = to - from;
  const std::size_t place = (run.log_end - (run.end - from)) % kBytes;
  const std::size_t before_wrap = std::min(count, kBytes - place);
  const std::byte* copy = bytes.data() + (from - sequence);
  const bool is_same = std::memcmp(copy, bytes_.data() + place, before_wrap) == 0 &&
                       std::memcmp(copy + before_wrap, bytes_.data(), count - before_wrap) == 0;
  return is_same ? CopyResult::same : CopyResult::differs;
}

CopyResult RecentBytes::compare(std::uint32_t sequence, Bytes bytes) const noexcept {
  if (compare(newest_, sequence, bytes) == CopyResult::differs) return CopyResult::differs;
  for (std::size_t i = 0; i < run_count_; ++i) {
    const Run& run = runs_[(first_run_ + i) % kRuns];
    if (compare(run, sequence, bytes) == CopyResult::differs) return CopyResult::differs;
  }
  return sequence_distance(sequence, known_from_) > 0 ? CopyResult::unknown : CopyResult::same;
}

RecentBytesPool::RecentBytesPool(const Limits& limits)
    : entries_(std::max<std::size_t>(2, limits.recent_bytes / RecentBytes::kBytes)),
      owners_(entries_.capacity()) {}

RecentBytes* RecentBytesPool::find(const RecentBytesHandle& handle) noexcept {
  return has(handle) ? &entries_[handle.slot] : nullptr;
}

RecentBytes& RecentBytesPool::get(RecentBytesHandle& handle, std::uint32_t sequence) noexcept {
  if (!has(handle)) {
    const Slot<RecentBytes> slot = take();
    entries_[slot].reset(sequence);
    handle = {slot, ++owners_[slot.index].generation};
  }
  owners_[handle.slot.index].was_used = true;
  return entries_[handle.slot];
}

void RecentBytesPool::release(RecentBytesHandle& handle) noexcept {
  if (has(handle)) {
    ++owners_[handle.slot.index].generation;
    entries_.release(handle.slot);
  }
  handle = {};
}

Slot<RecentBytes> RecentBytesPool::take() noexcept {
  if (const Slot<RecentBytes> free = entries_.take()) return free;
  // Once around at most: by then no entry counts as used.
  for (;;) {
    hand_ = hand_ + 1 == entries_.capacity() ? 0 : hand_ + 1;
    Owner& owner = owners_[hand_];
    if (!owner.was_used) return Slot<RecentBytes>(hand_);
    owner.was_used = false;
  }
}

}  // namespace rpcaudit::dissect
