#include "engine/audit/sink/record_merger.h"

#include <gtest/gtest.h>

#include <condition_variable>
#include <mutex>
#include <random>
#include <thread>

namespace rpcaudit::audit {
namespace {

class StringTarget : public OutputTarget {
 public:
  bool write(std::string_view bytes) override {
    text.append(bytes);
    return true;
  }
  const std::string& error() const override { return error_; }

  std::string text;

 private:
  std::string error_;
};

// Records of many frames, dealt to shards at random and published in random pieces by threads that
// run at their own speed, come out in the order of their frames.
TEST(RecordMerger, PutsRecordsInTheOrderOfTheirFrames) {
  constexpr std::size_t kShards = 3;
  constexpr std::uint64_t kFrames = 20'000;
  std::mt19937_64 random(7);
  std::vector<std::vector<std::uint64_t>> frames(kShards);
  std::string expected;
  for (std::uint64_t frame = 1; frame <= kFrames; ++frame) {
    frames[random() % kShards].push_back(frame);
    expected += std::to_string(frame) + "\n";
  }
  StringTarget target;
  OutputBuffer out(target, false);
  RecordMerger merger(kShards, out, [] {});
  std::vector<std::thread> threads;
  for (std::size_t shard = 0; shard < kShards; ++shard) {
    threads.emplace_back([&merger, &mine = frames[shard], shard, seed = random()] {
      std::mt19937_64 own(seed);
      ShardTarget records;
      for (const std::uint64_t frame : mine) {
        records.set_position({frame, 0});
        EXPECT_TRUE(records.write(std::to_string(frame) + "\n"));
        if (own() % 50 == 0) merger.publish(shard, records.take(), {frame + 1, frame + 1});
      }
      merger.publish(shard, records.take(), {RecordMerger::kNoMore, 0});
    });
  }
  merger.run();
  for (std::thread& thread : threads) thread.join();
  out.flush();
  EXPECT_TRUE(target.text == expected);
}

// One shard has nothing to write until the very end: what it says of its progress is enough.
TEST(RecordMerger, WritesPastAShardWithoutRecords) {
  StringTarget target;
  OutputBuffer out(target, true);
  RecordMerger merger(2, out, [] {});
  std::thread worker([&] {
    ShardTarget records;
    records.set_position({5, 0});
    EXPECT_TRUE(records.write("five\n"));
    merger.publish(0, records.take(), {6, 6});
    merger.publish(1, {}, {100, 100});
    merger.publish(0, {}, {RecordMerger::kNoMore, 0});
    merger.publish(1, {}, {RecordMerger::kNoMore, 0});
  });
  merger.run();
  worker.join();
  EXPECT_EQ(target.text, "five\n");
}

// At the end of the input every shard may have something to say about its last frame.
TEST(RecordMerger, PutsWhatIsToldBehindTheLastFrameIntoItsOwnOrder) {
  StringTarget target;
  OutputBuffer out(target, true);
  RecordMerger merger(2, out, [] {});
  std::thread worker([&] {
    ShardTarget records;
    merger.publish(1, {}, {6, 6});
    records.set_position({5, 0});
    EXPECT_TRUE(records.write("call\n"));
    records.set_position({5, dissect::kBehindPdus + 2});
    EXPECT_TRUE(records.write("second\n"));
    merger.publish(0, records.take(), {RecordMerger::kNoMore, 0});
    records.set_position({5, dissect::kBehindPdus + 1});
    EXPECT_TRUE(records.write("first\n"));
    merger.publish(1, records.take(), {RecordMerger::kNoMore, 0});
  });
  merger.run();
  worker.join();
  EXPECT_EQ(target.text, "call\nfirst\nsecond\n");
}

// The worker of a shard with one record that stays open from frame 1 on, and no frames to look at:
// it does what the merger asks for, and nothing else.
class HoldingWorker {
 public:
  explicit HoldingWorker(std::uint64_t seen_before) : seen_before_(seen_before) {}

  void wake() {
    const std::lock_guard lock(mutex_);
    woken_ = true;
    changed_.notify_one();
  }
  void run(RecordMerger& merger, std::size_t shard) {
    merger.publish(shard, {}, {1, seen_before_});
    while (!given_up_) {
      wait();
      const std::uint64_t before = merger.give_up_before(shard);
      if (before <= 1) continue;
      ShardTarget records;
      records.set_position({1, 0});
      EXPECT_TRUE(records.write("open\n"));
      merger.publish(shard, records.take(), {before, seen_before_});
      given_up_ = true;
    }
    merger.publish(shard, {}, {RecordMerger::kNoMore, seen_before_});
  }
  bool given_up() const { return given_up_; }

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

// Others have records in all frames from 2 on, far more than may wait.
TEST(RecordMerger, HasTheShardThatHoldsOthersBackGiveUpWhatIsOpen) {
  constexpr std::uint64_t kFrames = 5'000;
  constexpr std::size_t kWaitingBytesMax = 100;
  for (const std::size_t busy : {1u, 2u, 7u}) {
    StringTarget target;
    OutputBuffer out(target, false);
    HoldingWorker holding(kFrames + 2);
    RecordMerger merger(
        busy + 1, out, [&holding] { holding.wake(); }, kWaitingBytesMax);
    std::vector<std::thread> threads;
    threads.emplace_back([&] { holding.run(merger, busy); });
    for (std::size_t shard = 0; shard < busy; ++shard) {
      threads.emplace_back([&merger, shard, busy] {
        for (std::uint64_t frame = 2 + shard; frame < kFrames; frame += busy) {
          ShardTarget records;
          records.set_position({frame, 0});
          EXPECT_TRUE(records.write(std::to_string(frame) + "\n"));
          merger.publish(shard, records.take(), {frame + 1, frame + 1});
        }
        merger.publish(shard, {}, {RecordMerger::kNoMore, kFrames});
      });
    }
    merger.run();
    for (std::thread& thread : threads) thread.join();
    out.flush();
    EXPECT_TRUE(holding.given_up());
    std::string expected = "open\n";
    for (std::uint64_t frame = 2; frame < kFrames; ++frame) {
      expected += std::to_string(frame) + "\n";
    }
    EXPECT_TRUE(target.text == expected) << busy << " busy shards";
  }
}

}  // namespace
}  // namespace rpcaudit::audit
