#pragma once

#include <array>
#include <atomic>
#include <condition_variable>
#include <cstdint>
#include <mutex>
#include <vector>

#include "capture/frame.h"
#include "dissect/limits.h"
#include "engine/app/run/capture_reader.h"
#include "engine/app/run/frame_feed.h"

namespace rpcaudit::app {

// One capture for several workers. Each of them sees every batch, in the same order, and takes the
// frames of its shard; whoever is ahead of the others reads the next batch for all and finds out
// whose its frames are, so that this costs each of them its part only. Nothing is copied.
//
// Every read of the source is one batch, also one that gave no frames: the source counts reads to
// know how long frames are borrowed.
class FrameRing {
 public:
  // Batches at hand at a time, read and not yet seen by everybody.
  static constexpr std::size_t kBatches = 16;

  // Borrows both. The reader's source must keep a batch for kBatches reads. At most 256 workers.
  FrameRing(CaptureReader& reader, const dissect::Limits& limits, std::uint32_t workers);

  // A batch of the ring, with the shard of each of its frames.
  struct Batch {
    FrameBatch::State state = FrameBatch::State::ended;
    const FrameRoom* room = nullptr;
    const std::uint8_t* shards = nullptr;
  };

  // The next batch for `worker`. Waits until there is one, the input has ended, or wake_all() was
  // called since this worker was last told so.
  [[nodiscard]] Batch take(std::uint32_t worker);
  // The worker is done with the batch that it took.
  void give_back(std::uint32_t worker);

  // Has every worker that finds no batch return from take(). Any thread may call it.
  void wake_all();

 private:
  struct Slot {
    bool ready = false;  // its frames are sorted
    FrameRoom room;
    std::array<std::uint8_t, FrameRoom::kFramesMax> shards{};
  };

  [[nodiscard]] bool should_read(std::uint32_t worker) const noexcept;
  void fill(std::unique_lock<std::mutex>& lock);
  void note_change();
  void wait_for_change(std::unique_lock<std::mutex>& lock);

  CaptureReader& reader_;
  const dissect::Limits& limits_;
  std::mutex mutex_;
  std::condition_variable changed_;
  std::atomic<std::uint32_t> changes_{0};
  std::uint32_t sleepers_ = 0;
  std::vector<Slot> slots_;
  std::vector<std::uint64_t> done_;        // by worker: how many batches it gave back
  std::vector<std::uint64_t> wakes_seen_;  // by worker: wakes_ when it was last woken
  std::uint64_t wakes_ = 0;                // how often wake_all() was called
  std::uint64_t read_ = 0;                 // how many batches were read
  bool reading_ = false;                   // a worker is at it
  bool ended_ = false;
};

// The part of one worker.
class RingFeed : public FrameFeed {
 public:
  // Borrows the ring.
  RingFeed(FrameRing& ring, std::uint32_t worker) : ring_(ring), worker_(worker) {}

  [[nodiscard]] FrameBatch take() override;
  void give_back() override { ring_.give_back(worker_); }

 private:
  FrameRing& ring_;
  std::uint32_t worker_;
  std::array<Frame, FrameRoom::kFramesMax> mine_;  // put together: the dissector looks ahead
};

}  // namespace rpcaudit::app
