#include "engine/app/run/sharded_pipeline.h"

#include <algorithm>
#include <array>
#include <memory>
#include <optional>
#include <span>
#include <thread>
#include <vector>

#include "engine/app/run/frame_ring.h"
#include "engine/audit/sink/record_merger.h"

namespace rpcaudit::app {
namespace {

// Records are passed on in pieces of about this size.
constexpr std::size_t kChunkBytes = std::size_t{256} << 10;
// And otherwise after so many batches, so that a worker without findings holds nobody up.
constexpr unsigned kBatchesBetween = 64;

// One thread's share: its own dissector, auditor and sink.
class Worker {
 public:
  Worker(std::uint32_t index, const dissect::Limits& limits, const audit::AuditOptions& audit,
         RecordFormat format, const capture::FrameSource& source, FrameRing& ring,
         const RecordOutput& output, audit::RecordMerger& merger)
      : index_(index),
        ring_(ring),
        merger_(merger),
        buffer_(target_, true),
        inner_(output.make_sink(
            buffer_, format, audit.policies,
            [&source](std::uint32_t input) { return source.input_name(input); },
            limits.context_slots() + audit.records_waiting_max)),
        sink_(*inner_, target_),
        auditor_(limits, audit, sink_),
        dissector_(make_dissector(limits, auditor_)) {}

  void run() {
    for (FrameBatch batch = ring_.take(index_); batch.state != FrameBatch::State::ended;
         batch = ring_.take(index_)) {
      if (batch.state == FrameBatch::State::frames) process(batch);
      pass_on(batch.state == FrameBatch::State::woken);
    }
    dissector_.finish();
    merger_.publish(index_, target_.take(), {audit::RecordMerger::kNoMore, seen_before_});
  }

  [[nodiscard]] const dissect::DissectStatistics& statistics() const noexcept {
    return dissector_.statistics();
  }
  [[nodiscard]] const audit::AuditTally& tally() const noexcept { return auditor_.tally(); }
  [[nodiscard]] const std::optional<dissect::Blindness>& unfinished_fragments() const noexcept {
    return sink_.unfinished_fragments();
  }

 private:
  // Put together, so that the dissector can look ahead.
  [[nodiscard]] std::span<const Frame> mine_of(const FrameBatch& batch) {
    std::size_t count = 0;
    for (std::size_t i = 0; i < batch.frames.size(); ++i) {
      if (batch.shards[i] == index_) mine_[count++] = batch.frames[i];
    }
    return std::span(mine_).first(count);
  }

  void process(const FrameBatch& batch) {
    if (!batch.frames.empty()) {
      dissector_.process(mine_of(batch));
      dissector_.advance(batch.frames);
      seen_before_ = batch.frames.back().sequence + 1;
    }
    ring_.give_back(index_);
  }

  void pass_on(bool woken) {
    const std::uint64_t give_up_before = merger_.give_up_before(index_);
    const bool is_time = ++batches_ % kBatchesBetween == 0 || target_.size() >= kChunkBytes;
    if (!woken && give_up_before == 0 && !is_time && !merger_.should_hurry()) return;
    if (give_up_before != 0) auditor_.give_up_before(give_up_before);
    // A PDU that began before there and is not complete may still be told: out of order, then.
    const std::uint64_t safe_before = std::max(auditor_.safe_before(), give_up_before);
    merger_.publish(index_, target_.take(), {safe_before, seen_before_});
  }

  std::uint32_t index_;
  FrameRing& ring_;
  audit::RecordMerger& merger_;
  audit::ShardTarget target_;
  audit::OutputBuffer buffer_;
  std::unique_ptr<audit::EventSink> inner_;
  audit::ShardSink sink_;
  audit::Auditor auditor_;
  dissect::Dissector dissector_;
  std::array<Frame, CaptureReader::kBatchSize> mine_;
  std::uint64_t seen_before_ = 0;  // frames before this one were shown
  unsigned batches_ = 0;
};

}  // namespace

ShardedRun run_sharded(std::uint32_t count, const dissect::Limits& limits,
                       const audit::AuditOptions& audit, RecordFormat format, bool progress,
                       capture::FrameSource& source, RecordOutput& output, audit::EventSink& sink) {
  CaptureReader reader(source, progress);
  FrameRing ring(reader, limits, count);
  audit::RecordMerger merger(count, output.buffer(), [&ring] { ring.wake_all(); });
  std::vector<std::unique_ptr<Worker>> workers;
  for (std::uint32_t index = 0; index < count; ++index) {
    workers.push_back(
        std::make_unique<Worker>(index, limits, audit, format, source, ring, output, merger));
  }
  std::vector<std::thread> threads;
  threads.reserve(count);
  for (const auto& worker : workers) threads.emplace_back([&worker] { worker->run(); });
  merger.run();
  for (std::thread& thread : threads) thread.join();

  std::optional<dissect::Blindness> unfinished;
  for (const auto& worker : workers) {
    const std::optional<dissect::Blindness>& more = worker->unfinished_fragments();
    if (!more) continue;
    if (unfinished) {
      unfinished->messages += more->messages;
    } else {
      unfinished = more;
    }
  }
  if (unfinished) sink.on_blindness(*unfinished);

  ShardedRun sum{{reader.run(), workers[0]->statistics()}, workers[0]->tally()};
  for (const auto& worker : std::span(workers).subspan(1)) {
    add(worker->statistics(), sum.frames.statistics);
    sum.tally.add(worker->tally());
  }
  return sum;
}

}  // namespace rpcaudit::app
