#include "engine/app/live/statistics_board.h"

#include <algorithm>

namespace rpcaudit::app {

StatisticsBoard::Sum counters_of(const dissect::DissectStatistics& statistics,
                                 const audit::AuditTally& tally, const ReadRun& run,
                                 double lag_seconds) {
  return {statistics,     audit::named_counters(tally), tally.blindness,
          tally.controls, run.frames_of_odd_links,      run.first,
          lag_seconds};
}

void StatisticsBoard::answer(std::size_t worker, const dissect::DissectStatistics& statistics,
                             const audit::AuditTally& tally, const ReadRun& run,
                             double lag_seconds) {
  const std::uint64_t asked = asked_.load(std::memory_order_relaxed);
  Answer& answer = answers_[worker];
  if (answer.to == asked) return;  // written by this worker alone
  const std::lock_guard lock(mutex_);
  answer.to = asked;
  answer.counters = counters_of(statistics, tally, run, lag_seconds);
}

bool StatisticsBoard::is_complete() const {
  const std::uint64_t asked = asked_.load(std::memory_order_relaxed);
  const std::lock_guard lock(mutex_);
  return std::all_of(answers_.begin(), answers_.end(),
                     [asked](const Answer& answer) { return answer.to == asked; });
}

StatisticsBoard::Sum StatisticsBoard::sum() const {
  const std::lock_guard lock(mutex_);
  Sum sum;
  for (const Answer& answer : answers_) add(answer.counters, sum);
  return sum;
}

void add(const StatisticsBoard::Sum& more, StatisticsBoard::Sum& sum) {
  dissect::add(more.dissect, sum.dissect);
  sum.audit.resize(std::max(sum.audit.size(), more.audit.size()));
  for (std::size_t i = 0; i < more.audit.size(); ++i) {
    sum.audit[i].name = more.audit[i].name;
    sum.audit[i].value += more.audit[i].value;
  }
  for (std::size_t i = 0; i < more.blindness.size(); ++i) {
    sum.blindness[i].events += more.blindness[i].events;
    sum.blindness[i].bytes += more.blindness[i].bytes;
    sum.blindness[i].messages += more.blindness[i].messages;
  }
  for (std::size_t i = 0; i < more.controls.size(); ++i) {
    for (std::size_t k = 0; k < more.controls[i].size(); ++k) {
      sum.controls[i][k] += more.controls[i][k];
    }
  }
  sum.frames_of_odd_links += more.frames_of_odd_links;
  sum.lag_seconds = std::max(sum.lag_seconds, more.lag_seconds);
  if (more.first && (!sum.first || *more.first < *sum.first)) sum.first = more.first;
}

}  // namespace rpcaudit::app
