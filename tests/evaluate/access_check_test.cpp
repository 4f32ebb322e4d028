#include "engine/evaluate/access_check.h"

#include <gtest/gtest.h>

namespace rpcaudit {
namespace {

constexpr Truth kNo = Truth::no;
constexpr Truth kMaybe = Truth::unknown;
constexpr Truth kYes = Truth::yes;

struct AccessCase {
  const char* sddl;
  Truth anonymous_caller;
  Truth authenticated_caller;
  Truth unknown_caller;
};

// 3.4: an access check for the right 0x1 (CC) in the order of the entries.
constexpr AccessCase kAccessCases[] = {
    {"D:(A;;CC;;;WD)", kYes, kYes, kYes},
    {"D:(A;;CC;;;AN)", kYes, kNo, kMaybe},
    {"D:(A;;CC;;;S-1-5-7)", kYes, kNo, kMaybe},
    {"D:(A;;CC;;;AU)", kNo, kYes, kMaybe},
    {"D:(A;;CC;;;BA)", kMaybe, kMaybe, kMaybe},
    {"D:(A;;CC;;;S-1-5-21-1-2-3-500)", kMaybe, kMaybe, kMaybe},
    // Any mask with the lowest bit has the right, READ_CONTROL has not.
    {"D:(A;;KA;;;WD)", kYes, kYes, kYes},
    {"D:(A;;RC;;;WD)", kNo, kNo, kNo},
    {"D:(D;;RC;;;WD)(A;;CC;;;WD)", kYes, kYes, kYes},
    // The first entry that names the caller and covers the right decides.
    {"D:(D;;CC;;;AN)(A;;CC;;;WD)", kNo, kYes, kMaybe},
    {"D:(A;;CC;;;WD)(D;;CC;;;AN)", kYes, kYes, kYes},
    {"D:(D;;CC;;;BA)(A;;CC;;;WD)", kMaybe, kMaybe, kMaybe},
    {"D:(A;;CC;;;BA)(A;;CC;;;WD)", kYes, kYes, kYes},
    {"D:(A;;CC;;;BA)(D;;CC;;;WD)", kMaybe, kMaybe, kMaybe},
    {"D:(D;;CC;;;BA)(D;;CC;;;WD)", kNo, kNo, kNo},
    {"D:(D;;CC;;;BA)", kNo, kNo, kNo},
    {"D:(A;;CC;;;AN)(A;;CC;;;AU)", kYes, kYes, kMaybe},
    // Entries that apply to some callers only.
    {"D:(XA;;CC;;;WD;(@User.level==1))", kMaybe, kMaybe, kMaybe},
    {"D:(XA;;CC;;;AN;(@User.level==1))", kMaybe, kNo, kMaybe},
    // No list grants everything, an empty one nothing.
    {"D:NO_ACCESS_CONTROL", kYes, kYes, kYes},
    {"O:BA", kYes, kYes, kYes},
    {"D:", kNo, kNo, kNo},
};

TEST(AccessCheck, TheFirstEntryThatNamesTheCallerDecides) {
  for (const AccessCase& row : kAccessCases) {
    const SddlResult parsed = parse_sddl(row.sddl);
    ASSERT_TRUE(parsed.ok) << row.sddl << ": " << parsed.error;
    EXPECT_EQ(access_check(parsed.descriptor, kYes, kNo), row.anonymous_caller) << row.sddl;
    EXPECT_EQ(access_check(parsed.descriptor, kNo, kYes), row.authenticated_caller) << row.sddl;
    EXPECT_EQ(access_check(parsed.descriptor, kMaybe, kMaybe), row.unknown_caller) << row.sddl;
  }
}

}  // namespace
}  // namespace rpcaudit
