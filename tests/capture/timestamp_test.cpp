#include "capture/timestamp.h"

#include <gtest/gtest.h>

#include <cstdint>
#include <limits>

namespace rpcaudit {
namespace {

constexpr std::int64_t kEarliest = std::numeric_limits<std::int64_t>::min();
constexpr std::int64_t kLatest = std::numeric_limits<std::int64_t>::max();

TEST(Timestamp, DifferencesHaveTheSignOfTheOrder) {
  EXPECT_EQ(nanoseconds_between(Timestamp{5}, Timestamp{12}), 7);
  EXPECT_EQ(nanoseconds_between(Timestamp{12}, Timestamp{5}), -7);
  EXPECT_EQ(nanoseconds_between(Timestamp{-3}, Timestamp{-3}), 0);
}

TEST(Timestamp, DifferencesSaturateInsteadOfOverflowing) {
  EXPECT_EQ(nanoseconds_between(Timestamp{kEarliest}, Timestamp{kLatest}), kLatest);
  EXPECT_EQ(nanoseconds_between(Timestamp{-1}, Timestamp{kLatest}), kLatest);
  EXPECT_EQ(nanoseconds_between(Timestamp{kLatest}, Timestamp{kEarliest}), kEarliest);
  EXPECT_EQ(nanoseconds_between(Timestamp{1}, Timestamp{kEarliest}), kEarliest);
  EXPECT_EQ(nanoseconds_between(Timestamp{0}, Timestamp{kLatest}), kLatest);
}

}  // namespace
}  // namespace rpcaudit
