#include "engine/app/run/audit_run.h"

#include <memory>
#include <thread>
#include <vector>

#include "engine/app/run/audit_worker.h"

namespace rpcaudit::app {
namespace {

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

// One of several workers, with its part of the frames.
struct Shard {
  Shard(std::uint32_t index, const RunPlan& plan, const audit::AuditOptions& options,
        FrameRing& ring, audit::EventMerger& merger)
      : feed(ring, index), worker(index, plan.limits, options, feed, merger) {}

  RingFeed feed;
  AuditWorker worker;
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
  for (const auto& shard : shards) threads.emplace_back([&shard] { shard->worker.run(); });
  merger.run();
  for (std::thread& thread : threads) thread.join();

  AuditRun sum{{reader.run(), shards[0]->worker.statistics()}, shards[0]->worker.tally()};
  for (const auto& shard : std::span(shards).subspan(1)) {
    add(shard->worker.statistics(), sum.frames.statistics);
    sum.tally.add(shard->worker.tally());
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
