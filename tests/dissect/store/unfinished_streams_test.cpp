// The stream open the longest is found whatever the order in which streams open and end.

#include "dissect/store/unfinished_streams.h"

#include <gtest/gtest.h>

#include <map>
#include <random>

namespace rpcaudit::dissect {
namespace {

constexpr std::uint32_t kStreams = 200;

TEST(UnfinishedStreams, KnowTheEarliestInAnyOrder) {
  for (std::uint32_t seed = 1; seed <= 20; ++seed) {
    std::mt19937 random(seed);
    UnfinishedStreams streams(kStreams);
    std::map<std::uint32_t, std::uint64_t> open;
    for (int step = 0; step < 3'000; ++step) {
      const auto index = static_cast<std::uint32_t>(random() % kStreams);
      const std::uint64_t sequence = random() % 3 == 0 ? 0 : 1 + random() % 500;
      streams.set(index, sequence);
      open.erase(index);
      if (sequence != 0) open[index] = sequence;

      std::uint64_t earliest = UnfinishedStreams::kNothingOpen;
      for (const auto& [stream, since] : open) earliest = std::min(earliest, since);
      ASSERT_EQ(streams.earliest(), earliest) << "seed " << seed << ", step " << step;
      if (open.empty()) {
        ASSERT_EQ(streams.oldest(), kNoSlot);
      } else {
        ASSERT_EQ(open.at(streams.oldest()), earliest) << "seed " << seed << ", step " << step;
      }
    }
  }
}

TEST(UnfinishedStreams, OfOneFrameEndByIndex) {
  UnfinishedStreams streams(8);
  for (const std::uint32_t index : {5u, 2u, 7u}) streams.set(index, 3);
  EXPECT_EQ(streams.oldest(), 2u);
  streams.set(2, 0);
  EXPECT_EQ(streams.oldest(), 5u);
}

}  // namespace
}  // namespace rpcaudit::dissect
