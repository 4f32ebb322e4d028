#include "engine/evaluate/opnum_range.h"

#include <gtest/gtest.h>

namespace rpcaudit::evaluate {
namespace {

struct Row {
  std::uint16_t opnum;
  std::uint64_t low, high;  // of the test
  std::uint16_t alike, not_alike;
};

constexpr Row kRows[] = {
    {5, 5, 5, 5, 4},          {5, 5, 5, 5, 6},      {5, 9, 9, 8, 9},
    {5, 9, 9, 0, 0xffff},     {5, 2, 2, 3, 2},      {5, 2, 2, 0xffff, 1},
    {5, 3, 7, 3, 2},          {5, 3, 7, 7, 8},      {5, 0, 5, 0, 6},
    {5, 6, 1ull << 40, 0, 6}, {0, 1, 0xffff, 0, 1}, {0xffff, 0, 0xfffe, 0xffff, 0xfffe},
};

TEST(OpnumRange, EndsWhereATestTellsNumbersApart) {
  for (const Row& row : kRows) {
    OpnumRange range(row.opnum);
    range.split(row.low, row.high);
    EXPECT_TRUE(range.contains(row.opnum)) << row.opnum << ' ' << row.low;
    EXPECT_TRUE(range.contains(row.alike)) << row.opnum << ' ' << row.low;
    EXPECT_FALSE(range.contains(row.not_alike)) << row.opnum << ' ' << row.low;
  }
}

TEST(OpnumRange, IsEveryNumberWithoutATestOrWithOneThatNothingMeets) {
  OpnumRange range(5);
  range.split(9, 8);
  EXPECT_TRUE(range.contains(0));
  EXPECT_TRUE(range.contains(0xffff));
}

TEST(OpnumRange, IsOneNumberWhenAllAreToldApart) {
  OpnumRange range(5);
  range.split_all();
  EXPECT_TRUE(range.contains(5));
  EXPECT_FALSE(range.contains(4));
  EXPECT_FALSE(range.contains(6));
}

}  // namespace
}  // namespace rpcaudit::evaluate
