#include "engine/app/run/worker.h"

#include <algorithm>

#include "engine/audit/event/hash_mixer.h"

namespace rpcaudit::app {

Worker::Worker(const dissect::Limits& limits, dissect::RpcObserver& observer)
    : dissector_(limits, observer, audit::hash_seed()) {}

void Worker::run(FrameFeed& feed, BatchListener& listener) {
  for (FrameBatch batch = feed.take(); batch.state != FrameBatch::State::ended;
       batch = feed.take()) {
    using Reason = BatchListener::Reason;
    const bool woken = batch.state == FrameBatch::State::woken;
    const Reason reason = woken ? Reason::woken : batch.idle ? Reason::idle : Reason::batch;
    if (!woken) {
      process(batch);
      feed.give_back();
    }
    listener.on_batch(last_.sequence + 1, reason);
  }
  advance();
  dissector_.finish();
}

// Clocks move on between the same frames for every worker, whoever has the frames beside them, so
// that what is given up does not depend on how the frames are shared or cut into batches.
void Worker::process(const FrameBatch& batch) {
  std::span<const Frame> mine = batch.mine;
  for (const std::uint16_t tick : batch.ticks) {
    std::size_t before = 0;
    while (before < mine.size() && mine[before].sequence < batch.frames[tick].sequence) ++before;
    dissector_.process(mine.first(before));
    mine = mine.subspan(before);
    if (tick != 0) last_ = batch.frames[tick - 1];
    advance();
  }
  dissector_.process(mine);
  if (batch.tick) pass_time(*batch.tick);
  if (batch.frames.empty()) return;
  last_ = batch.frames.back();
  last_.bytes = {};  // the bytes are borrowed for this call only
  dissector_.tell_progress(last_);
}

// No frame came, but time has passed: what waits for an answer, and what waits to be told, is not
// to wait for the next frame.
void Worker::pass_time(const capture::TimeTick& tick) {
  if (tick.sequence <= last_.sequence) return;
  last_.sequence = tick.sequence;
  last_.timestamp = std::max(last_.timestamp, tick.time);
  advance();
}

void Worker::advance() {
  if (last_.sequence != 0) dissector_.advance({&last_, 1});
}

}  // namespace rpcaudit::app
