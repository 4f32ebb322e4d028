#include "dissect/tcp/recent_bytes.h"

#include <algorithm>
#include <cstring>
#include <utility>

#include "dissect/tcp/sequence_number.h"

namespace rpcaudit::dissect {

void RecentBytes::reset(std::uint32_t sequence) noexcept {
  large_ = nullptr;
  known_from_ = sequence;
  newest_size_ = kept_ = next_ = 0;
  first_run_ = run_count_ = 0;
}

void RecentBytes::append(std::uint32_t sequence, Bytes bytes) noexcept {
  const Ring ring = this->ring();
  if (bytes.size() > ring.size) {
    sequence += static_cast<std::uint32_t>(bytes.size() - ring.size);
    bytes = bytes.last(ring.size);
    known_from_ = sequence;
    newest_size_ = kept_ = 0;
    run_count_ = 0;
  }
  const auto count = static_cast<std::uint32_t>(bytes.size());
  const std::uint32_t before_wrap = std::min(count, ring.size - next_);
  std::memcpy(ring.bytes + next_, bytes.data(), before_wrap);
  std::memcpy(ring.bytes, bytes.data() + before_wrap, count - before_wrap);
  next_ = static_cast<std::uint16_t>((next_ + count) & (ring.size - 1));

  if (newest_size_ == 0 || newest_end_ != sequence) begin_run(sequence, ring);
  newest_end_ = sequence + count;
  newest_size_ = static_cast<std::uint16_t>(newest_size_ + count);
  kept_ = static_cast<std::uint16_t>(kept_ + count);
  if (kept_ > ring.size) drop_overwritten(ring);
}

void RecentBytes::begin_run(std::uint32_t sequence, const Ring& ring) noexcept {
  if (newest_size_ != 0) {
    if (run_count_ == ring.runs) drop_oldest_run(ring);
    ++run_count_;
    const std::uint32_t index = index_of_run(0, ring);
    ring.run_ends[index] = newest_end_;
    ring.run_sizes[index] = newest_size_;
  }
  newest_end_ = sequence;
  newest_size_ = 0;
}

void RecentBytes::drop_oldest_run(const Ring& ring) noexcept {
  known_from_ = ring.run_ends[first_run_];
  kept_ = static_cast<std::uint16_t>(kept_ - ring.run_sizes[first_run_]);
  first_run_ = first_run_ + 1u == ring.runs ? 0 : static_cast<std::uint8_t>(first_run_ + 1);
  --run_count_;
}

// More was written than the ring holds, over the oldest bytes.
void RecentBytes::drop_overwritten(const Ring& ring) noexcept {
  while (run_count_ != 0 && kept_ - ring.run_sizes[first_run_] >= static_cast<int>(ring.size)) {
    drop_oldest_run(ring);
  }
  const auto lost = static_cast<std::uint16_t>(kept_ - ring.size);
  std::uint16_t& size = run_count_ == 0 ? newest_size_ : ring.run_sizes[first_run_];
  const std::uint32_t end = run_count_ == 0 ? newest_end_ : ring.run_ends[first_run_];
  size = static_cast<std::uint16_t>(size - lost);
  kept_ = static_cast<std::uint16_t>(ring.size);
  known_from_ = end - size;
}

void RecentBytes::widen(LargeRing& ring) noexcept { move_to(&ring); }
void RecentBytes::narrow() noexcept { move_to(nullptr); }

// Both rings are there all the time.
void RecentBytes::move_to(LargeRing* large) noexcept {
  const Ring from = ring();
  std::swap(large_, large);
  const Ring to = ring();
  std::swap(large_, large);
  while (run_count_ > to.runs) drop_oldest_run(from);
  std::array<std::uint32_t, kLargeRuns> ends;
  std::array<std::uint16_t, kLargeRuns> sizes;
  for (std::uint32_t age = 0; age < run_count_; ++age) {
    ends[age] = from.run_ends[index_of_run(age, from)];
    sizes[age] = from.run_sizes[index_of_run(age, from)];
  }
  first_run_ = 0;
  for (std::uint32_t age = 0; age < run_count_; ++age) {
    to.run_ends[index_of_run(age, to)] = ends[age];
    to.run_sizes[index_of_run(age, to)] = sizes[age];
  }
  const std::uint32_t count = std::min<std::uint32_t>(kept_, to.size);
  for (std::uint32_t back = 1; back <= count; ++back) {
    to.bytes[(count - back)] = from.bytes[(next_ - back) & (from.size - 1)];
  }
  next_ = static_cast<std::uint16_t>(count & (to.size - 1));
  large_ = large;
  if (kept_ > to.size) drop_overwritten(to);
}

// Walks from the newest run to the oldest.
CopyResult RecentBytes::compare(std::uint32_t sequence, Bytes bytes) const noexcept {
  const Ring ring = this->ring();
  const std::uint32_t end = sequence + static_cast<std::uint32_t>(bytes.size());
  std::uint32_t run_end = newest_end_;
  std::uint32_t run_size = newest_size_;
  std::uint32_t place = next_;  // behind the run
  for (std::uint32_t age = 0;; ++age) {
    const std::uint32_t begin = run_end - run_size;
    const std::uint32_t from = sequence_distance(sequence, begin) > 0 ? begin : sequence;
    const std::uint32_t to = sequence_distance(run_end, end) > 0 ? run_end : end;
    if (run_size != 0 && sequence_distance(from, to) > 0) {
      const std::uint32_t count = to - from;
      const std::uint32_t at = (place - (run_end - from)) & (ring.size - 1);
      const std::uint32_t before_wrap = std::min(count, ring.size - at);
      const std::byte* const copy = bytes.data() + (from - sequence);
      if (std::memcmp(copy, ring.bytes + at, before_wrap) != 0 ||
          std::memcmp(copy + before_wrap, ring.bytes, count - before_wrap) != 0) {
        return CopyResult::differs;
      }
    }
    if (age == run_count_) break;
    place -= run_size;
    run_end = ring.run_ends[index_of_run(age, ring)];
    run_size = ring.run_sizes[index_of_run(age, ring)];
  }
  return sequence_distance(sequence, known_from_) > 0 ? CopyResult::unknown : CopyResult::same;
}

}  // namespace rpcaudit::dissect
