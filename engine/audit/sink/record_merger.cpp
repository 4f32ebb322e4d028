#include "engine/audit/sink/record_merger.h"

#include <algorithm>
#include <utility>

namespace rpcaudit::audit {

RecordMerger::RecordMerger(std::size_t shards, OutputBuffer& out,
                           std::function<void()> wake_workers, std::size_t waiting_bytes_max)
    : out_(out),
      wake_workers_(std::move(wake_workers)),
      waiting_bytes_max_(waiting_bytes_max),
      shards_(shards) {}

void RecordMerger::publish(std::size_t shard_index, RecordChunk chunk, Progress progress) {
  std::unique_lock lock(mutex_);
  Shard& shard = shards_[shard_index];
  shard.published = progress;
  if (!chunk.entries.empty()) {
    shard.waiting_bytes += chunk.bytes.size();
    waiting_bytes_ += chunk.bytes.size();
    shard.arrived.push_back(std::move(chunk));
  }
  changed_ = true;
  arrived_.notify_one();
  written_.wait(lock,
                [&] { return waiting_bytes_ <= waiting_bytes_max_ || shard.waiting_bytes == 0; });
}

bool RecordMerger::collect() {
  std::unique_lock lock(mutex_);
  const auto finished = [&] {
    return std::all_of(shards_.begin(), shards_.end(), [](const Shard& shard) {
      return shard.published.safe_before == kNoMore && shard.arrived.empty();
    });
  };
  arrived_.wait(lock, [&] { return changed_ || finished(); });
  if (!changed_) return false;
  changed_ = false;
  for (Shard& shard : shards_) {
    shard.progress = shard.published;
    while (!shard.arrived.empty()) {
      shard.merging.push_back(std::move(shard.arrived.front()));
      shard.arrived.pop_front();
    }
  }
  return true;
}

void RecordMerger::write_one(Shard& shard) {
  RecordChunk& chunk = shard.merging.front();
  const std::size_t size = chunk.entries[chunk.next_entry].size;
  out_.append(std::string_view(chunk.bytes).substr(chunk.next_byte, size));
  out_.end_record();
  shard.written_bytes += size;
  chunk.next_byte += size;
  if (++chunk.next_entry == chunk.entries.size()) shard.merging.pop_front();
}

// Writes every record that no record still to come can precede.
void RecordMerger::merge() {
  for (;;) {
    Shard* first = nullptr;
    dissect::Position first_position;
    std::uint64_t bound = kNoMore;
    for (Shard& shard : shards_) {
      if (shard.merging.empty()) {
        bound = std::min(bound, shard.progress.safe_before);
        continue;
      }
      const RecordChunk& chunk = shard.merging.front();
      const dissect::Position& position = chunk.entries[chunk.next_entry].position;
      if (first == nullptr || position < first_position) {
        first = &shard;
        first_position = position;
      }
    }
    if (first == nullptr) return;
    const std::uint64_t done =
        first_position.sequence + (first_position.ordinal >= dissect::kBehindPdus);
    if (bound != kNoMore && done >= bound) return;
    write_one(*first);
  }
}

void RecordMerger::note_written() {
  bool too_much = false;
  {
    const std::lock_guard lock(mutex_);
    for (Shard& shard : shards_) {
      waiting_bytes_ -= shard.written_bytes;
      shard.waiting_bytes -= std::exchange(shard.written_bytes, 0);
    }
    too_much = waiting_bytes_ > waiting_bytes_max_;
  }
  written_.notify_all();
  if (too_much) {
    ask_for_progress();
    return;
  }
  hurry_.store(false, std::memory_order_relaxed);
  for (Shard& shard : shards_) shard.give_up_before.store(0, std::memory_order_relaxed);
}

// Half of what waits shall become free to be written. A shard that has not seen so many frames yet
// gets there without being asked.
void RecordMerger::ask_for_progress() {
  bool is_news = !hurry_.exchange(true, std::memory_order_relaxed);
  const std::uint64_t target = middle_of_waiting() + 1;
  for (Shard& shard : shards_) {
    const bool holds_others_back = shard.merging.empty() && shard.progress.safe_before < target;
    if (!holds_others_back || shard.progress.seen_before < target) continue;
    shard.give_up_before.store(target, std::memory_order_relaxed);
    is_news = true;
  }
  if (is_news) wake_workers_();
}

// The frame of the record in the middle of those of the shard of which most wait.
std::uint64_t RecordMerger::middle_of_waiting() const noexcept {
  const auto most = std::max_element(
      shards_.begin(), shards_.end(),
      [](const Shard& a, const Shard& b) { return a.merging.size() < b.merging.size(); });
  if (most->merging.empty()) return 0;
  return most->merging[most->merging.size() / 2].entries.back().position.sequence;
}

void RecordMerger::run() {
  while (collect()) {
    merge();
    note_written();
  }
}

bool ShardTarget::write(std::string_view bytes) {
  chunk_.bytes.append(bytes);
  chunk_.entries.push_back({position_, static_cast<std::uint32_t>(bytes.size())});
  return true;
}

RecordChunk ShardTarget::take() { return std::exchange(chunk_, {}); }

}  // namespace rpcaudit::audit
