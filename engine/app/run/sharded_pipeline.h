#pragma once

#include "engine/app/run/pipeline.h"
#include "engine/app/run/record_output.h"

namespace rpcaudit::app {

// What all workers together gave.
struct ShardedRun {
  FrameRun frames;
  audit::AuditTally tally;
};

// The same as one run of all frames into one auditor, by `workers` threads that share the reading
// (frame_ring.h) and dissect and judge the host pairs that are their own. Nothing else is shared
// but the policy, and records are merged by frame, so the output is the same for any number of
// workers as long as no limit is reached. `sink` is the output's own. `source` must keep frames for
// FrameRing::kBatches reads.
[[nodiscard]] ShardedRun run_sharded(std::uint32_t workers, const dissect::Limits& limits,
                                     const audit::AuditOptions& audit, RecordFormat format,
                                     bool progress, capture::FrameSource& source,
                                     RecordOutput& output, audit::EventSink& sink);

}  // namespace rpcaudit::app
