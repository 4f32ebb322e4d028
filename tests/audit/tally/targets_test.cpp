// Which targets stand on one line of the summary.

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "engine/audit/report/target_summary.h"
#include "engine/audit/tally/audit_tally.h"

namespace rpcaudit::audit {
namespace {

using evaluate::TargetAction;
using policy::Target;
using testing::HasSubstr;
using testing::Not;

// A tally of one call for each list: the targets on which it would be blocked.
AuditTally tally_of(const std::vector<std::vector<Target>>& calls) {
  AuditTally tally;
  tally.policies.push_back(0);
  tally.for_all_targets.push_back(true);
  for (const std::vector<Target>& blocked : calls) {
    evaluate::Verdict verdict;
    verdict.action = evaluate::VerdictAction::would_permit;
    verdict.depends_on_target = true;
    for (std::size_t i = 0; i < policy::kTargetCount; ++i) {
      verdict.targets.set(static_cast<Target>(i), TargetAction::would_permit);
    }
    for (const Target target : blocked) verdict.targets.set(target, TargetAction::would_block);
    tally.note_verdict(0, verdict);
  }
  return tally;
}

TEST(TargetLines, AreSharedByTargetsThatBlockTheSameCalls) {
  const std::string text =
      verdicts_by_target(tally_of({{Target::ws2019, Target::ws2022}, {Target::ws2016}}));
  EXPECT_THAT(text, HasSubstr("would be permitted: ws2019, ws2022\n"));
}

TEST(TargetLines, AreNotSharedByTargetsThatBlockAsManyOtherCalls) {
  AuditTally tally = tally_of({{Target::ws2019}, {Target::ws2022}});
  EXPECT_THAT(verdicts_by_target(tally), Not(HasSubstr("ws2019, ws2022")));
  AuditTally sum;
  sum.add(tally_of({{Target::ws2019}}));
  sum.add(tally_of({{Target::ws2022}}));
  EXPECT_EQ(sum.differing_targets, tally.differing_targets);
}

}  // namespace
}  // namespace rpcaudit::audit
