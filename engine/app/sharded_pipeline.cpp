#include "engine/app/sharded_pipeline.h"

#include <memory>
#include <thread>
#include <vector>

#include "engine/audit/record_merger.h"

namespace rpcaudit {
namespace {

// Records are passed on in pieces of about this size.
constexpr std::size_t kChunkBytes = std::size_t{256} << 10;
// And otherwise after so many batches, so that a worker without findings holds nobody up.
constexpr unsigned kBatchesBetween = 64;

// One thread's share: a walk of the capture, its own dissector, auditor and sink.
class Worker {
 public:
  Worker(const Limits& limits, const AuditOptions& audit, RecordFormat format, Shard shard,
         FrameSource& source, const RecordOutput& output, RecordMerger& merger)
      : limits_(limits),
        shard_(shard),
        source_(source),
        merger_(merger),
        buffer_(target_, true),
        inner_(output.make_sink(
            buffer_, format, audit.policy == nullptr ? nullptr : &audit.policy->policy(),
            [&source](std::uint32_t input) { return source.input_name(input); },
            limits.contexts + audit.records_waiting_max)),
        sink_(*inner_, target_),
        auditor_(limits, audit, sink_) {}

  void run(bool progress) {
    run_ = run_frames(source_, limits_, auditor_, shard_, progress, [this] { pass_on(); });
    merger_.publish(shard_.index, target_.take(), RecordMerger::kNoMore);
  }

  [[nodiscard]] const FrameRun& frames() const noexcept { return run_; }
  [[nodiscard]] const AuditTally& tally() const noexcept { return auditor_.tally(); }

 private:
  void pass_on() {
    if (++batches_ % kBatchesBetween != 0 && target_.size() < kChunkBytes) return;
    merger_.publish(shard_.index, target_.take(), auditor_.safe_before());
  }

  const Limits& limits_;
  Shard shard_;
  FrameSource& source_;
  RecordMerger& merger_;
  ShardTarget target_;
  OutputBuffer buffer_;
  std::unique_ptr<EventSink> inner_;
  ShardSink sink_;
  Auditor auditor_;
  FrameRun run_;
  unsigned batches_ = 0;
};

}  // namespace

ShardedRun run_sharded(const RunOptions& options, const Limits& limits, const AuditOptions& audit,
                       RecordFormat format, bool progress, FrameSource& source,
                       RecordOutput& output, spdlog::logger& log) {
  std::vector<std::unique_ptr<FrameSource>> sources;
  RecordMerger merger(options.workers, output.buffer());
  std::vector<std::unique_ptr<Worker>> workers;
  for (std::uint32_t index = 0; index < options.workers; ++index) {
    FrameSource* own = &source;
    if (index != 0) own = sources.emplace_back(open_source(options, log)).get();
    workers.push_back(std::make_unique<Worker>(limits, audit, format, Shard{index, options.workers},
                                               *own, output, merger));
  }
  std::vector<std::thread> threads;
  threads.reserve(workers.size());
  for (std::size_t i = 0; i < workers.size(); ++i) {
    threads.emplace_back([&worker = *workers[i], show = progress && i == 0] { worker.run(show); });
  }
  merger.run();
  for (std::thread& thread : threads) thread.join();

  ShardedRun sum{workers[0]->frames(), workers[0]->tally()};
  for (std::size_t i = 1; i < workers.size(); ++i) {
    add(workers[i]->frames().statistics, sum.frames.statistics);
    sum.frames.interrupted |= workers[i]->frames().interrupted;
    sum.tally.add(workers[i]->tally());
  }
  return sum;
}

}  // namespace rpcaudit
