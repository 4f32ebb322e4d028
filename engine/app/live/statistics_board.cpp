#include "engine/app/live/statistics_board.h"

#include <algorithm>

namespace rpcaudit::app {

void StatisticsBoard::answer(std::size_t worker, const dissect::DissectStatistics& statistics,
                             const audit::AuditTally& tally, const ReadRun& run) {
  const std::uint64_t asked = asked_.load(std::memory_order_relaxed);
  Answer& answer = answers_[worker];
  if (answer.to == asked) return;  // written by this worker alone
  const std::lock_guard lock(mutex_);
  answer.to = asked;
  answer.counters = {statistics, audit::named_counters(tally), run.frames_of_odd_links, run.first};
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
  sum.frames_of_odd_links += more.frames_of_odd_links;
  if (more.first && (!sum.first || *more.first < *sum.first)) sum.first = more.first;
}

}  // namespace rpcaudit::app
