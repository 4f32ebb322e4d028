#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <string>

#include "capture/frame_source.h"
#include "dissect/rpc_observer.h"
#include "dissect/statistics.h"
#include "engine/app/exit_status.h"
#include "engine/app/log.h"
#include "engine/app/run_options.h"
#include "engine/audit/auditor.h"
#include "engine/audit/summary.h"

namespace rpcaudit {

// What the run of the frames gave, whoever observed it.
struct FrameRun {
  DissectStatistics statistics;
  std::uint64_t frames = 0;
  std::uint64_t bytes = 0;
  std::uint64_t frames_of_odd_links = 0;  // not decoded
  std::optional<Timestamp> first;
  std::optional<Timestamp> last;
  bool interrupted = false;
};

// The part of the traffic that one dissector takes: host pairs whose hash modulo `count` is
// `index`.
struct Shard {
  std::uint32_t index = 0;
  std::uint32_t count = 1;
};

// Opens the captures named; says what keeps it from doing so and returns nothing.
[[nodiscard]] std::unique_ptr<FrameSource> open_source(const RunOptions& options,
                                                       spdlog::logger& log);

// Takes every frame of `source` that belongs to `shard` through the dissector to `observer`, until
// the end or a stop signal. `after_batch` is called now and then, behind what the observer was
// told. With `progress` it tells how far it is, on stderr. Frames are counted by the first shard
// only.
[[nodiscard]] FrameRun run_frames(FrameSource& source, const Limits& limits, RpcObserver& observer,
                                  const Shard& shard, bool progress,
                                  const std::function<void()>& after_batch);

// The commands that write records: captures in, records out, summary on stderr. `audit` is without
// a policy for a plain log of calls.
[[nodiscard]] ExitStatus run_records(const RunOptions& options, AuditOptions audit,
                                     RecordFormat format_by_default, spdlog::logger& log);

}  // namespace rpcaudit
