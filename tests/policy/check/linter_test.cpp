// Every lint of `check`, with a case where it speaks and one where it is silent.

#include "engine/policy/check/linter.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "engine/policy/check/validator.h"
#include "engine/policy/policy_text.h"
#include "tests/policy/policy_reader.h"

namespace rpcaudit::policy {
namespace {

using testing::Contains;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;

constexpr Uuid kDrsuapi = uuid("e3514235-4b06-11d1-ab04-00c04fc2dcd2");

class TwoNames : public InterfaceNames {
 public:
  std::string name_of(const Uuid& interface) const override {
    return interface == kDrsuapi ? "drsuapi" : "";
  }
  std::optional<Uuid> nearest(const Uuid& interface) const override {
    return interface.bytes[0] == kDrsuapi.bytes[0] ? std::optional(kDrsuapi) : std::nullopt;
  }
};

std::vector<Diagnostic> linted(std::string_view text, Target target) {
  Policy policy;
  std::vector<Diagnostic> diagnostics;
  read_policy(text, "test.txt", policy, diagnostics);
  diagnostics.clear();
  const TwoNames names;
  lint(policy, {TargetProfile(target), &names}, diagnostics);
  return diagnostics;
}

// `line severity code` of each.
std::vector<std::string> said(const std::vector<Diagnostic>& diagnostics) {
  std::vector<std::string> lines;
  for (const Diagnostic& diagnostic : diagnostics) {
    EXPECT_FALSE(diagnostic.hint.empty()) << diagnostic.code << " says no way out";
    lines.push_back(std::to_string(diagnostic.span.line) + ' ' +
                    std::string(to_string(diagnostic.severity)) + ' ' + diagnostic.code);
  }
  return lines;
}

std::string filter(std::string_view rule, std::initializer_list<std::string_view> conditions) {
  std::string script = "add rule " + std::string(rule) + '\n';
  for (const std::string_view condition : conditions) {
    script += "add condition " + std::string(condition) + '\n';
  }
  return script + "add filter\n";
}

struct LintCase {
  const char* name;
  std::string script;
  Target target;
  std::vector<std::string> said;
};

const std::string kBlockDrs = filter("um block", {"if_uuid equal " + to_string(kDrsuapi)});
const std::string kBlockTcp = filter("um block", {"protocol equal ncacn_ip_tcp"});

const LintCase kRelations[] = {
    {"plain", kBlockDrs, Target::documented, {}},
    {"shadowed",
     filter("um block", {"local_port equal 1"}) + filter("um block", {"local_port range 1-9"}),
     Target::documented,
     {"1 warning shadowed-filter"}},
    {"redundant_by_the_wider_and_older",
     filter("um block", {"local_port range 1-19"}) + filter("um block", {"local_port range 1-9"}),
     Target::documented,
     {"4 warning redundant-filter"}},
    {"overruled",
     filter("um permit", {"local_port equal 1"}) + filter("um block", {"local_port range 1-9"}),
     Target::documented,
     {"1 warning overruled-filter"}},
    {"shadowed_by_alternatives",
     filter("um block", {"local_port equal 1", "local_port equal 2"}) +
         filter("um block", {"local_port equal 1", "local_port equal 2", "local_port equal 3"}),
     Target::documented,
     {"1 warning shadowed-filter"}},
    {"redundant",
     filter("um block", {"protocol equal ncacn_ip_tcp", "local_port equal 1"}) + kBlockTcp,
     Target::documented,
     {"1 warning redundant-filter"}},
    {"not_redundant_with_a_permit_between",
     filter("um block", {"protocol equal ncacn_ip_tcp", "local_port equal 1"}) +
         filter("um permit", {"protocol equal ncacn_ip_tcp", "remote_addr_v6 equal ::1"}) +
         kBlockTcp,
     Target::documented,
     {}},
    {"permit_without_block",
     filter("um permit", {"local_port equal 1"}),
     Target::documented,
     {"1 warning permit-without-block"}},
    {"permit_with_block_on_another_interface",
     filter("um permit", {"if_uuid equal " + to_string(kDrsuapi), "opnum equal 3"}) +
         filter("um block", {"if_uuid equal 338cd001-2244-31f1-aaaa-900038001003"}),
     Target::documented,
     {"1 warning permit-without-block", "6 note unknown-interface"}},
    {"permit_with_its_block",
     filter("um permit", {"if_uuid equal " + to_string(kDrsuapi), "opnum equal 3"}) + kBlockDrs,
     Target::documented,
     {}},
    {"audited_permit_only_logs",
     filter("um permit audit=enable", {"local_port equal 1"}),
     Target::documented,
     {}},
    {"blocks_everything",
     filter("um block", {"if_version greater_or_equal 0"}),
     Target::documented,
     {"1 warning blocks-everything"}},
    {"unknown_interface_nearly_known",
     filter("um block", {"if_uuid equal e3514235-4b06-11d1-ab04-00c04fc2dcd3"}),
     Target::documented,
     {"2 warning unknown-interface"}},
    {"unknown_interface",
     filter("um block", {"if_uuid equal 11111111-1111-1111-1111-111111111111"}),
     Target::documented,
     {"2 note unknown-interface"}},
    // What a version of Windows does otherwise.
    {"opnum_ignored",
     filter("um block", {"opnum equal 3"}),
     Target::ws2019,
     {"2 warning broader-on-target"}},
    {"opnum_refused",
     filter("um block", {"opnum equal 3"}),
     Target::ws2016,
     {"1 warning refused-by-target"}},
    {"opnum_known", filter("um block", {"opnum equal 3"}), Target::ws2025, {}},
    {"address_range",
     filter("um block", {"remote_addr_v4 range 10.0.0.0-10.255.255.255"}),
     Target::ws2022,
     {"2 warning never-on-target"}},
    {"address_range_documented",
     filter("um block", {"remote_addr_v4 range 10.0.0.0-10.255.255.255"}),
     Target::documented,
     {}},
    {"address_swapped",
     filter("um block", {"remote_addr_v4 equal 10.0.0.2"}),
     Target::ws2022,
     {"2 warning never-on-target"}},
    {"address_palindrome",
     filter("um block", {"remote_addr_v4 equal 10.1.1.10"}),
     Target::ws2022,
     {}},
    {"address_of_a_tool", "flt:action:block addr:10.0.0.2\n", Target::ws2022, {}},
    {"address_on_pipe",
     filter("um block", {"protocol equal ncacn_np", "remote_addr_v6 equal fe80::1"}),
     Target::ws2022,
     {"1 warning never-on-target"}},
    {"address_on_pipe_25h2",
     filter("um block", {"protocol equal ncacn_np", "remote_addr_v6 equal fe80::1"}),
     Target::w11_25h2,
     {}},
    {"no_alternatives",
     filter("um block", {"local_port equal 1", "local_port equal 2"}),
     Target::ws2008,
     {"1 warning never-on-target"}},
    {"alternatives",
     filter("um block", {"local_port equal 1", "local_port equal 2"}),
     Target::ws2008r2,
     {}},
    {"parameters_refused",
     filter("um permit audit=enable auditparameters=enable", {"local_port equal 1"}),
     Target::ws2022,
     {"1 warning refused-by-target"}},
    {"parameters_known",
     filter("um permit audit=enable auditparameters=enable", {"local_port equal 1"}),
     Target::w11_25h2,
     {}},
    // The lines of RPC Firewall have an order of their own, and no target concerns them.
    {"shadowed_rule",
     "fw:action:block\nfw:opnum:3 action:allow\n",
     Target::ws2016,
     {"2 warning overruled-filter"}},
};

TEST(Lint, SpeaksWhereItShouldAndNowhereElse) {
  for (const LintCase& row : kRelations) {
    EXPECT_EQ(said(linted(row.script, row.target)), row.said) << row.name;
  }
}

TEST(Lint, NamesTheOtherFilter) {
  const auto shadowed = linted(
      filter("um block", {"local_port equal 1"}) + filter("um block", {"local_port range 1-9"}),
      Target::documented);
  EXPECT_THAT(shadowed.at(0).message, HasSubstr("`test.txt:4`"));
}

TEST(Lint, SuggestsTheInterfaceThatWasMeant) {
  const auto unknown =
      linted(filter("um block", {"if_uuid equal e3514235-4b06-11d1-ab04-00c04fc2dcd3"}),
             Target::documented);
  EXPECT_THAT(unknown.at(0).hint, HasSubstr("drsuapi"));
}

TEST(Lint, NamesWhatABlockOfEverythingBreaks) {
  const auto all = linted("add rule um block\nadd filter\n", Target::documented);
  EXPECT_THAT(all.at(0).message, HasSubstr("drsuapi"));
  EXPECT_THAT(said(all), ElementsAre("1 warning blocks-everything"));
}

TEST(Lint, StopsComparingWhenThePolicyIsHuge) {
  std::string script;
  for (int i = 0; i < 5000; ++i) {
    script += filter("um block", {"local_port equal " + std::to_string(i)});
  }
  EXPECT_THAT(said(linted(script, Target::documented)),
              ElementsAre("14998 note overlaps-not-checked"));
}

struct ScriptCase {
  const char* name;
  const char* script;
  std::vector<std::string> said;
};

// [semantics] 1.1.8, 1.1.11.
const ScriptCase kScripts[] = {
    {"for_netsh_f", "rpc filter\nadd rule um block\nadd filter\n", {}},
    {"contexts_apart", "rpc\nfilter\nadd rule um block\nadd filter\n", {}},
    {"context_in_the_command", "rpc filter add rule um block\nrpc filter add filter\n", {}},
    {"no_context", "add rule um block\nadd filter\n", {"1 warning netsh-f-context"}},
    {"half_a_context",
     "filter add rule um block\nfilter add filter\n",
     {"1 warning netsh-f-context"}},
    // The closing examples of Microsoft's page.
    {"one_process_a_line",
     "netsh rpc filter add rule um block\nnetsh rpc filter add filter\n",
     {"1 warning separate-processes"}},
    {"comment_signs", "rem a\nrpc filter\n; b\n", {"1 note comment-sign"}},
    // A batch file, whose shell passes over its own comments.
    {"comments_of_a_batch_file", "@echo off\nrem a\nnetsh rpc filter show filter\npause\n", {}},
    {"netsh_comments", "# a\nrpc filter\n", {}},
};

TEST(LintScript, TellsWhatNetshWouldMakeOfIt) {
  for (const ScriptCase& row : kScripts) {
    std::vector<Diagnostic> diagnostics;
    lint_script(SourceText::decode(row.script), 0, diagnostics);
    EXPECT_EQ(said(diagnostics), row.said) << row.name;
  }
}

// The recipes of a public collection that permit one interface and block another.
TEST(Validator, FindsFiltersThatContradictEachOther) {
  Policy policy;
  std::vector<Diagnostic> diagnostics;
  read_policy(filter("um permit", {"opnum equal 1"}) + filter("um block", {"opnum equal 1"}), "a",
              policy, diagnostics);
  diagnostics.clear();
  validate(policy, diagnostics);
  EXPECT_THAT(said(diagnostics), Contains("4 warning contradicting-filters"));
}

}  // namespace
}  // namespace rpcaudit::policy
