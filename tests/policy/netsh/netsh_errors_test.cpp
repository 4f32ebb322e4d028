// Everything that can be wrong with a script: where it is, what it is called, what helps.

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "engine/policy/text/source_text.h"
#include "tests/policy/policy_reader.h"

namespace rpcaudit::policy {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;

struct Fault {
  const char* line;   // 2 of a script that begins with `add rule layer=um actiontype=block`
  const char* place;  // `column+length code`
  const char* message;
  const char* hint;  // part of it
};

// Among them `not_equal` and `%PORT%`: [semantics] 1.3.4, 1.4.11.
constexpr Fault kFaults[] = {
    {"add condition fild=opnum equal 1", "15+4 unknown-tag", "unknown tag `fild`",
     "did you mean `field`?"},
    {"add condition field=opnun matchtype=equal data=1", "21+5 unknown-field",
     "unknown field `opnun`", "did you mean `opnum`?"},
    {"add condition field=zzzzzzzz matchtype=equal data=1", "21+8 unknown-field",
     "unknown field `zzzzzzzz`", ""},
    {"add condition field=opnum matchtype=eqaul data=1", "37+5 unknown-match-type",
     "unknown match type `eqaul`", "did you mean `equal`?"},
    {"add condition field=opnum matchtype=not_equal data=1", "37+9 unknown-match-type",
     "unknown match type `not_equal`", "netsh has no match type for inequality"},
    {"add condition field=opnum matchtype=equal", "1+41 missing-argument", "`data=` is missing",
     ""},
    {"add condition field=opnum matchtype=equal data=", "43+4 missing-value",
     "`data=` has no value", ""},
    {"add condition field= matchtype=equal data=1", "15+5 missing-value", "`field=` has no value",
     ""},
    {"add condition opnum equal 1 2", "29+1 unexpected-argument", "unexpected argument `2`",
     "the tags are `field`, `matchtype`, `data`"},
    {"add condition field=opnum field=pipe equal 1", "27+5 repeated-tag", "`field` stands twice",
     ""},
    {"add condition opnum equal three", "27+5 bad-number", "`three` is not a number",
     "`opnum` is written in decimal"},
    {"add condition opnum equal 62,65", "27+5 bad-number", "`62,65` is not a number",
     "matchtype=range"},
    {"add condition auth_level equal privacy", "32+7 bad-number", "`privacy` is not a number",
     "did you mean `6`?"},
    {"add condition auth_type equal Kerberos", "31+8 bad-number", "`Kerberos` is not a number",
     "did you mean `16`?"},
    {"add condition auth_type equal NTLM", "31+4 bad-number", "`NTLM` is not a number",
     "did you mean `10`?"},
    {"add condition field=interface matchtype=equal data=1", "21+9 unknown-field",
     "unknown field `interface`", "did you mean `if_uuid`?"},
    {"add condition opnum equal -1", "27+2 bad-number", "`-1` is not a number", ""},
    {"add condition opnum equal 0x", "27+2 bad-number", "`0x` is not a number", ""},
    {"add condition opnum equal 65536", "27+5 out-of-range", "`65536` is too large",
     "the largest `opnum` is 65535"},
    {"add condition auth_level equal 256", "32+3 out-of-range", "`256` is too large", "255"},
    {"add condition if_flag equal 99999999999999999999", "29+20 out-of-range",
     "`99999999999999999999` is too large", "4294967295"},
    {"add condition opnum range 5", "27+1 bad-range", "`5` is not a range", "write both ends"},
    {"add condition opnum range 5-", "27+2 bad-range", "`5-` is not a range", ""},
    {"add condition opnum range 1-2-3", "27+5 bad-range", "`1-2-3` is not a range", ""},
    {"add condition opnum range 9-1", "27+1 empty-range",
     "the range ends before it begins: `9` is greater than `1`", "swap the ends"},
    {"add condition opnum range 1-70000", "29+5 out-of-range", "`70000` is too large", ""},
    {"add condition if_uuid equal 1234", "29+4 bad-uuid", "`1234` is not a UUID", ""},
    {"add condition protocol equal tcp", "30+3 unknown-protocol", "unknown protocol sequence `tcp`",
     "did you mean `ncacn_ip_tcp`?"},
    {"add condition protocol equal ncadg_ip_udp", "30+12 unknown-protocol",
     "unknown protocol sequence `ncadg_ip_udp`", "netsh has no value for datagram RPC"},
    {"add condition remote_addr_v4 equal 10.0.0.0/8", "36+10 bad-address",
     "netsh has no notation for a subnet `10.0.0.0/8`", "matchtype=range"},
    {"add condition remote_addr_v4 equal fe80::1", "36+7 bad-address",
     "`fe80::1` is an IPv6 address", "IPv6 addresses belong into `remote_addr_v6`"},
    {"add condition local_addr_v6 equal 10.0.0.1", "35+8 bad-address",
     "`10.0.0.1` is an IPv4 address", "IPv4 addresses belong into `local_addr_v4`"},
    {"add condition remote_addr_v4 equal host", "36+4 bad-address", "`host` is not an IPv4 address",
     "0xC0A80101"},
    {"add condition image_name equal s", "32+1 missing-value", "there is no name after the marker",
     ""},
    {"add condition local_port equal %PORT%", "32+6 unreplaced-variable",
     "`%PORT%` has a variable that was not replaced", "write its value"},
    {"add condition remote_user_token equal D:(A;;XX;;;BA)", "45+1 bad-sddl", "unknown right `XX`",
     "D:(A;;CC;;;BA)"},
    {"add condition remote_user_token greater D:(A;;CC;;;BA)", "33+7 match-type-not-for-field",
     "`greater` does not compare `remote_user_token`", "use `equal`"},
    {"add condition pipe any_set \\PIPE\\x", "20+7 match-type-not-for-field",
     "`any_set` does not compare `pipe`", "flags are tested in numbers only"},
    {"add condition server_name equal sX", "15+11 field-not-on-layer",
     "`server_name` is not a field of layer `um`", "it is a field of `proxy_conn`, `proxy_if`"},
    {"add conditon opnum equal 1", "5+8 unknown-command", "unknown object `conditon`",
     "did you mean `condition`?"},
    {"ad condition opnum equal 1 2 3 4", "28+1 unexpected-argument", "unexpected argument `2`", ""},
    {"adx condition opnum equal 1", "1+3 unknown-command", "unknown command `adx`",
     "did you mean `add`?"},
    {"netsh rcp filter add filter", "7+3 unknown-command", "unknown command `rcp`",
     "did you mean `rpc`?"},
    {"add", "1+3 unknown-command", "`add` wants an object", "one of `rule`"},
    {"delete condition", "8+9 unknown-command", "netsh cannot delete a single condition",
     "`delete rule` drops"},
    {"delete filter 12", "15+2 bad-uuid", "`12` is not a filter key", "`all`"},
    {"delete filter", "1+13 missing-argument", "`filterkey=` is missing", ""},
    {"add condition opnum equal \"1", "27+1 unterminated-quote",
     "the quotation mark is never closed", ""},
};

// The first error; abbreviations and other warnings may stand before it.
const Diagnostic* first_error(const std::vector<Diagnostic>& diagnostics) {
  for (const Diagnostic& diagnostic : diagnostics) {
    if (diagnostic.severity == Severity::error) return &diagnostic;
  }
  return nullptr;
}

TEST(NetshError, NamesThePlaceAndWhatHelps) {
  for (const Fault& row : kFaults) {
    const ReadPolicy read = read_policy("add rule layer=um actiontype=block\n" +
                                        std::string(row.line) + "\nadd filter\n");
    EXPECT_THAT(read.filters(), IsEmpty()) << row.line;
    const Diagnostic* error = first_error(read.diagnostics);
    ASSERT_NE(error, nullptr) << row.line;
    EXPECT_EQ(error->span.line, 2u) << row.line;
    EXPECT_EQ(std::to_string(error->span.column) + '+' + std::to_string(error->span.length) + ' ' +
                  error->code,
              row.place)
        << row.line;
    EXPECT_EQ(error->message, row.message) << row.line;
    EXPECT_THAT(error->hint, HasSubstr(row.hint)) << row.line;
    EXPECT_EQ(read.diagnostics.back().code, "filter-not-added") << row.line;
  }
}

TEST(NetshError, InARuleIsReportedAtItsArgument) {
  struct Row {
    const char* arguments;
    const char* place;
  };
  constexpr Row kRows[] = {
      {"layer=uk actiontype=block", "1:16 unknown-layer"},
      {"layer=um actiontype=deny", "1:30 unknown-action"},
      {"layer=um actiontype=block filterkey=abc", "1:46 bad-uuid"},
      {"layer=um actiontype=block audit=maybe", "1:42 unknown-value"},
      {"layer=um actiontype=block persistence=never", "1:48 unknown-value"},
      {"layer=um", "1:1 missing-argument"},
      {"layer=um actiontype=block aud=enable", "1:36 ambiguous-abbreviation"},
  };
  for (const Row& row : kRows) {
    const ReadPolicy read = read_policy("add rule " + std::string(row.arguments) +
                                        "\nadd condition opnum equal 1\n" + "add filter\n");
    EXPECT_THAT(read.filters(), IsEmpty()) << row.arguments;
    EXPECT_EQ(read.places().front(), row.place) << row.arguments;
  }
}

TEST(NetshError, NeedsARuleFirst) {
  EXPECT_THAT(read_policy("add condition opnum equal 1\nadd filter\n").places(),
              ElementsAre("1:1 no-rule", "2:1 no-rule"));
}

TEST(NetshError, DoesNotStopTheRestOfTheFile) {
  const ReadPolicy read = read_policy(
      "add rule um blok\nadd condition opnun equal 1\nadd condition opnum equal x\nadd filter\n" +
      block_um("opnum equal 3"));
  EXPECT_THAT(read.filters(), ElementsAre("block um opnum=3"));
  EXPECT_THAT(read.places(), ElementsAre("1:13 unknown-action", "2:15 unknown-field",
                                         "3:27 bad-number", "4:1 filter-not-added"));
}

TEST(NetshWarning, ASecondRuleReplacesThePendingOne) {
  const ReadPolicy read =
      read_policy("add rule um permit\nadd condition opnum equal 1\n" + block_um("opnum equal 3"));
  EXPECT_THAT(read.filters(), ElementsAre("block um opnum=3"));
  EXPECT_THAT(read.places(), ElementsAre("3:1 rule-replaced"));
  EXPECT_THAT(read.diagnostics[0].message, HasSubstr("of line 1, which is dropped with 1 condi"));
}

TEST(NetshWarning, ARuleWithoutFilterIsNamedAtTheEnd) {
  const ReadPolicy read =
      read_policy(block_um("opnum equal 3") + "add rule um permit\nadd condition opnum equal 1\n");
  EXPECT_THAT(read.filters(), ElementsAre("block um opnum=3"));
  EXPECT_THAT(read.places(), ElementsAre("4:1 rule-not-committed"));
}

TEST(NetshWarning, AFilterWithoutConditionsCatchesAll) {
  const ReadPolicy read = read_policy("add rule um block\nadd filter\n");
  EXPECT_THAT(read.filters(), ElementsAre("block um (every call)"));
  EXPECT_THAT(read.places(), ElementsAre("1:1 catch-all"));
  EXPECT_THAT(read.diagnostics[0].message, HasSubstr("blocks every call"));
}

TEST(NetshWarning, RequiredFieldsComeFirst) {
  struct Row {
    const char* script;
    std::vector<std::string> places;
  };
  const std::string uuid = " equal 11111111-1111-1111-1111-111111111111\n";
  const Row rows[] = {
      {"add rule epmap block\nadd condition protocol equal 1\nadd filter\n",
       {"3:1 required-field", "3:1 required-field"}},
      {"add rule epmap block\nadd condition if_version equal 1\n"
       "add condition if_uuid equal 11111111-1111-1111-1111-111111111111\nadd filter\n",
       {"4:1 field-order", "4:1 field-order"}},
      {"add rule proxy_if block\nadd condition if_uuid equal "
       "11111111-1111-1111-1111-111111111111\nadd filter\n",
       {}},
      {"add rule ep_add permit\nadd condition process_with_if_uuid equal "
       "11111111-1111-1111-1111-111111111111\nadd filter\n",
       {"3:1 required-field"}},
  };
  for (const Row& row : rows) EXPECT_EQ(read_policy(row.script).places(), row.places) << row.script;
}

TEST(NetshWarning, DeletingAFilterThatIsNotThere) {
  EXPECT_THAT(read_policy("delete filter 11111111-2222-3333-4444-555555555555\n").places(),
              ElementsAre("1:15 filter-not-found"));
}

TEST(NetshWarning, CommandsForAnotherMachineAreStillRead) {
  const ReadPolicy read = read_policy(
      "netsh -r dc1 rpc filter add rule um block\n"
      "add condition opnum equal 3\nadd filter\n");
  EXPECT_THAT(read.filters(), ElementsAre("block um opnum=3"));
  EXPECT_THAT(read.places(), ElementsAre("1:10 remote-machine"));
}

// What people run a script with, or make one with, is not the script.
TEST(NetshWarning, ScriptsThatAreRunOrWrittenAreNotRead) {
  EXPECT_THAT(read_policy("netsh -f C:\\rpc.txt\n").places(), ElementsAre("1:10 script-not-read"));
  EXPECT_THAT(
      read_policy("echo rpc filter > rpc.txt\necho add rule um block >> rpc.txt\n").places(),
      ElementsAre("1:1 echoed-command"));
  EXPECT_THAT(read_policy("echo adding filters\n").places(), ElementsAre("1:1 not-a-command"));
}

TEST(NetshInput, BinaryFilesAreRefusedWithOneError) {
  using namespace std::string_literals;
  for (const std::string& bytes :
       {"\xd4\xc3\xb2\xa1\x02\x00\x04\x00\x00\x00\x00\x00"s, "add rule\x01"s, "MZ\x90\x00\x03"s,
        "\x0a\x0d\x0d\x0a\x1c\x00\x00\x00"s}) {
    const ReadPolicy read = read_policy(bytes);
    EXPECT_THAT(read.places(), ElementsAre("0:0 binary-file"));
  }
}

TEST(NetshInput, EmptyFilesSayNothing) {
  for (const std::string_view bytes : {"", "\n", "\xef\xbb\xbf", "\xff\xfe"}) {
    EXPECT_THAT(read_policy(bytes).codes(), IsEmpty());
  }
}

TEST(NetshInput, OverlongCommandsAreRefused) {
  const std::string spaces(70'000, ' ');
  EXPECT_THAT(read_policy("add rule um" + spaces + "block\nshow filter\n").places(),
              ElementsAre("1:1 line-too-long", "2:1 show-ignored"));
  std::string continued = "add rule um block ^\n";
  for (int i = 0; i < 70'000; ++i) continued += "x^\n";
  EXPECT_THAT(read_policy(continued).codes().front(), "line-too-long");
  EXPECT_THAT(read_policy(block_um("pipe equal " + std::string(40'000, 'x'))).places(),
              ElementsAre("2:26 value-too-long", "3:1 filter-not-added"));
}

// A store holds what people added one by one; a file of that size is something else.
TEST(NetshInput, OfAStoreMayBeLargerThanFiles) {
  std::string script = block_um("opnum equal 3");
  while (script.size() < std::size_t{64} << 20) script += std::string(65'000, '#') + '\n';
  EXPECT_THAT(read_policy(script).places(), ElementsAre("0:0 file-too-large"));
  ReadPolicy stored;
  read_stored_script(script, "store:x", stored.policy, stored.diagnostics);
  EXPECT_THAT(stored.filters(), ElementsAre("block um opnum=3"));
  EXPECT_THAT(stored.codes(), IsEmpty());
}

TEST(NetshInput, DiagnosticsAreBounded) {
  std::string script;
  for (int i = 0; i < 20'000; ++i) script += "nonsense\n";
  const ReadPolicy read = read_policy(script);
  EXPECT_EQ(read.diagnostics.size(), 10'001u);
  EXPECT_EQ(read.diagnostics.back().code, "too-many-diagnostics");
}

TEST(FormattedDiagnostic, ShowsTheLineAndAMarkUnderThePlace) {
  const std::string script = "add rule layer=um actiontype=blok\n";
  const ReadPolicy read = read_policy(script);
  EXPECT_EQ(format(read.diagnostics[0], read.policy.files, SourceText::decode(script)),
            "test.txt:1:30: error: unknown action `blok` [unknown-action]\n"
            "  add rule layer=um actiontype=blok\n"
            "                               ^~~~\n"
            "  hint: did you mean `block`?");
  EXPECT_EQ(format(read.diagnostics[0], read.policy.files),
            "test.txt:1:30: error: unknown action `blok` [unknown-action]\n"
            "  hint: did you mean `block`?");
}

TEST(FormattedDiagnostic, CutsLongLinesAroundThePlace) {
  const std::string script = "add rule layer=um " + std::string(200, ' ') + "actiontype=blok\n";
  const ReadPolicy read = read_policy(script);
  const std::string text =
      format(read.diagnostics[0], read.policy.files, SourceText::decode(script));
  EXPECT_THAT(text, HasSubstr("actiontype=blok\n  " + std::string(40, ' ') + "^~~~\n"));
}

TEST(FormattedDiagnostic, CannotSteerATerminal) {
  const std::string script =
      "add rule layer=\xc2\x9b"
      "31m\xe2\x80\xae actiontype=block\n";
  const ReadPolicy read = read_policy(script);
  const std::string text =
      format(read.diagnostics[0], read.policy.files, SourceText::decode(script));
  EXPECT_THAT(text, HasSubstr("unknown layer `?31m`"));
  EXPECT_THAT(text, HasSubstr("layer=?31m? actiontype"));
}

}  // namespace
}  // namespace rpcaudit::policy
