// Verdicts by their place, and what becomes of places when there are too many verdicts.

#include "engine/audit/known_verdicts.h"

#include <gtest/gtest.h>

#include <vector>

namespace rpcaudit::audit {
namespace {

evaluate::Verdict verdict_of(std::uint32_t filter) {
  evaluate::Verdict verdict;
  verdict.action = evaluate::VerdictAction::would_block;
  verdict.filters.filter = filter;
  return verdict;
}

TEST(KnownVerdicts, HaveOnePlaceEach) {
  KnownVerdicts verdicts;
  std::vector<std::uint32_t> places;
  for (std::uint32_t i = 0; i < 100; ++i) places.push_back(verdicts.place_of(verdict_of(i)));
  for (std::uint32_t i = 0; i < 100; ++i) {
    EXPECT_EQ(verdicts.place_of(verdict_of(i)), places[i]);
    EXPECT_EQ(verdicts[places[i]], verdict_of(i));
  }
}

// The hash does not see all parts of a verdict.
TEST(KnownVerdicts, TellVerdictsApartThatDifferInAnyPart) {
  KnownVerdicts verdicts;
  const evaluate::Verdict plain = verdict_of(1);
  std::vector<evaluate::Verdict> others(6, plain);
  others[0].filters.readings_differ = true;
  others[1].readings_differ = true;
  others[2].what_if = evaluate::WhatIf{};
  others[3].event_5712.keywords = evaluate::AuditKeywords::failure;
  others[4].controls[evaluate::Control::ipsec].readings_differ = true;
  others[5].lookup.is_needed = true;
  const std::uint32_t place = verdicts.place_of(plain);
  for (const evaluate::Verdict& other : others) {
    const std::uint32_t its = verdicts.place_of(other);
    EXPECT_NE(its, place);
    EXPECT_EQ(verdicts[its], other);
  }
}

TEST(KnownVerdicts, BeginANewEpochWhenThereIsNoRoom) {
  KnownVerdicts verdicts(4);
  const std::uint32_t first = verdicts.epoch();
  for (std::uint32_t i = 0; i < 4; ++i) (void)verdicts.place_of(verdict_of(i));
  EXPECT_EQ(verdicts.epoch(), first);
  const std::uint32_t place = verdicts.place_of(verdict_of(4));
  EXPECT_NE(verdicts.epoch(), first);
  EXPECT_EQ(verdicts[place], verdict_of(4));
}

}  // namespace
}  // namespace rpcaudit::audit
