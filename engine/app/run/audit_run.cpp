#include "engine/app/run/audit_run.h"

#include <algorithm>
#include <chrono>
#include <memory>
#include <thread>
#include <vector>

#include "engine/app/run/worker.h"
#include "engine/audit/sink/event_recorder.h"

namespace rpcaudit::app {
namespace {

// A worker says how far it is after so many batches or so much time, so that one without findings
// holds nobody up.
constexpr unsigned kBatchesBetween = 64;
constexpr std::chrono::milliseconds kTimeBetween{200};

// Has an only worker's sink hand on its records in time.
class FlushingListener : public BatchListener {
 public:
  explicit FlushingListener(audit::EventSink& sink) : sink_(sink) {}

  void on_batch(std::uint64_t, Reason reason) override {
    flush_.done(sink_, reason == Reason::idle);
  }

 private:
  audit::EventSink& sink_;
  audit::FlushClock flush_;
};

// For observers that write nothing before the end.
class NoListener : public BatchListener {
 public:
  void on_batch(std::uint64_t, Reason) override {}
};

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
    worker_.run(feed_, *this);
    recorder_.publish({audit::EventMerger::kNoMore, 0, false});
  }

  void on_batch(std::uint64_t seen_before, Reason reason) override {
    const std::uint64_t give_up_before = merger_.give_up_before(index_);
    const bool is_asked = give_up_before != 0 || merger_.should_hurry();
    if (!is_time() && !is_asked && reason == Reason::batch) return;
    if (give_up_before != 0) auditor_.give_up_before(give_up_before);
    // A PDU that began before there and is not complete may still be told: out of order, then.
    recorder_.publish(
        {std::max(auditor_.safe_before(), give_up_before), seen_before, reason == Reason::idle});
  }

  [[nodiscard]] const dissect::DissectStatistics& statistics() const noexcept {
    return worker_.statistics();
  }
  [[nodiscard]] const audit::AuditTally& tally() const noexcept { return auditor_.tally(); }

 private:
  [[nodiscard]] bool is_time() {
    const auto now = std::chrono::steady_clock::now();
    if (++batches_ % kBatchesBetween != 0 && now - published_ < kTimeBetween) return false;
    published_ = now;
    return true;
  }

  std::uint32_t index_;
  audit::EventMerger& merger_;
  RingFeed feed_;
  audit::EventRecorder recorder_;
  audit::Auditor auditor_;
  Worker worker_;
  unsigned batches_ = 0;
  std::chrono::steady_clock::time_point published_ = std::chrono::steady_clock::now();
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

FrameRun run_inline(CaptureReader& reader, const RunPlan& plan, dissect::RpcObserver& observer,
                    BatchListener& listener) {
  DirectFeed feed(reader);
  Worker worker(plan.limits, observer);
  worker.run(feed, listener);
  return {reader.run(), worker.statistics()};
}

}  // namespace

FrameRun run_frames(capture::FrameSource& source, const Stop& stop, const RunPlan& plan,
                    dissect::RpcObserver& observer) {
  CaptureReader reader(source, stop, plan.progress, plan.batch_frames);
  NoListener listener;
  return run_inline(reader, plan, observer, listener);
}

AuditRun run_audit(capture::FrameSource& source, const Stop& stop, const RunPlan& plan,
                   const audit::AuditOptions& options, audit::EventSink& sink) {
  CaptureReader reader(source, stop, plan.progress, plan.batch_frames);
  if (plan.workers > 1) return run_shards(reader, plan, options, sink);
  audit::Auditor auditor(plan.limits, options, sink);
  FlushingListener listener(sink);
  const FrameRun frames = run_inline(reader, plan, auditor, listener);
  return {frames, auditor.tally()};
}

}  // namespace rpcaudit::app
