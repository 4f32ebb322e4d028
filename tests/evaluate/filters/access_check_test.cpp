#include "engine/evaluate/filters/access_check.h"

#include <gtest/gtest.h>

namespace rpcaudit::evaluate {
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

// [semantics] 3.4.1, 3.4.2: an access check for the right 0x1 (CC) in the order of the entries.
constexpr AccessCase kAccessCases[] = {
    {"D:(A;;CC;;;WD)", kNo, kYes, kMaybe},  // no anonymous token has Everyone
    {"D:(A;;CC;;;AN)", kYes, kNo, kMaybe},
    {"D:(A;;CC;;;S-1-5-7)", kYes, kNo, kMaybe},
    {"D:(A;;CC;;;AU)", kNo, kYes, kMaybe},
    {"D:(A;;CC;;;BA)", kNo, kMaybe, kMaybe},
    {"D:(A;;CC;;;DD)", kNo, kMaybe, kMaybe},
    {"D:(A;;CC;;;NU)", kMaybe, kMaybe, kMaybe},
    {"D:(A;;CC;;;S-1-5-21-1-2-3-500)", kNo, kMaybe, kMaybe},
    // Any mask with the lowest bit has the right, READ_CONTROL has not.
    {"D:(A;;KA;;;WD)", kNo, kYes, kMaybe},
    {"D:(A;;RC;;;WD)", kNo, kNo, kNo},
    {"D:(D;;RC;;;WD)(A;;CC;;;WD)", kNo, kYes, kMaybe},
    // The first entry that names the caller and covers the right decides.
    {"D:(D;;CC;;;AN)(A;;CC;;;WD)", kNo, kYes, kMaybe},
    {"D:(A;;CC;;;WD)(D;;CC;;;AN)", kNo, kYes, kMaybe},
    {"D:(D;;CC;;;BA)(A;;CC;;;WD)", kNo, kMaybe, kMaybe},
    {"D:(A;;CC;;;BA)(A;;CC;;;WD)", kNo, kYes, kMaybe},
    {"D:(A;;CC;;;BA)(D;;CC;;;WD)", kNo, kMaybe, kMaybe},
    {"D:(D;;CC;;;BA)(D;;CC;;;WD)", kNo, kNo, kNo},
    {"D:(D;;CC;;;BA)", kNo, kNo, kNo},
    {"D:(A;;CC;;;AN)(A;;CC;;;AU)", kYes, kYes, kMaybe},
    // Entries that apply to some callers only.
    {"D:(XA;;CC;;;WD;(@User.level==1))", kNo, kMaybe, kMaybe},
    {"D:(XA;;CC;;;AN;(@User.level==1))", kMaybe, kNo, kMaybe},
    // No list grants everything, an empty one nothing.
    {"D:NO_ACCESS_CONTROL", kYes, kYes, kYes},
    {"O:BA", kYes, kYes, kYes},
    {"D:", kNo, kNo, kNo},
};

// [semantics] 3.4.3.
TEST(AccessCheck, EveryoneHasAnonymousCallersWhereThatIsSet) {
  policy::SddlResult parsed = policy::parse_sddl("D:(A;;CC;;;WD)");
  ASSERT_TRUE(parsed.ok);
  EXPECT_EQ(access_check(parsed.descriptor, {kYes, kNo, nullptr}), kNo);
  parsed.descriptor.entries.at(0).includes_anonymous = true;
  EXPECT_EQ(access_check(parsed.descriptor, {kYes, kNo, nullptr}), kYes);
  EXPECT_EQ(access_check(parsed.descriptor, {kMaybe, kMaybe, nullptr}), kYes);
}

TEST(AccessCheck, TheFirstEntryThatNamesTheCallerDecides) {
  for (const AccessCase& row : kAccessCases) {
    const policy::SddlResult parsed = policy::parse_sddl(row.sddl);
    ASSERT_TRUE(parsed.ok) << row.sddl << ": " << parsed.error;
    EXPECT_EQ(access_check(parsed.descriptor, {kYes, kNo, nullptr}), row.anonymous_caller)
        << row.sddl;
    EXPECT_EQ(access_check(parsed.descriptor, {kNo, kYes, nullptr}), row.authenticated_caller)
        << row.sddl;
    EXPECT_EQ(access_check(parsed.descriptor, {kMaybe, kMaybe, nullptr}), row.unknown_caller)
        << row.sddl;
  }
}

struct TokenCase {
  const char* sddl;
  Truth domain_unknown;  // nobody said what domain the server is in
  Truth domain_known;    // S-1-5-21-1-2-3
};

// The caller is S-1-5-21-1-2-3-1104, in Domain Admins (-512) and the builtin Users (`BU`).
constexpr TokenCase kTokenCases[] = {
    {"D:(A;;CC;;;BU)", kYes, kYes},
    {"D:(A;;CC;;;S-1-5-32-545)", kYes, kYes},
    {"D:(A;;CC;;;BA)", kNo, kNo},
    {"D:(A;;CC;;;S-1-5-21-1-2-3-1104)", kYes, kYes},
    {"D:(A;;CC;;;S-1-5-21-1-2-3-1105)", kNo, kNo},
    {"D:(A;;CC;;;S-1-5-21-1-2-3-512)", kYes, kYes},
    {"D:(A;;CC;;;S-1-5-21-9-9-9-512)", kNo, kNo},
    // The domain of `DA` is the server's.
    {"D:(A;;CC;;;DA)", kMaybe, kYes},
    {"D:(A;;CC;;;DD)", kNo, kNo},
    // A caller from the network, who is somebody.
    {"D:(A;;CC;;;NU)", kYes, kYes},
    {"D:(A;;CC;;;IU)", kNo, kNo},
    {"D:(A;;CC;;;AN)", kNo, kNo},
    {"D:(A;;CC;;;AU)", kYes, kYes},
    {"D:(A;;CC;;;WD)", kYes, kYes},
    {"D:(A;;CC;;;SY)", kNo, kNo},
    // What no list of groups settles.
    {"D:(A;;CC;;;S-1-5-64-10)", kMaybe, kMaybe},
    {"D:(A;;CC;;;OW)", kMaybe, kMaybe},
    // In order: the first entry that names the caller decides.
    {"D:(D;;CC;;;BU)(A;;CC;;;WD)", kNo, kNo},
    {"D:(D;;CC;;;BA)(A;;CC;;;BU)", kYes, kYes},
    {"D:(A;;CC;;;BU)(D;;CC;;;WD)", kYes, kYes},
    {"D:(D;;CC;;;DA)(A;;CC;;;WD)", kMaybe, kNo},
    {"D:(D;;RC;;;BU)(A;;CC;;;WD)", kYes, kYes},
    {"D:(XA;;CC;;;BU;(@User.level==1))", kMaybe, kMaybe},
    {"D:(XA;;CC;;;BA;(@User.level==1))", kNo, kNo},
};

TEST(AccessCheck, WithATokenKnowsEveryGroup) {
  policy::CallerToken token;
  token.sids = {"BU", "S-1-5-21-1-2-3-1104", "S-1-5-21-1-2-3-512"};
  policy::CallerToken of_domain = token;
  policy::add_domain_names(of_domain, "S-1-5-21-1-2-3");
  for (const TokenCase& row : kTokenCases) {
    const policy::SddlResult parsed = policy::parse_sddl(row.sddl);
    ASSERT_TRUE(parsed.ok) << row.sddl << ": " << parsed.error;
    EXPECT_EQ(access_check(parsed.descriptor, {kNo, kYes, &token}), row.domain_unknown) << row.sddl;
    EXPECT_EQ(access_check(parsed.descriptor, {kNo, kYes, &of_domain}), row.domain_known)
        << row.sddl;
  }
}

TEST(AccessCheck, OfATokenThatNamesADomainGroupByAliasMayMeanTheNumber) {
  policy::CallerToken token;
  token.sids = {"DA"};
  const auto check = [](const char* sddl, const policy::CallerToken& caller) {
    return access_check(policy::parse_sddl(sddl).descriptor, {kNo, kYes, &caller});
  };
  EXPECT_EQ(check("D:(A;;CC;;;DA)", token), kYes);
  EXPECT_EQ(check("D:(A;;CC;;;S-1-5-21-1-2-3-512)", token), kMaybe);
  policy::add_domain_names(token, "S-1-5-21-1-2-3");
  EXPECT_EQ(check("D:(A;;CC;;;S-1-5-21-1-2-3-512)", token), kYes);
  EXPECT_EQ(check("D:(A;;CC;;;S-1-5-21-1-2-4-512)", token), kNo);
}

}  // namespace
}  // namespace rpcaudit::evaluate
