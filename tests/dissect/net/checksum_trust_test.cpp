#include "dissect/net/checksum_trust.h"

#include <gtest/gtest.h>

#include <string>

namespace rpcaudit::dissect {
namespace {

// `g` a good checksum, `b` a bad one, `-` one that cannot be told; the verdicts are t, d and x.
std::string judge(std::string_view results) {
  ChecksumTrust trust;
  std::string verdicts;
  for (const char result : results) {
    ChecksumResult seen = ChecksumResult::unknown;
    if (result == 'g') seen = ChecksumResult::good;
    if (result == 'b') seen = ChecksumResult::bad;
    switch (trust.judge(seen)) {
      case ChecksumTrust::Verdict::taken: verdicts += 't'; break;
      case ChecksumTrust::Verdict::dropped: verdicts += 'd'; break;
      case ChecksumTrust::Verdict::disproved: verdicts += 'x'; break;
    }
  }
  return verdicts;
}

TEST(ChecksumTrust, TakesAllOfASenderWhoseNetworkCardComputesChecksums) {
  EXPECT_EQ(judge("bbbbb"), "ttttt");
}
TEST(ChecksumTrust, DropsABadOneBehindTwoGoodOnes) {
  EXPECT_EQ(judge("gbg"), "ttt");
  EXPECT_EQ(judge("ggbgb"), "ttdtd");
  EXPECT_EQ(judge("g-gb"), "tttd");
}
TEST(ChecksumTrust, TrustsNobodyWhoseBadOnesCameFirst) { EXPECT_EQ(judge("bgggggb"), "ttttttt"); }
TEST(ChecksumTrust, GivesUpTrustWhenTooManyInARowAreBad) {
  EXPECT_EQ(judge("ggbbbbbbbbbbg"), "ttddddddddxtt");
}
TEST(ChecksumTrust, CountsOnlyBadOnesInARow) {
  EXPECT_EQ(judge("ggbbbbbbbbgbbbbbbbb"), "ttddddddddtdddddddd");
}

}  // namespace
}  // namespace rpcaudit::dissect
