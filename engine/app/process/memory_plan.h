#pragma once

#include <cstddef>
#include <optional>

#include "dissect/limits.h"
#include "engine/audit/auditor.h"
#include "engine/audit/sink/event_merger.h"

namespace rpcaudit::app {

// How the memory of a run is shared out: what each table may hold, so that all of them together,
// full, stay within what the user allows the whole process.
struct MemoryPlan {
  dissect::Limits limits;               // of each worker
  std::size_t records_waiting_max = 0;  // of each worker
  std::size_t decoder_bytes = 0;        // of all that decompress inputs
  audit::EventMerger::Bounds merger;    // of all workers together
};

// What a plan is made for.
struct MemoryDemand {
  std::size_t mebibytes = 512;  // for the whole process
  unsigned workers = 1;
  std::size_t outputs = 1;
  std::size_t queue_bytes = 0;   // of each output: what waits to be written
  bool follow_openings = false;  // attempts to open connections
  bool suppress = false;         // calls of one kind are told together
};

// Empty when that is too little: below least_memory().
[[nodiscard]] std::optional<MemoryPlan> plan_memory(const MemoryDemand& demand);
// The mebibytes that such a run needs at least.
[[nodiscard]] std::size_t least_memory(MemoryDemand demand);

// The most mebibytes that the process had in memory until now; 0 where the system does not tell.
[[nodiscard]] std::size_t peak_memory();

}  // namespace rpcaudit::app
