#pragma once

#include <atomic>
#include <condition_variable>
#include <cstdint>
#include <deque>
#include <functional>
#include <limits>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "engine/audit/event/event_sink.h"
#include "engine/audit/text/output_buffer.h"

namespace rpcaudit::audit {

// Finished records of one shard on their way to the common output, each with its frame.
struct RecordChunk {
  struct Entry {
    dissect::Position
        position;  // its frame, and for what is told of no one PDU its place within it
    std::uint32_t size = 0;
  };

  std::string bytes;
  std::vector<Entry> entries;
  std::size_t next_entry = 0;
  std::size_t next_byte = 0;
};

// Puts the records of several shards, each of which writes its own in order, into one order by
// frame. A frame belongs to one shard; only what is told at the end of the input (sessions that
// were not looked into) has its last frame in all of them, and a place of its own there. So the
// result does not depend on threads or their number.
//
// Each shard has its worker thread; run() is for one more. What waits is bounded, and nobody waits
// for an open call of another shard without an end. When more than the bound waits:
// - A worker of which some records wait is held back in publish(). Those that hold the others back
//   have none waiting, so they are never held back themselves.
// - All workers are asked to hurry: to publish after each batch and when they have no batch.
// - A worker that has seen more frames than it is safe to write is asked to give up records of
//   frames before give_up_before(): it writes them as they are.
class RecordMerger {
 public:
  static constexpr std::uint64_t kNoMore = std::numeric_limits<std::uint64_t>::max();
  static constexpr std::size_t kWaitingBytesMax = std::size_t{64} << 20;

  // How far a shard has come.
  struct Progress {
    // No later record of the shard has a frame before this one, but for what is told behind the
    // PDUs of the frame just before it. kNoMore: there will be no record.
    std::uint64_t safe_before = 0;
    std::uint64_t seen_before = 0;  // the shard was shown all frames before this one
  };

  // `wake_workers` is called by run() when workers that wait for frames should publish.
  RecordMerger(std::size_t shards, OutputBuffer& out, std::function<void()> wake_workers,
               std::size_t waiting_bytes_max = kWaitingBytesMax);

  // Called by the worker of `shard` with its next records, which are complete.
  void publish(std::size_t shard, RecordChunk chunk, Progress progress);

  // Whether too much waits. Any thread may ask.
  [[nodiscard]] bool should_hurry() const noexcept {
    return hurry_.load(std::memory_order_relaxed);
  }
  // Records of frames before this one hold the other shards back: the worker of `shard` is to
  // publish them as they are, and itself as safe up to here. 0: nothing is asked for.
  [[nodiscard]] std::uint64_t give_up_before(std::size_t shard) const noexcept {
    return shards_[shard].give_up_before.load(std::memory_order_relaxed);
  }

  // Merges until every shard has published with safe_before kNoMore.
  void run();

 private:
  struct Shard {
    // Guarded by mutex_.
    std::deque<RecordChunk> arrived;
    Progress published;
    std::size_t waiting_bytes = 0;  // published and not written
    // Of the thread in run() alone.
    std::deque<RecordChunk> merging;
    Progress progress;
    std::size_t written_bytes = 0;  // since note_written()
    // Written by the thread in run(), read by the worker.
    std::atomic<std::uint64_t> give_up_before{0};
  };

  // Takes what arrived; false when nothing has changed and nothing more will.
  [[nodiscard]] bool collect();
  void merge();
  void write_one(Shard& shard);
  // Lets those go on that were held back, or asks for progress.
  void note_written();
  void ask_for_progress();
  [[nodiscard]] std::uint64_t middle_of_waiting() const noexcept;

  OutputBuffer& out_;
  std::function<void()> wake_workers_;
  std::size_t waiting_bytes_max_;
  std::mutex mutex_;
  std::condition_variable arrived_;
  std::condition_variable written_;
  std::vector<Shard> shards_;
  std::size_t waiting_bytes_ = 0;  // of all shards
  bool changed_ = false;
  std::atomic<bool> hurry_{false};
};

// The output of one shard: remembers the frame of each record that its sink writes.
class ShardTarget : public OutputTarget {
 public:
  void set_position(dissect::Position position) noexcept { position_ = position; }
  [[nodiscard]] bool write(std::string_view bytes) override;
  [[nodiscard]] const std::string& error() const override { return error_; }

  [[nodiscard]] std::size_t size() const noexcept { return chunk_.bytes.size(); }
  [[nodiscard]] RecordChunk take();

 private:
  RecordChunk chunk_;
  dissect::Position position_;
  std::string error_;
};

// Passes events on to the sink of a shard, and their frames to its target.
class ShardSink : public EventSink {
 public:
  // Both are borrowed; `inner` must hand each record to `target` at once.
  ShardSink(EventSink& inner, ShardTarget& target) : inner_(inner), target_(target) {}

  void on_approach(std::uint32_t context_slot) noexcept override {
    inner_.on_approach(context_slot);
  }
  void on_context(const ContextInfo& context, const IdentityText& identity) override {
    target_.set_position({context.frame.sequence, 0});
    inner_.on_context(context, identity);
  }
  void on_refused_context(const ContextInfo& context, const RefusedContext& refused,
                          const IdentityText& identity) override {
    target_.set_position({context.frame.sequence, 0});
    inner_.on_refused_context(context, refused, identity);
  }
  void on_connection(const ConnectionEvent& connection) override {
    target_.set_position({connection.frame.sequence, 0});
    inner_.on_connection(connection);
  }
  void on_call(const ContextInfo& context, const CallEvent& call,
               const IdentityText& identity) override {
    target_.set_position({call.frame.sequence, 0});
    inner_.on_call(context, call, identity);
  }
  // Datagrams with fragments missing are summed up at the end of the input: kept for a sum of all
  // shards, which has to be written behind everything else.
  void on_blindness(const dissect::Blindness& blindness) override {
    if (blindness.kind == dissect::BlindnessKind::unfinished_fragments) {
      unfinished_fragments_ = blindness;
      return;
    }
    target_.set_position({blindness.frame.sequence, blindness.ordinal});
    inner_.on_blindness(blindness);
  }
  void on_statistics(const StatisticsEvent& statistics) override {
    inner_.on_statistics(statistics);
  }
  [[nodiscard]] const std::optional<dissect::Blindness>& unfinished_fragments() const noexcept {
    return unfinished_fragments_;
  }

 private:
  EventSink& inner_;
  ShardTarget& target_;
  std::optional<dissect::Blindness> unfinished_fragments_;
};

}  // namespace rpcaudit::audit
