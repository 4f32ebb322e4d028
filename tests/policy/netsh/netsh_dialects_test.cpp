// The many ways in which one and the same filter gets written.

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/policy/policy_reader.h"

namespace rpcaudit::policy {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;

struct Dialect {
  const char* name;
  std::string script;
  std::vector<std::string> said;
};

void PrintTo(const Dialect& dialect, std::ostream* out) { *out << dialect.name; }

const Dialect kDialects[] = {
    {"full_commands",
     "netsh rpc filter add rule layer=um actiontype=block\n"
     "netsh rpc filter add condition field=opnum matchtype=equal data=3\n"
     "netsh rpc filter add filter\n",
     {}},
    {"without_program",
     "rpc filter add rule layer=um actiontype=block\n"
     "rpc filter add condition field=opnum matchtype=equal data=3\n"
     "rpc filter add filter\n",
     {}},
    {"from_context_rpc",
     "rpc\nfilter add rule layer=um actiontype=block\n"
     "filter add condition field=opnum matchtype=equal data=3\nfilter add filter\n",
     {}},
    {"from_context_filter",
     "rpc filter\nadd rule layer=um actiontype=block\n"
     "add condition field=opnum matchtype=equal data=3\nadd filter\nquit\n",
     {}},
    {"contexts_one_by_one",
     "netsh\nrpc\nfilter\nadd rule layer=um actiontype=block\n"
     "add condition field=opnum matchtype=equal data=3\nadd filter\n..\n..\nbye\n",
     {}},
    {"pushed_context",
     "rpc filter\npushd\n..\npopd\nadd rule layer=um actiontype=block\n"
     "add condition field=opnum matchtype=equal data=3\nadd filter\nexit\n",
     {}},
    {"path_and_extension",
     "C:\\Windows\\System32\\netsh.exe rpc filter add rule layer=um actiontype=block\n"
     "netsh.exe rpc filter add condition field=opnum matchtype=equal data=3\n"
     "NETSH RPC FILTER ADD FILTER\n",
     {}},
    {"context_option",
     "netsh -c rpc filter add rule layer=um actiontype=block\n"
     "netsh -c rpc filter add condition field=opnum matchtype=equal data=3\n"
     "netsh -c rpc filter add filter\n",
     {}},
    {"positional", "add rule um block\nadd condition opnum equal 3\nadd filter\n", {}},
    {"mixed", "add rule actiontype=block um\nadd condition data=3 opnum equal\nadd filter\n", {}},
    {"spaces_after_equals",
     "add rule layer= um actiontype= block\n"
     "add condition field= opnum matchtype= equal data= 3\nadd filter\n",
     {}},
    {"spaces_around_equals",
     "add rule layer = um actiontype =block\n"
     "add condition field = opnum matchtype = equal data = 3\nadd filter\n",
     {}},
    {"upper_case",
     "ADD RULE LAYER=UM ACTIONTYPE=BLOCK\n"
     "ADD CONDITION FIELD=OPNUM MATCHTYPE=EQUAL DATA=0X3\nADD FILTER\n",
     {}},
    {"quotation_marks",
     "add rule layer=\"um\" \"actiontype=block\"\n"
     "add condition field=opnum matchtype=equal data='3'\nadd filter\n",
     {}},
    {"caret_continues",
     "add rule layer=um ^\n  actiontype=block\n"
     "add condition field=op^\nnum matchtype=equal data=3\nadd filter\n",
     {}},
    {"backslash_continues",
     "add rule layer=um \\\n  actiontype=block\n"
     "add condition field=opnum \\\nmatchtype=equal \\\ndata=3\nadd filter\n",
     {"1:1 joined-lines"}},
    {"joined_by_the_shell",
     "netsh rpc filter add rule um block & netsh rpc filter add condition opnum equal 3 && netsh "
     "rpc filter add filter\n",
     {}},
    {"wrapped_after_equals",
     "add rule um block\nadd condition field=opnum matchtype=equal data=\n3\n\nadd filter\n",
     {"2:1 joined-lines"}},
    {"comments",
     "# one\n; two\nrem three\nREM\n\n   \nadd rule um block\n  # inside\n:: batch\n"
     "add condition opnum equal 3\nadd filter\n",
     {}},
    {"carriage_returns", "add rule um block\r\nadd condition opnum equal 3\r\nadd filter\r\n", {}},
    {"old_line_ends", "add rule um block\radd condition opnum equal 3\radd filter\r", {}},
    {"no_last_line_end", "add rule um block\nadd condition opnum equal 3\nadd filter", {}},
    {"byte_order_mark",
     "\xef\xbb\xbf"
     "add rule um block\nadd condition opnum equal 3\nadd filter\n",
     {}},
    {"typographic_spaces_and_quotes",
     "add\xc2\xa0rule layer=\xe2\x80\x9cum\xe2\x80\x9d\xe3\x80\x80"
     "actiontype=block\n"
     "add condition field=\xe2\x80\x8bopnum matchtype=equal data=\xe2\x80\x98"
     "3\xe2\x80\x99\n"
     "add filter\n",
     {}},
    {"abbreviated",
     "netsh rpc f a r l=um act=block\nnetsh rpc f a c f=opnum m=equal d=3\nnetsh rpc f a f\n",
     {"1:11 abbreviation"}},
    {"plural_match_type",
     "add rule um block\nadd condition opnum equals 3\nadd filter\n",
     {"2:21 misspelt-match-type"}},
    {"prompts",
     "C:\\>netsh rpc filter add rule um block\n"
     "netsh rpc filter>add condition opnum equal 3\n"
     "PS C:\\Users\\me> netsh rpc filter add filter\n",
     {}},
    {"transcript",
     "netsh rpc filter>add rule um block\nOk.\n\nnetsh rpc filter>add condition opnum equal 3\n"
     "Ok.\n\nnetsh rpc filter>add filter\nFilterKey: 11111111-2222-3333-4444-555555555555\nOk.\n",
     {"2:1 not-a-command", "5:1 not-a-command", "8:1 not-a-command", "9:1 not-a-command"}},
    {"batch_file",
     "@echo off\n@netsh rpc filter add rule um block\nnetsh rpc filter add condition opnum equal "
     "3\nnetsh rpc filter add filter\npause\n",
     {"1:2 not-a-command", "5:1 not-a-command"}},
    {"missing_filter_context",
     "netsh rpc add rule um block\nnetsh rpc add condition opnum equal 3\nnetsh rpc add filter\n",
     {"1:15 missing-context"}},
    {"listing_between",
     "add rule um block\nshow filter\nadd condition opnum equal 3\nadd filter\nadd filter /?\n",
     {"2:1 show-ignored", "5:1 help-ignored"}},
    {"selective_binding",
     "netsh rpc add 10.0.0.0\nnetsh rpc delete 10.0.0.0\nrpc show\nrpc dump\nrpc reset\n"
     "add rule um block\nadd condition opnum equal 3\nadd filter\n",
     {"1:11 selective-binding", "2:11 selective-binding", "3:5 selective-binding",
      "4:5 selective-binding", "5:5 selective-binding"}},
    {"other_contexts",
     "netsh advfirewall set allprofiles state on\nadd rule um block\n"
     "add condition opnum equal 3\nadd filter\n",
     {"1:1 other-context"}},
};

class NetshDialect : public testing::TestWithParam<Dialect> {};

TEST_P(NetshDialect, GivesTheSameFilter) {
  const ReadPolicy read = read_policy(GetParam().script);
  EXPECT_THAT(read.filters(), ElementsAre("block um opnum=3"));
  EXPECT_EQ(read.places(), GetParam().said);
}

INSTANTIATE_TEST_SUITE_P(Form, NetshDialect, testing::ValuesIn(kDialects),
                         [](const auto& test) { return std::string(test.param.name); });

// The same script in UTF-16 of either order, with its mark and without.
std::string utf16(std::string_view text, bool big, bool mark) {
  std::string bytes;
  const auto put = [&](unsigned char high, unsigned char low) {
    bytes += static_cast<char>(big ? high : low);
    bytes += static_cast<char>(big ? low : high);
  };
  if (mark) put(0xfe, 0xff);
  for (const char c : text) put(0, static_cast<unsigned char>(c));
  return bytes;
}

TEST(NetshEncoding, Utf16OfEitherOrderReadsAsUtf8) {
  const std::string script = "add rule um block\r\nadd condition opnum equal 3\r\nadd filter\r\n";
  for (const bool big : {false, true}) {
    for (const bool mark : {false, true}) {
      const ReadPolicy read = read_policy(utf16(script, big, mark));
      EXPECT_THAT(read.filters(), ElementsAre("block um opnum=3")) << big << mark;
      EXPECT_THAT(read.codes(), IsEmpty());
    }
  }
}

TEST(NetshEncoding, ColumnsCountCharactersInEveryEncoding) {
  const std::string script = "add rule layer=xx actiontype=block\n";
  EXPECT_THAT(read_policy(utf16(script, true, true)).places(),
              ElementsAre("1:16 unknown-layer", "1:1 rule-not-committed"));
  EXPECT_THAT(read_policy("add rule \xe2\x80\x9cum\xe2\x80\x9d x\xc3\xa4 \xe2\x82\xacx\n").places(),
              ElementsAre("1:15 unknown-action", "1:18 bad-uuid", "1:1 rule-not-committed"));
}

TEST(NetshEncoding, Windows1252IsReadWithAWarning) {
  const ReadPolicy read = read_policy(
      "add rule um block {11111111\x96"
      "2222\x96"
      "3333\x96"
      "4444\x97"
      "555555555555}\n"
      "add condition pipe equal \"\\PIPE\\caf\xe9\"\nadd filter\n");
  EXPECT_THAT(read.filters(), ElementsAre("block um pipe=\\PIPE\\caf\xc3\xa9"));
  EXPECT_THAT(read.codes(), ElementsAre("not-utf8"));
}

TEST(NetshSession, WhatFollowsQuitIsIgnoredUntilNetshStartsAgain) {
  const ReadPolicy read = read_policy(
      "rpc filter\nadd rule um permit\nquit\nadd rule um block\nadd filter\n"
      "netsh rpc filter add rule um block\nadd condition opnum equal 3\nadd filter\n");
  EXPECT_THAT(read.filters(), ElementsAre("block um opnum=3"));
  EXPECT_THAT(read.places(), ElementsAre("3:1 rule-not-committed", "4:1 after-quit"));
}

TEST(NetshSession, DeleteRuleDropsThePendingRule) {
  const ReadPolicy read = read_policy(
      "add rule um permit\nadd condition opnum equal 1\ndelete rule\ndelete rule\n"
      "add rule um block\nadd condition opnum equal 3\nadd filter\n");
  EXPECT_THAT(read.filters(), ElementsAre("block um opnum=3"));
  EXPECT_THAT(read.places(), ElementsAre("4:1 no-rule-to-delete"));
}

TEST(NetshSession, FiltersOfEarlierFilesCanBeDeletedWithAWarning) {
  Policy policy;
  std::vector<Diagnostic> diagnostics;
  read_netsh_script(block_um("opnum equal 3"), "first", policy, diagnostics);
  read_netsh_script("delete filter all\n", "second", policy, diagnostics);
  EXPECT_THAT(policy.filters, IsEmpty());
  ASSERT_EQ(diagnostics.size(), 1u);
  EXPECT_EQ(diagnostics[0].code, "filters-deleted");
  EXPECT_EQ(diagnostics[0].span, (SourceSpan{1, 1, 1, 17}));
}

TEST(GeneratedKey, IsTheSameInEveryRunAndDiffersByPlace) {
  const std::string script = block_um("opnum equal 3") + block_um("opnum equal 4");
  const ReadPolicy first = read_policy(script);
  const ReadPolicy second = read_policy(script);
  ASSERT_EQ(first.policy.filters.size(), 2u);
  EXPECT_TRUE(first.policy.filters[0].key_generated);
  EXPECT_EQ(first.policy.filters[0].key, second.policy.filters[0].key);
  EXPECT_NE(first.policy.filters[0].key, first.policy.filters[1].key);
  EXPECT_EQ(first.policy.filters[0].key.bytes[6] >> 4, 8);
}

TEST(GeneratedKey, DiffersWhenOneFileIsReadTwice) {
  ReadPolicy read = read_policy(block_um("opnum equal 3"));
  read_netsh_script(block_um("opnum equal 3"), "test.txt", read.policy, read.diagnostics);
  EXPECT_NE(read.policy.filters[0].key, read.policy.filters[1].key);
}

// [semantics] 1.1.15, 1.2.5, 1.2.6.
TEST(RuleSwitches, AreReadInAllTheirSpellings) {
  struct Row {
    const char* arguments;
    bool persistent;
    bool audit;
    std::vector<std::string> codes;
  };
  const Row rows[] = {
      {"um permit", true, false, {}},
      {"um permit audit=enable", true, true, {}},
      {"um permit audit=Enabled", true, true, {}},
      {"um permit audit=yes", true, true, {"misspelt-value"}},
      {"um permit audit=disable", true, false, {}},
      {"um permit audit=0", true, false, {"misspelt-value"}},
      {"um permit persistence=volatile", false, false, {}},
      {"um permit persistence=Persistent", true, false, {}},
      {"um permit persistence=yes", true, false, {"misspelt-value"}},
      {"um permit 11111111-2222-3333-4444-555555555555 volatile enable", false, true, {}},
  };
  for (const Row& row : rows) {
    const ReadPolicy read = read_policy("add rule " + std::string(row.arguments) +
                                        "\nadd condition opnum equal 3\nadd filter\n");
    ASSERT_EQ(read.policy.filters.size(), 1u) << row.arguments;
    EXPECT_EQ(read.policy.filters[0].persistent, row.persistent) << row.arguments;
    EXPECT_EQ(read.policy.filters[0].audit, row.audit) << row.arguments;
    EXPECT_EQ(read.codes(), row.codes) << row.arguments;
  }
}

}  // namespace
}  // namespace rpcaudit::policy
