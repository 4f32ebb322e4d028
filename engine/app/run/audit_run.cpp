#include "engine/app/run/audit_run.h"

#include <algorithm>
#include <memory>
#include <thread>
#include <vector>

#include "engine/app/run/worker.h"
#include "engine/audit/sink/event_recorder.h"

namespace rpcaudit::app {
namespace {

// A worker says how far it is after so many batches, so that one without findings holds nobody up.
constexpr unsigned kBatchesBetween = 64;

// The part of one of several workers.
class Shard : public BatchListener {
 public:
  Shard(std::uint32_t index, const RunPlan& plan, const audit::AuditOptions& options,
        FrameRing& ring, audit::EventMerger& merger)
      : index_(index),
        merger_(merger),
        feed_(ring, index),
        recorder_(merger, index),
        auditor_(plan.limits, options, recorder_),
        worker_(plan.limits, auditor_) {}

  void run() {
    worker_.run(feed_, this);
    recorder_.publish({audit::EventMerger::kNoMore, 0});
  }

  void on_batch(std::uint64_t seen_before, bool woken) override {
    const std::uint64_t give_up_before = merger_.give_up_before(index_);
    const bool is_time = ++batches_ % kBatchesBetween == 0;
    if (!woken && give_up_before == 0 && !is_time && !merger_.should_hurry()) return;
    if (give_up_before != 0) auditor_.give_up_before(give_up_before);
    // A PDU that began before there and is not complete may still be told: out of order, then.
    recorder_.publish({std::max(auditor_.safe_before(), give_up_before), seen_before});
  }

  [[nodiscard]] const dissect::DissectStatistics& statistics() const noexcept {
    return worker_.statistics();
  }
  [[nodiscard]] const audit::AuditTally& tally() const noexcept { return auditor_.tally(); }

 private:
  std::uint32_t index_;
  audit::EventMerger& merger_;
  RingFeed feed_;
  audit::EventRecorder recorder_;
  audit::Auditor auditor_;
  Worker worker_;
  unsigned batches_ = 0;
};

AuditRun run_shards(CaptureReader& reader, const RunPlan& plan, const audit::AuditOptions& options,
                    audit::EventSink& sink) {
  FrameRing ring(reader, plan.limits, plan.workers);
  audit::EventMerger merger(
      plan.workers, sink, [&ring] { ring.wake_all(); }, plan.merger);
  std::vector<std::unique_ptr<Shard>> shards;
  for (std::uint32_t index = 0; index < plan.workers; ++index) {
    shards.push_back(std::make_unique<Shard>(index, plan, options, ring, merger));
  }
  std::vector<std::thread> threads;
  threads.reserve(shards.size());
  for (const auto& shard : shards) threads.emplace_back([&shard] { shard->run(); });
  merger.run();
  for (std::thread& thread : threads) thread.join();

  AuditRun sum{{reader.run(), shards[0]->statistics()}, shards[0]->tally()};
  for (const auto& shard : std::span(shards).subspan(1)) {
    add(shard->statistics(), sum.frames.statistics);
    sum.tally.add(shard->tally());
  }
  return sum;
}

FrameRun run_inline(CaptureReader& reader, const RunPlan& plan, dissect::RpcObserver& observer) {
  DirectFeed feed(reader);
  Worker worker(plan.limits, observer);
  worker.run(feed, nullptr);
  return {reader.run(), worker.statistics()};
}

}  // namespace

FrameRun run_frames(capture::FrameSource& source, const Stop& stop, const RunPlan& plan,
                    dissect::RpcObserver& observer) {
  CaptureReader reader(source, stop, plan.progress, plan.batch_frames);
  return run_inline(reader, plan, observer);
}

AuditRun run_audit(capture::FrameSource& source, const Stop& stop, const RunPlan& plan,
                   const audit::AuditOptions& options, audit::EventSink& sink) {
  CaptureReader reader(source, stop, plan.progress, plan.batch_frames);
  if (plan.workers > 1) return run_shards(reader, plan, options, sink);
  audit::Auditor auditor(plan.limits, options, sink);
  const FrameRun frames = run_inline(reader, plan, auditor);
  return {frames, auditor.tally()};
}

}  // namespace rpcaudit::app
