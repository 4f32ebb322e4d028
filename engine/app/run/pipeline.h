#pragma once

#include <cstdint>
#include <memory>
#include <string>

#include "capture/frame_source.h"
#include "dissect/dissector.h"
#include "engine/app/exit_status.h"
#include "engine/app/run/capture_reader.h"
#include "engine/app/run/log.h"
#include "engine/app/run/run_options.h"
#include "engine/audit/auditor.h"
#include "engine/audit/report/summary.h"

namespace rpcaudit::app {

// What the run of the frames gave, whoever observed it.
struct FrameRun {
  ReadRun read;
  dissect::DissectStatistics statistics;
};

// Opens the captures named; says what keeps it from doing so and returns nothing. Frames stay valid
// for `loans` reads.
[[nodiscard]] std::unique_ptr<capture::FrameSource> open_source(const RunOptions& options, Log& log,
                                                                std::size_t loans = 1);

// A dissector for one run.
[[nodiscard]] dissect::Dissector make_dissector(const dissect::Limits& limits,
                                                dissect::RpcObserver& observer);

// Takes every frame of `source` through the dissector to `observer`, until the end or a stop
// signal. With `progress` it tells how far it is, on stderr.
[[nodiscard]] FrameRun run_frames(capture::FrameSource& source, const dissect::Limits& limits,
                                  dissect::RpcObserver& observer, bool progress);

// The commands that write records: captures in, records out, summary on stderr. `audit` is without
// a policy for a plain log of calls.
[[nodiscard]] ExitStatus run_records(const RunOptions& options, audit::AuditOptions audit,
                                     RecordFormat format_by_default, Log& log);

}  // namespace rpcaudit::app
