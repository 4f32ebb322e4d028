#include "engine/app/process/memory_plan.h"

#include <algorithm>
#include <cstdlib>
#include <fstream>
#include <string>
#include <string_view>

#include "dissect/store/memory_share.h"
#include "engine/audit/relay/repeat_suppressor.h"

namespace rpcaudit::app {
namespace {

constexpr std::size_t kMebibyte = std::size_t{1} << 20;

// The program itself with its libraries, policies and buffers of output.
constexpr std::size_t kProgramBytes = 24 * kMebibyte;
// What a worker has whatever its limits: sums of the tally, endpoints learned, its stack, and the
// frames that it has at hand.
constexpr std::size_t kWorkerBytes = 12 * kMebibyte;
// What an output keeps of a context: the text that all records of it share.
constexpr std::size_t kRenderedContextBytes = 1024;

// The shares of what is left: one part of so many.
constexpr std::size_t kReadingPart = 4;  // buffers of inputs and what decompresses them
constexpr std::size_t kMergerPart = 16;  // events that wait for those of other workers
constexpr std::size_t kRecordsPart = 5;  // of a worker's share: records that wait

constexpr std::size_t kLeastRecords = 256;
constexpr std::size_t kMostRecords = std::size_t{1} << 20;

}  // namespace

std::optional<MemoryPlan> plan_memory(const MemoryDemand& demand) {
  const std::size_t all = demand.mebibytes * kMebibyte;
  const std::size_t fixed = kProgramBytes + demand.workers * kWorkerBytes +
                            demand.outputs * demand.queue_bytes +
                            (demand.suppress ? audit::RepeatSuppressor::memory() : 0);
  if (all <= fixed) return std::nullopt;

  MemoryPlan plan;
  std::size_t rest = all - fixed;
  const std::size_t reading = rest / kReadingPart;
  plan.decoder_bytes = reading;
  const std::size_t merging = demand.workers == 1 ? 0 : rest / kMergerPart;
  plan.merger.waiting_bytes = std::max(merging, kMebibyte);
  const std::size_t share = (rest - reading - merging) / demand.workers;

  const std::size_t rendered = demand.outputs * kRenderedContextBytes;
  const std::size_t records = share / kRecordsPart;
  const std::size_t record_bytes = audit::Auditor::bytes_of_record() + rendered;
  plan.records_waiting_max = std::clamp(records / record_bytes, kLeastRecords, kMostRecords);

  dissect::SlotBytes slots = audit::Auditor::bytes_of_slots();
  slots.context += rendered;
  dissect::Limits wanted;
  if (!demand.follow_openings) wanted.tcp_openings = 0;
  const auto limits = dissect::limits_within(share - records, slots, wanted);
  if (!limits) return std::nullopt;
  plan.limits = *limits;
  return plan;
}

std::size_t least_memory(MemoryDemand demand) {
  demand.mebibytes = 1;
  while (!plan_memory(demand)) ++demand.mebibytes;
  return demand.mebibytes;
}

std::size_t peak_memory() {
  constexpr std::string_view kPeak = "VmHWM:";  // in units of 1,024 bytes
  std::ifstream status("/proc/self/status");
  for (std::string line; std::getline(status, line);) {
    if (!line.starts_with(kPeak)) continue;
    return (std::strtoull(line.c_str() + kPeak.size(), nullptr, 10) + 1023) / 1024;
  }
  return 0;
}

}  // namespace rpcaudit::app
