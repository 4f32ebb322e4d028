#pragma once

#include <array>
#include <atomic>
#include <condition_variable>
#include <cstdint>
#include <deque>
#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <vector>

#include "engine/audit/event/event_sink.h"
#include "engine/audit/sink/event_chunk.h"
#include "engine/audit/sink/flush_clock.h"

namespace rpcaudit::audit {

// Puts the events of several shards, each of which has its own in order, into one order by frame
// and tells a sink each of them once. A frame belongs to one shard; only what is told at the end of
// the input (sessions that were not looked into) has its last frame in all of them, and a place of
// its own there. So the result does not depend on threads or their number.
//
// Each shard has its worker thread; run() is for one more, and calls the sink. What waits is
// bounded, and nobody waits for an open call of another shard without an end. When more than the
// bound waits:
// - A worker of which some events wait is held back in publish(). Those that hold the others back
//   have none waiting, so they are never held back themselves.
// - All workers are asked to hurry: to publish after each batch and when they have no batch.
// - A worker that has seen more frames than it is safe to write is asked to give up what is open of
//   frames before give_up_before().
class EventMerger {
 public:
  static constexpr std::uint64_t kNoMore = dissect::kAllFrames;

  struct Bounds {
    std::size_t waiting_bytes = std::size_t{64} << 20;  // of events that wait, in all shards
    std::size_t chunk_events = 128;                     // handed over at a time
  };

  // How far a shard has come.
  struct Progress {
    // No later event of the shard has a frame before this one, but for what is told behind the
    // PDUs of the frame just before it. kNoMore: there will be no event.
    std::uint64_t safe_before = 0;
    std::uint64_t seen_before = 0;  // the shard was shown all frames before this one
    bool idle = false;              // there are no more frames for now
  };

  // Borrows `sink`. `wake_workers` is called by run() when workers that wait for frames should
  // publish.
  EventMerger(std::size_t shards, EventSink& sink, std::function<void()> wake_workers,
              Bounds bounds);

  [[nodiscard]] const Bounds& bounds() const noexcept { return bounds_; }
  // An empty chunk for events of `shard`.
  [[nodiscard]] std::unique_ptr<EventChunk> make_chunk(std::size_t shard) const;
  // Called by the worker of `shard` with its next events; `chunk` is an empty one afterwards.
  void publish(std::size_t shard, std::unique_ptr<EventChunk>& chunk, Progress progress);

  // Whether too much waits. Any thread may ask.
  [[nodiscard]] bool should_hurry() const noexcept {
    return hurry_.load(std::memory_order_relaxed);
  }
  // Events of frames before this one hold the other shards back: the worker of `shard` is to
  // publish them as they are, and itself as safe up to here. 0: nothing is asked for.
  [[nodiscard]] std::uint64_t give_up_before(std::size_t shard) const noexcept {
    return shards_[shard].give_up_before.load(std::memory_order_relaxed);
  }

  // What a shard tells at the end of the input about no connection in particular: the sum of each
  // kind is told last of all.
  void add_to_sum(const dissect::Blindness& part);

  // Merges until every shard has published with safe_before kNoMore. Calls `between`, if any,
  // whenever all that could be told was told.
  void run(const std::function<void()>& between = {});

 private:
  struct Shard {
    // Guarded by mutex_.
    std::vector<std::unique_ptr<EventChunk>> arrived;
    std::vector<std::unique_ptr<EventChunk>> spare;
    Progress published;
    std::size_t waiting_bytes = 0;  // published and not written
    // Used by the thread in run() alone.
    std::deque<std::unique_ptr<EventChunk>> merging;
    std::vector<std::unique_ptr<EventChunk>> written;  // since note_written()
    Progress progress;
    // Written by the thread in run(), read by the worker.
    std::atomic<std::uint64_t> give_up_before{0};
  };
  // A shard whose next event is the first of all, and up to where its events come first.
  struct Choice {
    Shard* shard = nullptr;
    dissect::Position next_of_others{kNoMore, 0};
    std::uint64_t safe_before = kNoMore;  // for the shards that have none waiting
  };

  // Takes what arrived; false when nothing has changed and nothing more will.
  [[nodiscard]] bool collect(bool& idle);
  void merge();
  [[nodiscard]] Choice choose();
  void write(const Choice& choice);
  // Lets workers go on that were held back, or asks for progress.
  void note_written();
  void ask_for_progress();
  [[nodiscard]] std::uint64_t middle_of_waiting() const noexcept;

  EventSink& sink_;
  std::function<void()> wake_workers_;
  Bounds bounds_;
  std::mutex mutex_;
  std::condition_variable arrived_;
  std::condition_variable written_;
  std::vector<Shard> shards_;
  std::size_t waiting_bytes_ = 0;  // of all shards
  FlushClock flush_;
  bool changed_ = false;
  bool idle_ = false;  // a shard said so since events were last collected
  std::array<std::optional<dissect::Blindness>, dissect::kBlindnessKindCount> sums_;
  std::atomic<bool> hurry_{false};
};

}  // namespace rpcaudit::audit
