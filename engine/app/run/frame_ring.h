#pragma once

#include <array>
#include <atomic>
#include <condition_variable>
#include <cstdint>
#include <mutex>
#include <span>
#include <vector>

#include "capture/frame.h"
#include "dissect/limits.h"
#include "engine/app/run/capture_reader.h"

namespace rpcaudit::app {

// What a worker gets: frames read together, and the shard that each belongs to.
struct FrameBatch {
  enum class State : std::uint8_t {
    frames,  // to be given back; may be empty
    woken,   // none yet: wake_all() was called meanwhile
    ended,   // no more will come
  };

  State state = State::ended;
  std::span<const Frame> frames;
  std::span<const std::uint8_t> shards;
};

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

  // The next batch for `worker`. Waits until there is one, the input has ended, or wake_all() was
  // called since this worker was last told so.
  [[nodiscard]] FrameBatch take(std::uint32_t worker);
  // The worker is done with the batch that it took.
  void give_back(std::uint32_t worker);

  // Has every worker that finds no batch return from take(). Any thread may call it.
  void wake_all();

 private:
  struct Slot {
    bool ready = false;  // its frames are sorted
    std::size_t count = 0;
    std::array<Frame, CaptureReader::kBatchSize> frames;
    std::array<std::uint8_t, CaptureReader::kBatchSize> shards{};
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

}  // namespace rpcaudit::app
