#include "engine/app/run/frame_ring.h"

#include <algorithm>
#include <thread>

#include "dissect/shard.h"

namespace rpcaudit::app {
namespace {

// A worker that has as many batches as this ahead of it leaves reading to the others.
constexpr std::uint64_t kReadAhead = 6;

// Waiting for the other worker to read a batch takes less time than falling asleep and being woken:
// some tens of microseconds are spent looking before that.
constexpr unsigned kLooks = 2000;

void pause_briefly() noexcept {
#if defined(__x86_64__)
  __builtin_ia32_pause();
#else
  std::this_thread::yield();
#endif
}

}  // namespace

FrameRing::FrameRing(CaptureReader& reader, const dissect::Limits& limits, std::uint32_t workers)
    : reader_(reader), limits_(limits), slots_(kBatches), done_(workers), wakes_seen_(workers) {}

bool FrameRing::should_read(std::uint32_t worker) const noexcept {
  return !reading_ && !ended_ && read_ < done_[worker] + kReadAhead &&
         read_ < *std::min_element(done_.begin(), done_.end()) + kBatches;
}

// Reads one more batch for all. The lock is not held meanwhile: the slot is nobody's. While this
// worker sorts the frames another one may read on.
void FrameRing::fill(std::unique_lock<std::mutex>& lock) {
  reading_ = true;
  Slot& slot = slots_[read_ % kBatches];
  slot.ready = false;
  lock.unlock();
  const bool read = reader_.read(slot.room);
  lock.lock();
  reading_ = false;
  ended_ = !read;
  if (!ended_) ++read_;
  note_change();
  lock.unlock();
  const auto shards = static_cast<std::uint32_t>(done_.size());
  for (std::size_t i = 0; i < slot.room.count; ++i) {
    slot.shards[i] =
        static_cast<std::uint8_t>(dissect::shard_of(slot.room.frames[i], limits_, shards));
  }
  lock.lock();
  slot.ready = true;
  note_change();
}

void FrameRing::note_change() {
  changes_.fetch_add(1, std::memory_order_release);
  if (sleepers_ != 0) changed_.notify_all();
}

void FrameRing::wait_for_change(std::unique_lock<std::mutex>& lock) {
  const std::uint32_t seen = changes_.load(std::memory_order_relaxed);
  const auto is_new = [&] { return changes_.load(std::memory_order_acquire) != seen; };
  lock.unlock();
  for (unsigned i = 0; i < kLooks && !is_new(); ++i) pause_briefly();
  lock.lock();
  ++sleepers_;
  changed_.wait(lock, is_new);
  --sleepers_;
}

FrameRing::Batch FrameRing::take(std::uint32_t worker) {
  std::unique_lock lock(mutex_);
  while (true) {
    if (should_read(worker)) fill(lock);
    const Slot& slot = slots_[done_[worker] % kBatches];
    if (done_[worker] < read_ && slot.ready) {
      return {FrameBatch::State::frames, &slot.room, slot.shards.data()};
    }
    if (ended_ && done_[worker] == read_) return {};
    if (wakes_seen_[worker] != wakes_) {
      wakes_seen_[worker] = wakes_;
      return {FrameBatch::State::woken, nullptr, nullptr};
    }
    if (!should_read(worker)) wait_for_change(lock);
  }
}

void FrameRing::give_back(std::uint32_t worker) {
  const std::lock_guard lock(mutex_);
  ++done_[worker];
  note_change();
}

void FrameRing::wake_all() {
  const std::lock_guard lock(mutex_);
  ++wakes_;
  note_change();
}

FrameBatch RingFeed::take() {
  const FrameRing::Batch batch = ring_.take(worker_);
  if (batch.state != FrameBatch::State::frames) return {batch.state, {}, {}, {}, false};
  const FrameRoom& room = *batch.room;
  std::size_t count = 0;
  for (std::size_t i = 0; i < room.count; ++i) {
    if (batch.shards[i] == worker_) mine_[count++] = room.frames[i];
  }
  return {FrameBatch::State::frames, std::span(room.frames).first(room.count),
          std::span(mine_).first(count), std::span(room.ticks).first(room.tick_count), room.idle};
}

}  // namespace rpcaudit::app
