#pragma once

#include <cstddef>

#include "dissect/statistics.h"
#include "engine/app/run/capture_reader.h"
#include "engine/app/run/frame_ring.h"
#include "engine/audit/auditor.h"
#include "engine/audit/sink/event_merger.h"

namespace rpcaudit::app {

// What a run of frames gave, whoever observed it.
struct FrameRun {
  ReadRun read;
  dissect::DissectStatistics statistics;
};

// What is asked of a run, beside what it reads and where its events go.
struct RunPlan {
  unsigned workers = 1;
  dissect::Limits limits;  // of each worker
  bool progress = false;   // tell how far the run is, on standard error
  std::size_t batch_frames = FrameRoom::kFramesMax;
  audit::EventMerger::Bounds merger;

  // For how many reads the source must keep its frames.
  [[nodiscard]] std::size_t loans() const noexcept {
    return workers == 1 ? 1 : FrameRing::kBatches;
  }
};

// Takes every frame of `source` through a dissector to `observer`, until the end or `stop`, on this
// thread.
[[nodiscard]] FrameRun run_frames(capture::FrameSource& source, const Stop& stop,
                                  const RunPlan& plan, dissect::RpcObserver& observer);

// What all workers together gave.
struct AuditRun {
  FrameRun frames;
  audit::AuditTally tally;
};

// Takes the frames through a dissector and an auditor for each of plan.workers; `sink` is told
// everything once and in order, on this thread. One worker runs on this thread, too. Several share
// the reading (frame_ring.h) and dissect and judge the host pairs that are their own. Nothing else
// is shared but the policy, and events are merged by frame, so that the sink is told the same for
// any number of workers as long as no limit is reached.
[[nodiscard]] AuditRun run_audit(capture::FrameSource& source, const Stop& stop,
                                 const RunPlan& plan, const audit::AuditOptions& options,
                                 audit::EventSink& sink);

}  // namespace rpcaudit::app
