#include "engine/policy/check/validator.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>

#include "tests/policy/policy_reader.h"

namespace rpcaudit::policy {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;

// `line severity code` of what the validator alone says.
std::vector<std::string> validated(std::string_view script) {
  const ReadPolicy read = read_policy(script);
  std::vector<Diagnostic> diagnostics;
  validate(read.policy, diagnostics);
  std::vector<std::string> said;
  for (const Diagnostic& diagnostic : diagnostics) {
    EXPECT_FALSE(diagnostic.hint.empty()) << diagnostic.code << " says no way out";
    said.push_back(std::to_string(diagnostic.span.line) + ' ' +
                   std::string(to_string(diagnostic.severity)) + ' ' + diagnostic.code);
  }
  return said;
}

TEST(Validator, SaysNothingOfAPlainFilter) {
  EXPECT_THAT(validated(block_um("if_uuid equal e3514235-4b06-11d1-ab04-00c04fc2dcd2")), IsEmpty());
}

struct ConditionCase {
  const char* condition;
  std::vector<std::string> said;
};

// [semantics] 3.1.3, 3.4.2, 3.5.3, 3.5.4, 3.7.1, 1.4.4.
const ConditionCase kConditionCases[] = {
    {"image_name equal ssvchost.exe", {"2 note never-on-the-wire"}},
    {"sec_encrypt_alg equal 1", {"2 note never-on-the-wire"}},
    {"sec_key_size equal 128", {"2 note never-on-the-wire"}},
    {"dcom_app_id equal 11111111-1111-1111-1111-111111111111", {"2 note never-on-the-wire"}},
    {"remote_user_token equal D:(A;;CC;;;BA)", {"2 note never-on-the-wire"}},
    {"remote_user_token equal D:(A;;CC;;;AU)(A;;CC;;;AN)", {}},
    {"remote_user_token equal D:(A;;RC;;;BA)", {"2 warning sddl-never-matches"}},
    {"remote_user_token equal D:(D;;CC;;;AN)", {"2 warning sddl-never-matches"}},
    {"remote_user_token equal D:", {"2 warning sddl-never-matches"}},
    {"remote_user_token equal D:(A;;KA;;;WD)", {}},
    {"remote_user_token equal D:(A;;GA;;;WD)", {}},
    {"remote_user_token equal O:BA", {}},
    {"remote_addr_v4 equal 0xC0A80101", {"2 note v4-byte-order"}},
    {"remote_addr_v4 equal 1.2.2.1", {}},
    {"local_addr_v4 range 10.0.0.0-10.0.0.9", {"2 note address-order"}},
    {"local_addr_v6 equal fe80::1", {}},
    {"pipe equal \\PIPE\\winreg", {}},
    {"pipe equal \\pipe\\winreg", {}},
    {"pipe equal \\PIPE\\WinReg", {"2 warning pipe-case"}},
    {"pipe equal winreg", {"2 warning pipe-prefix"}},
    {"protocol equal ncacn_http", {"2 note protocol-not-documented"}},
    {"protocol equal ncacn_np", {}},
    {"opnum equal 3", {"2 note opnum-version"}},
    {"auth_level less 0", {"2 warning never-matches"}},
    {"auth_level greater 255", {"2 warning never-matches"}},
    {"if_flag any_set 0", {"2 warning never-matches"}},
    {"if_flag none_set 0", {"2 warning always-matches"}},
    {"if_version greater_or_equal 0", {"2 warning always-matches"}},
    {"if_version less_or_equal 65535", {"2 warning always-matches"}},
};

TEST(Validator, JudgesEachConditionAlone) {
  for (const ConditionCase& row : kConditionCases) {
    EXPECT_EQ(validated(block_um(row.condition)), row.said) << row.condition;
  }
}

struct FilterCase {
  const char* script;
  std::vector<std::string> said;
};

// [semantics] 2.4, 2.5, 4.1.2, 5.2, 5.3.
const FilterCase kFilterCases[] = {
    {"add rule um block audit=enable\nadd condition local_port equal 1\nadd filter\n",
     {"1 warning block-with-audit"}},
    {"add rule um permit audit=enable\nadd condition local_port equal 1\nadd filter\n", {}},
    {"add rule ep_add permit audit=enable\nadd filter\n",
     {"1 error audit-on-ep-add", "1 note layer-not-evaluated"}},
    {"add rule ep_add block\nadd filter\n",
     {"1 warning ep-add-action", "1 note layer-not-evaluated"}},
    {"add rule epmap block\nadd filter\n", {}},
    {"add rule proxy_if block\nadd filter\n", {"1 note layer-not-evaluated"}},
    {"add rule proxy_conn block\nadd filter\n", {"1 note layer-not-evaluated"}},
    {"add rule um permit auditparameters=enable\nadd filter\n", {"1 warning audit-parameters"}},
    {"add rule um permit audit=enable auditparameters=enable\nadd filter\n", {}},
    {"add rule um continue\nadd condition local_port equal 1\nadd filter\n",
     {"1 warning continue-only"}},
    {"add rule um block\nadd condition local_port equal 1\nadd condition auth_type equal 9\n"
     "add condition local_port equal 2\nadd filter\n",
     {"4 warning split-field"}},
    {"add rule um block\nadd condition local_port equal 1\nadd condition local_port equal 2\n"
     "add condition auth_type equal 9\nadd filter\n",
     {}},
    {"add rule um block\nadd condition local_addr_v4 equal 1.2.2.1\n"
     "add condition local_addr_v6 equal ::2\nadd filter\n",
     {"1 warning exclusive-fields"}},
    {"add rule um block\nadd condition pipe equal \\PIPE\\x\n"
     "add condition protocol equal ncacn_ip_tcp\nadd filter\n",
     {"1 warning exclusive-fields"}},
    {"add rule um block\nadd condition protocol equal ncacn_np\n"
     "add condition remote_addr_v4 equal 1.2.2.1\nadd filter\n",
     {"1 note address-on-pipe"}},
    // [semantics] 3.3.3: what the engine reports of calls over pipes differs by interface.
    {"add rule um block\nadd condition protocol equal ncacn_np\n"
     "add condition auth_level less 6\nadd filter\n",
     {"1 note security-on-pipe"}},
    {"add rule um block\nadd condition auth_type equal 10\n"
     "add condition pipe equal \\PIPE\\x\nadd filter\n",
     {"1 note security-on-pipe"}},
    {"add rule um block\nadd condition protocol equal ncacn_ip_tcp\n"
     "add condition auth_level less 6\nadd filter\n",
     {}},
};

TEST(Validator, JudgesEachFilterAlone) {
  for (const FilterCase& row : kFilterCases)
    EXPECT_EQ(validated(row.script), row.said) << row.script;
}

std::string filter(std::string_view rule, std::initializer_list<std::string_view> conditions) {
  std::string script = "add rule " + std::string(rule) + '\n';
  for (const std::string_view condition : conditions) {
    script += "add condition " + std::string(condition) + '\n';
  }
  return script + "add filter\n";
}

TEST(Validator, FindsKeysThatAreGivenTwice) {
  const std::string key = " 11111111-2222-3333-4444-555555555555";
  EXPECT_THAT(validated(filter("um block" + key, {"local_port equal 1"}) +
                        filter("um block" + key, {"local_port equal 2"})),
              ElementsAre("4 error duplicate-filter-key"));
}

TEST(Validator, FindsFiltersThatSayTheSame) {
  EXPECT_THAT(validated(filter("um block", {"local_port equal 1", "auth_type equal 9"}) +
                        filter("um block", {"local_port equal 0x1", "auth_type equals 9"})),
              ElementsAre("5 warning duplicate-filter"));
  EXPECT_THAT(validated(filter("um block", {"local_port equal 1"}) +
                        filter("um block volatile", {"local_port equal 1"}) +
                        filter("epmap block", {"local_port equal 1"})),
              IsEmpty());
}

struct OverlapCase {
  const char* permit;
  const char* block;
  bool overlap;
};

constexpr OverlapCase kOverlapCases[] = {
    {"local_port equal 1", "local_port equal 1", true},
    {"local_port equal 1", "local_port equal 2", false},
    {"local_port range 1-9", "local_port equal 9", true},
    {"local_port range 1-9", "local_port equal 10", false},
    {"local_port less 10", "local_port equal 10", false},
    {"local_port less_or_equal 10", "local_port equal 10", true},
    {"local_port greater 10", "local_port less 10", false},
    {"local_port greater 10", "local_port greater 20", true},
    {"local_port any_set 1", "local_port equal 2", true},
    {"local_port equal 1", "auth_type equal 9", false},  // different fields, different weights
    {"pipe equal \\PIPE\\a", "pipe equal \\PIPE\\b", false},
    {"if_uuid equal 11111111-1111-1111-1111-111111111111",
     "if_uuid equal 11111111-1111-1111-1111-111111111112", false},
    {"remote_user_token equal D:(A;;CC;;;AU)", "remote_user_token equal D:(A;;CC;;;AN)", true},
    {"local_addr_v6 equal ::1", "local_addr_v6 equal ::1", true},
};

// [semantics] 4.3.4.
TEST(Validator, FindsEqualWeightsWithDifferentActionsThatOverlap) {
  for (const OverlapCase& row : kOverlapCases) {
    const auto said =
        validated(filter("um permit", {row.permit}) + filter("um block", {row.block}));
    const auto swapped =
        validated(filter("um block", {row.block}) + filter("um permit", {row.permit}));
    const bool found = said == std::vector<std::string>{"4 warning equal-weight"} ||
                       said == std::vector<std::string>{"4 warning contradicting-filters"};
    EXPECT_EQ(found, row.overlap) << row.permit << " / " << row.block;
    EXPECT_EQ(said, swapped);
  }
}

TEST(Validator, TakesAdjacentConditionsAsAlternatives) {
  EXPECT_THAT(validated(filter("um permit", {"local_port equal 1", "local_port equal 2"}) +
                        filter("um block", {"local_port equal 2", "local_port equal 3"})),
              ElementsAre("5 warning equal-weight"));
  EXPECT_THAT(validated(filter("um permit", {"local_port equal 1", "local_port equal 2"}) +
                        filter("um block", {"local_port equal 4", "local_port equal 3"})),
              IsEmpty());
}

TEST(Validator, KeepsAuditFiltersApart) {
  EXPECT_THAT(validated(filter("um permit audit=enable", {"local_port equal 1"}) +
                        filter("um block", {"local_port equal 1"})),
              IsEmpty());
}

// A note on each of many filters is no reason to refuse them, nor to pass over a warning.
TEST(Validator, ManyNotesLeaveThePolicyUsable) {
  std::string script;
  for (int i = 0; i < 10'500; ++i) script += block_um("opnum equal " + std::to_string(i));
  script += block_um("pipe equal winreg");
  const auto said = validated(script);
  EXPECT_EQ(std::count(said.begin(), said.end(), "31502 warning pipe-prefix"), 1);
  EXPECT_EQ(said.size(), 10'000u + 2);
  const auto is_marker = [](const std::string& line) {
    return line.ends_with("note too-many-diagnostics");
  };
  EXPECT_EQ(std::count_if(said.begin(), said.end(), is_marker), 1);
}

TEST(Validator, StopsComparingWhenThePolicyIsHuge) {
  Policy policy;
  policy.files.emplace_back("huge");
  for (std::uint32_t i = 0; i < 6000; ++i) {
    Filter one;
    one.action = i % 2 == 0 ? Action::permit : Action::block;
    one.key.bytes[0] = static_cast<std::uint8_t>(i);
    one.key.bytes[1] = static_cast<std::uint8_t>(i >> 8);
    one.span = {0, i + 1, 1, 1};
    Condition condition;
    condition.field = Field::local_port;
    condition.data = NumberRange{i, i};
    one.conditions.push_back(condition);
    policy.filters.push_back(one);
  }
  std::vector<Diagnostic> diagnostics;
  validate(policy, diagnostics);
  ASSERT_EQ(diagnostics.size(), 1u);
  EXPECT_EQ(diagnostics[0].code, "overlaps-not-checked");
}

}  // namespace
}  // namespace rpcaudit::policy
