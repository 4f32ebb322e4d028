#pragma once

#include "engine/app/pipeline.h"
#include "engine/app/record_output.h"

namespace rpcaudit {

// What all workers together gave.
struct ShardedRun {
  FrameRun frames;
  AuditTally tally;
};

// The same as one run of all frames into one auditor, by options.workers threads: each walks the
// whole capture and dissects and judges the host pairs that are its own. Nothing is shared but the
// policy, and records are merged by frame, so the output is the same for any number of workers as
// long as no limit is reached. `source` serves the first worker, the others open their own.
[[nodiscard]] ShardedRun run_sharded(const RunOptions& options, const Limits& limits,
                                     const AuditOptions& audit, RecordFormat format, bool progress,
                                     FrameSource& source, RecordOutput& output,
                                     spdlog::logger& log);

}  // namespace rpcaudit
