#pragma once

#include <condition_variable>
#include <cstdint>
#include <deque>
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
// Each shard has its worker thread; run() is for one more. What waits is bounded: a worker that is
// too far ahead is held back in publish().
class RecordMerger {
 public:
  RecordMerger(std::size_t shards, OutputBuffer& out);

  // Called by the worker of `shard`: `chunk` is complete, and no later record of this shard has a
  // frame before `safe_before`, but for what is told behind the PDUs of the frame just before it.
  void publish(std::size_t shard, RecordChunk chunk, std::uint64_t safe_before);

  // Merges until every shard has published with safe_before kNoMore.
  void run();

  static constexpr std::uint64_t kNoMore = std::numeric_limits<std::uint64_t>::max();

 private:
  struct Shard {
    std::deque<RecordChunk> arrived;  // guarded by mutex_
    std::uint64_t safe_before = 0;    // likewise
    std::size_t waiting_bytes = 0;    // likewise: published and not written
    std::deque<RecordChunk> merging;  // run()'s own
    std::uint64_t merge_bound = 0;    // likewise
    std::size_t written_bytes = 0;    // likewise, since the last look
  };

  static constexpr std::size_t kWaitingBytesMax = std::size_t{64} << 20;

  // Takes what arrived; false when nothing has changed and nothing more will.
  [[nodiscard]] bool collect();
  void merge();
  void write_one(Shard& shard);

  OutputBuffer& out_;
  std::mutex mutex_;
  std::condition_variable arrived_;
  std::condition_variable written_;
  std::vector<Shard> shards_;
  bool changed_ = false;
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
