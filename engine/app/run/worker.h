#pragma once

#include <cstdint>

#include "dissect/dissector.h"
#include "engine/app/run/frame_feed.h"

namespace rpcaudit::app {

// Told by a worker between batches.
class BatchListener {
 public:
  BatchListener() = default;
  BatchListener(const BatchListener&) = delete;
  BatchListener& operator=(const BatchListener&) = delete;
  virtual ~BatchListener() = default;

  // Why a worker comes by.
  enum class Reason : std::uint8_t {
    batch,
    idle,   // there are no more frames for now
    woken,  // by somebody, not by a batch
  };

  // All frames before this one were shown.
  virtual void on_batch(std::uint64_t seen_before, Reason reason) = 0;
};

// Shows a dissector of its own the frames of a feed. The only way frames are run through one.
class Worker {
 public:
  // Borrows the observer.
  Worker(const dissect::Limits& limits, dissect::RpcObserver& observer);

  // Runs until the feed ends, and finishes the dissector.
  void run(FrameFeed& feed, BatchListener& listener);

  [[nodiscard]] const dissect::DissectStatistics& statistics() const noexcept {
    return dissector_.statistics();
  }

 private:
  void process(const FrameBatch& batch);
  void pass_time(const capture::TimeTick& tick);
  void advance();

  dissect::Dissector dissector_;
  Frame last_;  // of all frames shown; sequence 0 before the first
};

}  // namespace rpcaudit::app
