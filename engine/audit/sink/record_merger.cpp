#include "engine/audit/sink/record_merger.h"

#include <algorithm>
#include <utility>

namespace rpcaudit::audit {

RecordMerger::RecordMerger(std::size_t shards, OutputBuffer& out) : out_(out), shards_(shards) {}

void RecordMerger::publish(std::size_t shard_index, RecordChunk chunk, std::uint64_t safe_before) {
  std::unique_lock lock(mutex_);
  Shard& shard = shards_[shard_index];
  shard.safe_before = safe_before;
  if (!chunk.entries.empty()) {
    shard.waiting_bytes += chunk.bytes.size();
    shard.arrived.push_back(std::move(chunk));
  }
  changed_ = true;
  arrived_.notify_one();
  // Never all at once: when every shard has something waiting, the merger can write.
  written_.wait(lock, [&] { return shard.waiting_bytes <= kWaitingBytesMax; });
}

bool RecordMerger::collect() {
  std::unique_lock lock(mutex_);
  for (Shard& shard : shards_) {
    shard.waiting_bytes -= std::exchange(shard.written_bytes, 0);
  }
  written_.notify_all();
  const auto finished = [&] {
    return std::all_of(shards_.begin(), shards_.end(), [](const Shard& shard) {
      return shard.safe_before == kNoMore && shard.arrived.empty();
    });
  };
  arrived_.wait(lock, [&] { return changed_ || finished(); });
  if (!changed_) return false;
  changed_ = false;
  for (Shard& shard : shards_) {
    shard.merge_bound = shard.safe_before;
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
        bound = std::min(bound, shard.merge_bound);
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

void RecordMerger::run() {
  while (collect()) merge();
}

bool ShardTarget::write(std::string_view bytes) {
  chunk_.bytes.append(bytes);
  chunk_.entries.push_back({position_, static_cast<std::uint32_t>(bytes.size())});
  return true;
}

RecordChunk ShardTarget::take() { return std::exchange(chunk_, {}); }

}  // namespace rpcaudit::audit
