#pragma once

#include <array>
#include <atomic>
#include <cstddef>
#include <cstdint>
#include <mutex>
#include <vector>

#include "dissect/statistics.h"
#include "engine/app/run/capture_reader.h"
#include "engine/audit/event/event_sink.h"
#include "engine/audit/tally/audit_tally.h"

namespace rpcaudit::app {

// The counters of all workers while they run: one thread asks, each worker answers between two of
// its batches, and nobody waits.
class StatisticsBoard {
 public:
  struct Sum {
    dissect::DissectStatistics dissect;
    std::vector<audit::NamedCounter> audit;
    std::array<audit::BlindnessTally, dissect::kBlindnessKindCount> blindness{};
    // By Control and ControlAction.
    std::array<std::array<std::uint64_t, evaluate::kControlActionCount>, evaluate::kControlCount>
        controls{};
    std::uint64_t frames_of_odd_links = 0;
    std::optional<Timestamp> first;
    double lag_seconds = 0;  // of the worker that is farthest behind
  };

  explicit StatisticsBoard(std::size_t workers) : answers_(workers) {}

  void ask() { asked_.fetch_add(1, std::memory_order_relaxed); }
  // Called by a worker. Costs next to nothing while nobody asks.
  void answer(std::size_t worker, const dissect::DissectStatistics& statistics,
              const audit::AuditTally& tally, const ReadRun& run, double lag_seconds);
  // Whether all workers have answered.
  [[nodiscard]] bool is_complete() const;
  [[nodiscard]] Sum sum() const;

 private:
  struct Answer {
    std::uint64_t to = 0;  // the question, 0 before the first
    Sum counters;
  };

  std::atomic<std::uint64_t> asked_{0};
  mutable std::mutex mutex_;
  std::vector<Answer> answers_;
};

[[nodiscard]] StatisticsBoard::Sum counters_of(const dissect::DissectStatistics& statistics,
                                               const audit::AuditTally& tally, const ReadRun& run,
                                               double lag_seconds = 0);

// Adds counters to others of the same names, or to none.
void add(const StatisticsBoard::Sum& more, StatisticsBoard::Sum& sum);

}  // namespace rpcaudit::app
