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

// Frames read together, and the shard that each belongs to.
struct FrameBatch {
  std::span<const Frame> frames;
  std::span<const std::uint8_t> shards;
};

// One capture for several workers. Each of them sees every batch, in the same order, and takes the
// frames of its shard; whoever is ahead of the others reads the next batch for all and finds out
// whose its frames are, so that this costs each of them its part only. Nothing is copied.
class FrameRing {
 public:
  // Batches at hand at a time, read and not yet seen by everybody.
  static constexpr std::size_t kBatches = 16;

  // Borrows both. The reader's source must keep a batch for kBatches reads. At most 256 workers.
  FrameRing(CaptureReader& reader, const dissect::Limits& limits, std::uint32_t workers);

  // The next batch for `worker`; one without frames is the end. Waits until there is one.
  [[nodiscard]] FrameBatch take(std::uint32_t worker);
  // The worker is done with the batch that it took.
  void give_back(std::uint32_t worker);

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
  std::vector<std::uint64_t> done_;  // by worker: how many batches it gave back
  std::uint64_t read_ = 0;           // how many batches were read
  bool reading_ = false;             // a worker is at it
  bool ended_ = false;
};

}  // namespace rpcaudit::app
