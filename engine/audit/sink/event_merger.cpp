#include "engine/audit/sink/event_merger.h"

#include <algorithm>
#include <utility>

namespace rpcaudit::audit {

EventMerger::EventMerger(std::size_t shards, EventSink& sink, std::function<void()> wake_workers,
                         Bounds bounds)
    : sink_(sink), wake_workers_(std::move(wake_workers)), bounds_(bounds), shards_(shards) {}

std::unique_ptr<EventChunk> EventMerger::make_chunk(std::size_t shard) const {
  return std::make_unique<EventChunk>(shard, shards_.size());
}

void EventMerger::publish(std::size_t shard_index, std::unique_ptr<EventChunk>& chunk,
                          Progress progress) {
  std::unique_lock lock(mutex_);
  Shard& shard = shards_[shard_index];
  shard.published = progress;
  changed_ = true;
  idle_ = idle_ || progress.idle;
  if (!chunk->empty()) {
    shard.waiting_bytes += chunk->memory();
    waiting_bytes_ += chunk->memory();
    shard.arrived.push_back(std::move(chunk));
    if (!shard.spare.empty()) {
      chunk = std::move(shard.spare.back());
      shard.spare.pop_back();
    }
  }
  arrived_.notify_one();
  written_.wait(
      lock, [&] { return waiting_bytes_ <= bounds_.waiting_bytes || shard.waiting_bytes == 0; });
  lock.unlock();
  if (chunk == nullptr) chunk = make_chunk(shard_index);
}

void EventMerger::add_to_sum(const dissect::Blindness& part) {
  const std::lock_guard lock(mutex_);
  std::optional<dissect::Blindness>& sum = sums_[static_cast<std::size_t>(part.kind)];
  if (sum) {
    sum->messages += part.messages;
    sum->bytes += part.bytes;
  } else {
    sum = part;
  }
}

bool EventMerger::collect(bool& idle) {
  std::unique_lock lock(mutex_);
  const auto finished = [&] {
    return std::all_of(shards_.begin(), shards_.end(), [](const Shard& shard) {
      return shard.published.safe_before == kNoMore && shard.arrived.empty();
    });
  };
  arrived_.wait(lock, [&] { return changed_ || finished(); });
  if (!changed_) return false;
  changed_ = false;
  idle = std::exchange(idle_, false);
  for (Shard& shard : shards_) {
    shard.progress = shard.published;
    for (std::unique_ptr<EventChunk>& chunk : shard.arrived) {
      shard.merging.push_back(std::move(chunk));
    }
    shard.arrived.clear();
  }
  return true;
}

EventMerger::Choice EventMerger::choose() {
  Choice choice;
  dissect::Position first{kNoMore, dissect::kLastInFrame};
  for (Shard& shard : shards_) {
    if (shard.merging.empty()) {
      choice.safe_before = std::min(choice.safe_before, shard.progress.safe_before);
      continue;
    }
    const dissect::Position position = shard.merging.front()->position();
    if (choice.shard == nullptr || position < first) {
      if (choice.shard != nullptr) choice.next_of_others = first;
      choice.shard = &shard;
      first = position;
    } else {
      choice.next_of_others = std::min(choice.next_of_others, position);
    }
  }
  return choice;
}

// Tells the events of one shard up to the next of another one, but only those that no event still
// to come can precede.
void EventMerger::write(const Choice& choice) {
  Shard& shard = *choice.shard;
  EventChunk& chunk = *shard.merging.front();
  do {
    chunk.pass_on(sink_);
  } while (!chunk.empty() && chunk.position() < choice.next_of_others &&
           dissect::is_settled(chunk.position(), choice.safe_before));
  if (!chunk.empty()) return;
  shard.written.push_back(std::move(shard.merging.front()));
  shard.merging.pop_front();
}

void EventMerger::merge() {
  for (Choice choice = choose(); choice.shard != nullptr; choice = choose()) {
    if (!dissect::is_settled(choice.shard->merging.front()->position(), choice.safe_before)) return;
    write(choice);
  }
}

void EventMerger::note_written() {
  bool too_much = false;
  {
    const std::lock_guard lock(mutex_);
    for (Shard& shard : shards_) {
      for (std::unique_ptr<EventChunk>& chunk : shard.written) {
        waiting_bytes_ -= chunk->memory();
        shard.waiting_bytes -= chunk->memory();
        chunk->clear();
        shard.spare.push_back(std::move(chunk));
      }
      shard.written.clear();
    }
    too_much = waiting_bytes_ > bounds_.waiting_bytes;
  }
  written_.notify_all();
  if (too_much) {
    ask_for_progress();
    return;
  }
  hurry_.store(false, std::memory_order_relaxed);
  for (Shard& shard : shards_) shard.give_up_before.store(0, std::memory_order_relaxed);
}

// Half of what waits is to become free to be written. A shard that has not seen as many frames yet
// gets there without being asked.
void EventMerger::ask_for_progress() {
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

// The frame of the middle one of the waiting events, in the shard of which most wait.
std::uint64_t EventMerger::middle_of_waiting() const noexcept {
  const auto most = std::max_element(
      shards_.begin(), shards_.end(),
      [](const Shard& a, const Shard& b) { return a.merging.size() < b.merging.size(); });
  if (most->merging.empty()) return 0;
  return most->merging[most->merging.size() / 2]->last_position().sequence;
}

void EventMerger::run(const std::function<void()>& between) {
  for (bool idle = false; collect(idle);) {
    merge();
    flush_.done(sink_, idle);
    if (between) between();
    note_written();
  }
  for (const std::optional<dissect::Blindness>& sum : sums_) {
    if (sum) sink_.on_blindness(*sum);
  }
}

}  // namespace rpcaudit::audit
