#include "engine/audit/sink/event_merger.h"

#include <gtest/gtest.h>

#include <condition_variable>
#include <mutex>
#include <random>
#include <thread>

#include "engine/audit/sink/event_recorder.h"
#include "tests/audit/position_sink.h"

namespace rpcaudit::audit {
namespace {

using test::gap_at;
using test::PositionSink;
using Positions = std::vector<dissect::Position>;

constexpr EventMerger::Progress kEnd{EventMerger::kNoMore, 0};

Positions frames_from(std::uint64_t first, std::uint64_t end) {
  Positions positions;
  for (std::uint64_t frame = first; frame < end; ++frame) positions.push_back({frame, 0});
  return positions;
}

// Events of many frames, dealt to shards at random and published in random pieces by threads that
// run at their own speed, come out in the order of their frames.
TEST(EventMerger, PutsEventsInTheOrderOfTheirFrames) {
  constexpr std::size_t kShards = 3;
  constexpr std::uint64_t kFrames = 20'000;
  std::mt19937_64 random(7);
  std::vector<std::vector<std::uint64_t>> frames(kShards);
  for (std::uint64_t frame = 1; frame < kFrames; ++frame) {
    frames[random() % kShards].push_back(frame);
  }
  PositionSink sink;
  EventMerger merger(kShards, sink, [] {}, {});
  std::vector<std::thread> threads;
  for (std::size_t shard = 0; shard < kShards; ++shard) {
    threads.emplace_back([&merger, &mine = frames[shard], shard, seed = random()] {
      std::mt19937_64 own(seed);
      EventRecorder recorder(merger, shard);
      for (const std::uint64_t frame : mine) {
        recorder.on_blindness(gap_at({frame, 0}));
        if (own() % 50 == 0) recorder.publish({frame + 1, frame + 1});
      }
      recorder.publish(kEnd);
    });
  }
  merger.run();
  for (std::thread& thread : threads) thread.join();
  EXPECT_TRUE(sink.positions == frames_from(1, kFrames));
}

// One shard has nothing to write until the very end: what it says of its progress is enough.
TEST(EventMerger, WritesPastAShardWithoutEvents) {
  PositionSink sink;
  EventMerger merger(2, sink, [] {}, {});
  std::thread worker([&] {
    EventRecorder busy(merger, 0);
    EventRecorder idle(merger, 1);
    busy.on_blindness(gap_at({5, 0}));
    busy.publish({6, 6});
    idle.publish({100, 100});
    busy.publish(kEnd);
    idle.publish(kEnd);
  });
  merger.run();
  worker.join();
  EXPECT_EQ(sink.positions, (Positions{{5, 0}}));
}

// At the end of the input every shard may have something to say about its last frame.
TEST(EventMerger, PutsWhatIsToldBehindTheLastFrameIntoItsOwnOrder) {
  const std::uint64_t first = dissect::behind_pdus(1);
  const std::uint64_t second = dissect::behind_pdus(2);
  PositionSink sink;
  EventMerger merger(2, sink, [] {}, {});
  std::thread worker([&] {
    EventRecorder one(merger, 0);
    EventRecorder other(merger, 1);
    other.publish({6, 6});
    one.on_blindness(gap_at({5, 0}));
    one.on_blindness(gap_at({5, second}));
    one.publish(kEnd);
    other.on_blindness(gap_at({5, first}));
    other.publish(kEnd);
  });
  merger.run();
  worker.join();
  EXPECT_EQ(sink.positions, (Positions{{5, 0}, {5, first}, {5, second}}));
}

TEST(EventMerger, AddsUpWhatEveryShardTellsAtTheEnd) {
  PositionSink sink;
  EventMerger merger(2, sink, [] {}, {});
  std::thread worker([&] {
    for (std::size_t shard = 0; shard < 2; ++shard) {
      EventRecorder recorder(merger, shard);
      dissect::Blindness part = gap_at({9, dissect::kLastInFrame});
      part.kind = dissect::BlindnessKind::unfinished_fragments;
      part.messages = 3 + shard;
      recorder.on_blindness(part);
      recorder.publish(kEnd);
    }
  });
  merger.run();
  worker.join();
  EXPECT_EQ(sink.positions, (Positions{{9, dissect::kLastInFrame}}));
  EXPECT_EQ(sink.messages, 7u);
}

// The worker of a shard with one event that stays open from frame 1 on, and no frames to look at:
// it does what the merger asks for, and nothing else.
class HoldingWorker {
 public:
  explicit HoldingWorker(std::uint64_t seen_before) : seen_before_(seen_before) {}

  void wake() {
    const std::lock_guard lock(mutex_);
    woken_ = true;
    changed_.notify_one();
  }
  void run(EventMerger& merger, std::size_t shard) {
    EventRecorder recorder(merger, shard);
    recorder.publish({1, seen_before_});
    while (!given_up_) {
      wait();
      const std::uint64_t before = merger.give_up_before(shard);
      if (before <= 1) continue;
      recorder.on_blindness(gap_at({1, 0}));
      recorder.publish({before, seen_before_});
      given_up_ = true;
    }
    recorder.publish(kEnd);
  }
  [[nodiscard]] bool given_up() const { return given_up_; }

 private:
  void wait() {
    std::unique_lock lock(mutex_);
    changed_.wait(lock, [this] { return woken_; });
    woken_ = false;
  }

  std::uint64_t seen_before_;
  std::mutex mutex_;
  std::condition_variable changed_;
  bool woken_ = false;
  bool given_up_ = false;
};

// Others have events in all frames from 2 on, far more than may wait.
TEST(EventMerger, HasTheShardThatHoldsOthersBackGiveUpWhatIsOpen) {
  constexpr std::uint64_t kFrames = 5'000;
  for (const std::size_t busy : {1u, 2u, 7u}) {
    PositionSink sink;
    HoldingWorker holding(kFrames + 2);
    EventMerger merger(busy + 1, sink, [&holding] { holding.wake(); },
                       {.waiting_bytes = 20'000, .chunk_events = 3});
    std::vector<std::thread> threads;
    threads.emplace_back([&] { holding.run(merger, busy); });
    for (std::size_t shard = 0; shard < busy; ++shard) {
      threads.emplace_back([&merger, shard, busy] {
        EventRecorder recorder(merger, shard);
        for (std::uint64_t frame = 2 + shard; frame < kFrames; frame += busy) {
          recorder.on_blindness(gap_at({frame, 0}));
          if (frame % 5 == 0) recorder.publish({frame + 1, frame + 1});
        }
        recorder.publish(kEnd);
      });
    }
    merger.run();
    for (std::thread& thread : threads) thread.join();
    EXPECT_TRUE(holding.given_up());
    EXPECT_TRUE(sink.positions == frames_from(1, kFrames)) << busy << " busy shards";
  }
}

}  // namespace
}  // namespace rpcaudit::audit
