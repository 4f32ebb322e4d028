#include "engine/app/run/audit_worker.h"

#include <algorithm>

namespace rpcaudit::app {

AuditWorker::AuditWorker(std::uint32_t index, const dissect::Limits& limits,
                         const audit::AuditOptions& options, FrameFeed& feed,
                         audit::EventMerger& merger)
    : index_(index),
      merger_(merger),
      feed_(feed),
      recorder_(merger, index),
      auditor_(limits, options, recorder_),
      worker_(limits, auditor_) {}

void AuditWorker::run() {
  worker_.run(feed_, *this);
  recorder_.publish({audit::EventMerger::kNoMore, 0, false});
}

void AuditWorker::on_batch(std::uint64_t seen_before, Reason reason) {
  const std::uint64_t give_up_before = merger_.give_up_before(index_);
  const bool is_asked = give_up_before != 0 || merger_.should_hurry();
  if (!is_time() && !is_asked && reason == Reason::batch) return;
  if (give_up_before != 0) auditor_.give_up_before(give_up_before);
  if (between_) between_(*this);
  // A PDU that began before there and is not complete may still be told: out of order, then.
  recorder_.publish(
      {std::max(auditor_.safe_before(), give_up_before), seen_before, reason == Reason::idle});
}

bool AuditWorker::is_time() {
  const auto now = std::chrono::steady_clock::now();
  if (++batches_ % kBatchesBetween != 0 && now - published_ < kTimeBetween) return false;
  published_ = now;
  return true;
}

}  // namespace rpcaudit::app
