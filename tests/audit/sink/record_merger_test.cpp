#include "engine/audit/sink/record_merger.h"

#include <gtest/gtest.h>

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
  RecordMerger merger(kShards, out);
  std::vector<std::thread> threads;
  for (std::size_t shard = 0; shard < kShards; ++shard) {
    threads.emplace_back([&merger, &mine = frames[shard], shard, seed = random()] {
      std::mt19937_64 own(seed);
      ShardTarget records;
      for (const std::uint64_t frame : mine) {
        records.set_position({frame, 0});
        EXPECT_TRUE(records.write(std::to_string(frame) + "\n"));
        if (own() % 50 == 0) merger.publish(shard, records.take(), frame + 1);
      }
      merger.publish(shard, records.take(), RecordMerger::kNoMore);
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
  RecordMerger merger(2, out);
  std::thread worker([&] {
    ShardTarget records;
    records.set_position({5, 0});
    EXPECT_TRUE(records.write("five\n"));
    merger.publish(0, records.take(), 6);
    merger.publish(1, {}, 100);
    merger.publish(0, {}, RecordMerger::kNoMore);
    merger.publish(1, {}, RecordMerger::kNoMore);
  });
  merger.run();
  worker.join();
  EXPECT_EQ(target.text, "five\n");
}

// At the end of the input every shard may have something to say about its last frame.
TEST(RecordMerger, PutsWhatIsToldBehindTheLastFrameIntoItsOwnOrder) {
  StringTarget target;
  OutputBuffer out(target, true);
  RecordMerger merger(2, out);
  std::thread worker([&] {
    ShardTarget records;
    merger.publish(1, {}, 6);
    records.set_position({5, 0});
    EXPECT_TRUE(records.write("call\n"));
    records.set_position({5, dissect::kBehindPdus + 2});
    EXPECT_TRUE(records.write("second\n"));
    merger.publish(0, records.take(), RecordMerger::kNoMore);
    records.set_position({5, dissect::kBehindPdus + 1});
    EXPECT_TRUE(records.write("first\n"));
    merger.publish(1, records.take(), RecordMerger::kNoMore);
  });
  merger.run();
  worker.join();
  EXPECT_EQ(target.text, "call\nfirst\nsecond\n");
}

}  // namespace
}  // namespace rpcaudit::audit
