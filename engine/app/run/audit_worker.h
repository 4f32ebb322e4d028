#pragma once

#include <chrono>
#include <cstdint>
#include <functional>

#include "dissect/statistics.h"
#include "engine/app/run/frame_feed.h"
#include "engine/app/run/worker.h"
#include "engine/audit/auditor.h"
#include "engine/audit/sink/event_merger.h"
#include "engine/audit/sink/event_recorder.h"

namespace rpcaudit::app {

// One of several that dissect and judge, each on a thread of its own and for frames of its own; a
// merger puts their events in order.
class AuditWorker : public BatchListener {
 public:
  // Borrows all of them. `index` is below the merger's number of shards.
  AuditWorker(std::uint32_t index, const dissect::Limits& limits,
              const audit::AuditOptions& options, FrameFeed& feed, audit::EventMerger& merger);

  // Called on the worker's thread between two batches: at least every kTimeBetween while frames
  // arrive, and whenever there are none.
  using Between = std::function<void(AuditWorker&)>;
  void set_between(Between between) { between_ = std::move(between); }

  // To be called on the worker's thread, between two batches; see Auditor::take_over().
  void take_over(const evaluate::ServerPolicies& policies) { auditor_.take_over(policies); }

  // Runs until the feed ends.
  void run();

  void on_batch(std::uint64_t seen_before, Reason reason) override;

  // For the worker's own thread, or when it has run.
  [[nodiscard]] const dissect::DissectStatistics& statistics() const noexcept {
    return worker_.statistics();
  }
  [[nodiscard]] const audit::AuditTally& tally() const noexcept { return auditor_.tally(); }

 private:
  // How far a worker is, it says after so many batches or so much time, so that one without
  // findings holds nobody up.
  static constexpr unsigned kBatchesBetween = 64;
  static constexpr std::chrono::milliseconds kTimeBetween{200};

  [[nodiscard]] bool is_time();

  std::uint32_t index_;
  audit::EventMerger& merger_;
  FrameFeed& feed_;
  audit::EventRecorder recorder_;
  audit::Auditor auditor_;
  Worker worker_;
  Between between_;
  unsigned batches_ = 0;
  std::chrono::steady_clock::time_point published_ = std::chrono::steady_clock::now();
};

}  // namespace rpcaudit::app
