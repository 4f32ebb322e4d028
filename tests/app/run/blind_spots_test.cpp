// "Blind spots": every loss that the dissector counts, and nothing that is none.

#include "engine/app/run/blind_spots.h"

#include <gtest/gtest.h>

#include <string>

namespace rpcaudit::app {
namespace {

TEST(BlindSpots, KnowWhatEveryCounterMeans) {
  const dissect::DissectStatistics statistics;
  for_each_counter(statistics, [](std::string_view name, std::uint64_t) {
    EXPECT_TRUE(has_meaning(name)) << name << " is to be told, or to be listed as no loss";
  });
}

TEST(BlindSpots, AreNoneWhereNothingIsLost) {
  dissect::DissectStatistics statistics;
  statistics.frames = 10;
  statistics.calls = 3;
  EXPECT_TRUE(blind_spots(statistics, 0).empty());
}

TEST(BlindSpots, TellEachLossOnce) {
  dissect::DissectStatistics statistics;
  statistics.pipes_evicted = 2;
  statistics.mapper_stubs_unreadable = 5;
  const auto lines = blind_spots(statistics, 7);
  ASSERT_EQ(lines.size(), 3u);
  EXPECT_EQ(lines[0].count, 2u);
  EXPECT_EQ(lines[0].text, "named pipes forgotten because the table was full");
  EXPECT_EQ(lines[1].count, 5u);
  EXPECT_EQ(lines[2].count, 7u);
  EXPECT_EQ(lines[2].text, "frames of link types that are not decoded");
}

}  // namespace
}  // namespace rpcaudit::app
