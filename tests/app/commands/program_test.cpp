// The program as people and scripts run it: exit statuses, where output goes, what help says.

#include <gtest/gtest.h>
#include <rapidjson/document.h>

#include <algorithm>
#include <array>
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <sstream>
#include <string>

#include "tests/app/program.h"
#include "tests/support/places.h"

namespace rpcaudit::app {
namespace {

// A capture with a header and no frame.
std::string_view empty_pcap() {
  return {
      "\xd4\xc3\xb2\xa1\x02\x00\x04\x00\x00\x00\x00\x00\x00\x00\x00\x00"
      "\x00\x00\x04\x00\x01\x00\x00\x00",
      24};
}

std::size_t count_of(const std::string& text, const std::string& part) {
  std::size_t count = 0;
  for (std::size_t at = text.find(part); at != std::string::npos; at = text.find(part, at + 1)) {
    ++count;
  }
  return count;
}

constexpr const char* kCommands[] = {"audit", "calls", "check", "endpoints", "explain", "netsh"};

std::size_t longest_line(const std::string& text) {
  std::istringstream lines(text);
  std::size_t longest = 0;
  for (std::string line; std::getline(lines, line);) longest = std::max(longest, line.size());
  return longest;
}

TEST_F(ProgramTest, HelpTeachesByExampleInEightyColumns) {
  std::vector<std::string> questions{"--help", "help"};
  for (const std::string command : kCommands) questions.push_back(command + " --help");
  for (const std::string& question : questions) {
    const Ended help = run(question);
    EXPECT_EQ(help.status, 0) << question;
    EXPECT_NE(help.out.find("Examples:\n"), std::string::npos) << question;
    EXPECT_LE(longest_line(help.out), 80u) << help.out;
    EXPECT_EQ(help.err, "") << question;
  }
}

TEST_F(ProgramTest, HelpOfACommandIsTheSameHoweverItIsAskedFor) {
  for (const std::string command : kCommands) {
    EXPECT_EQ(run("help " + command).out, run(command + " -h").out) << command;
  }
}

TEST_F(ProgramTest, VersionIsOneLine) {
  for (const char* question : {"--version", "-V", "version"}) {
    const Ended version = run(question);
    EXPECT_EQ(version.status, 0) << question;
    EXPECT_EQ(version.out.rfind("rpcaudit ", 0), 0u) << version.out;
    EXPECT_EQ(count_of(version.out, "\n"), 1u) << version.out;
  }
}

struct UsageCase {
  const char* arguments;
  const char* says;
};

constexpr UsageCase kWrong[] = {
    {"", "Usage: rpcaudit COMMAND"},
    {"aduit", "unknown command `aduit`; did you mean `audit`?"},
    {"README.md", "put a command before it"},
    {"help aduit", "did you mean `audit`?"},
    {"--format json", "options follow a command"},
    {"calls", "no capture is named"},
    {"audit x.pcap", "give --policy, --config or both"},
    {"calls x.pcap --fromat json", "unknown option `--fromat`; did you mean `--format`?"},
    {"calls x.pcap --format jsn", "`jsn` is not among json and text; did you mean `json`?"},
    {"calls x.pcap --format", "`--format` needs a value"},
    {"calls x.pcap --format json --format text", "`--format` is given twice"},
    {"calls x.pcap --workers 0", "0 is not in 1 to 64"},
    {"calls x.pcap --workers many", "`many` is not a number"},
    {"check -p x extra", "`check` takes no other words"},
    {"explain -p x --frame 1 --call opnum=1", "exclude each other"},
    {"explain -p x --frame 0", "not a frame number"},
    {"explain --allow-empty -p /dev/null --frame 1", "no capture is named"},
    {"explain --allow-empty -p /dev/null x.pcap", "--frame N"},
    {"audit -r x.pcap", "--policy"},
    {"calls -r x.pcap --format xml", "--format"},
    {"audit -r x.pcap -p p --fail-on never", "--fail-on"},
    {"calls -r x.pcap --unknown", "--unknown"},
    {"check", "--policy"},
    {"explain --allow-empty -p /dev/null", "--call"},
    {"explain --allow-empty -p /dev/null --call 'opnum=x'", "`x`"},
    {"explain --allow-empty -p /dev/null --call 'colour=red'", "colour"},
    {"calls -r /dev/null -f 'no such filter'", "filter"},
};

TEST_F(ProgramTest, WrongUsageIsTwoAndSaysWhat) {
  for (const UsageCase& row : kWrong) {
    const Ended result = run(row.arguments);
    EXPECT_EQ(result.status, 2) << row.arguments << "\n" << result.err;
    EXPECT_NE(result.err.find(row.says), std::string::npos) << row.arguments << "\n" << result.err;
    EXPECT_EQ(result.out, "") << row.arguments;
  }
}

TEST_F(ProgramTest, ACaptureNeedsNoOption) {
  EXPECT_EQ(run("calls -q " + demo).out, run("calls -q -r " + demo).out);
  EXPECT_EQ(run("audit " + demo + " -q -p " + dcsync).out,
            run("audit -q -r " + demo + " -p " + dcsync).out);
}

TEST_F(ProgramTest, OfNothingReadThereIsNoRecordAndNoSummary) {
  for (const std::string input : {"nosuch.pcap", "/dev/null", "README.md"}) {
    const Ended result = run("calls " + input);
    EXPECT_EQ(result.status, 3) << input;
    EXPECT_EQ(result.out, "") << input;
    EXPECT_EQ(result.err.rfind("rpcaudit: " + input + ": ", 0), 0u) << result.err;
    EXPECT_EQ(count_of(result.err, "\n"), 1u) << result.err;
  }
  const Ended folder_of_others = run("calls -q engine");
  EXPECT_EQ(folder_of_others.status, 4);
  EXPECT_NE(folder_of_others.err.find("no capture was found"), std::string::npos);
}

TEST_F(ProgramTest, ColoursAreForTerminalsUnlessAskedFor) {
  const std::string question =
      "audit -q " + demo + " --target ws2025 --format text -p " + dcsync + " --color ";
  for (const char* none : {"auto", "never"}) {
    EXPECT_EQ(count_of(run(question + none).out, "\033["), 0u) << none;
  }
  EXPECT_EQ(count_of(run(question + "always").out, "\033["), 2u) << "on and off";
  EXPECT_EQ(run(question + "sometimes").status, 2);
}

// Frame numbers are counted in each capture.
TEST_F(ProgramTest, ExplainAsksWhichCaptureWhereSeveralHaveACallInTheFrame) {
  const std::string question = "explain -q -p pcaps/policies/block-coercion.netsh.txt pcaps";
  const Ended ambiguous = run(question + " --frame 56");
  EXPECT_EQ(ambiguous.status, 2);
  EXPECT_EQ(ambiguous.out, "");
  for (const std::string name : {"pipe-coercion.pcap", "epmapper-nmap.pcap.gz"}) {
    EXPECT_NE(ambiguous.err.find("--frame pcaps/" + name + ":56\n"), std::string::npos) << name;
  }
  for (const std::string name : {"pipe-coercion.pcap", "pcaps/pipe-coercion.pcap"}) {
    const Ended one = run(question + " --frame " + name + ":56");
    EXPECT_EQ(one.status, 0) << one.err;
    EXPECT_EQ(one.err, "");
    EXPECT_EQ(one.out.rfind("frame    56 of pcaps/pipe-coercion.pcap\ncall     netdfs.", 0), 0u)
        << one.out;
  }
  EXPECT_EQ(run(question + " --frame coercion.pcap:56").status, 4) << "only whole names count";
}

TEST_F(ProgramTest, CallsAreJsonInOrder) {
  const Ended result = run("calls -r " + demo);
  EXPECT_EQ(result.status, 0) << result.err;
  EXPECT_NE(result.err.find("calls "), std::string::npos) << "the summary";
  std::istringstream lines(result.out);
  std::uint64_t frame = 0;
  std::string type;
  for (std::string line; std::getline(lines, line);) {
    rapidjson::Document document;
    ASSERT_FALSE(document.Parse(line.c_str()).HasParseError()) << line;
    type = document["event_type"].GetString();
    if (type == "stats") continue;
    EXPECT_GE(document["frame"].GetUint64(), frame) << line;
    frame = document["frame"].GetUint64();
  }
  EXPECT_EQ(type, "stats") << "comes last";
  EXPECT_GT(count_of(result.out, "\"event_type\":\"rpc_call\""), 100u);
}

TEST_F(ProgramTest, TheSameInputGivesTheSameOutput) {
  EXPECT_EQ(run("calls -q -r " + demo).out, run("calls -q -r " + demo).out);
}

TEST_F(ProgramTest, AuditFindsTheAttack) {
  const std::string command = "audit -q -r " + demo + " --target ws2025 -p " + dcsync;
  const Ended json = run(command);
  EXPECT_EQ(json.status, 0);
  EXPECT_EQ(json.err, "");
  EXPECT_EQ(count_of(json.out, "\"event_type\":\"rpc_audit\""), 1u);
  EXPECT_EQ(count_of(json.out, "\"event_type\":\"rpc_call\""), 0u);
  EXPECT_NE(json.out.find("block-dcsync.netsh.txt:53\""), std::string::npos);

  const Ended text = run(command + " --format text");
  EXPECT_EQ(std::count(text.out.begin(), text.out.end(), '\n'), 1);
  EXPECT_NE(text.out.find("WOULD BLOCK  10.77.0.23 -> 10.77.0.1:49153  drsuapi."),
            std::string::npos)
      << text.out;
  EXPECT_EQ(text.out.find('\033'), std::string::npos) << "no colour outside of a terminal";

  EXPECT_EQ(run(command + " --fail-on would_block").status, 1);
  EXPECT_EQ(run(command + " --fail-on undecidable").status, 0);
  EXPECT_EQ(run(command + " --fail-on undecidable,would_block").status, 1);
  EXPECT_GT(count_of(run(command + " --all").out, "\"action\":\"would_permit\""), 100u);
}

// A policy changes verdicts, never which calls are logged.
TEST_F(ProgramTest, TheLogDoesNotDependOnThePolicy) {
  const std::string without = run("calls -q -r " + demo).out;
  const std::string with = run("calls -q -r " + demo + " -p " + dcsync).out;
  for (const char* type : {"rpc_call", "rpc_context", "rpc_blind", "stats"}) {
    const std::string key = std::string("\"event_type\":\"") + type + "\"";
    EXPECT_EQ(count_of(with, key), count_of(without, key)) << type;
  }
  EXPECT_EQ(count_of(with, "\"verdict\":"), count_of(with, "\"event_type\":\"rpc_call\""));
  EXPECT_EQ(count_of(without, "\"verdict\":"), 0u);
}

TEST_F(ProgramTest, OutputGoesToAFile) {
  const std::string path = (folder / "records.json").string();
  const Ended result = run("calls -r " + demo + " -o " + path);
  EXPECT_EQ(result.status, 0);
  EXPECT_EQ(result.out, "");
  EXPECT_EQ(read_file(path), run("calls -r " + demo).out);
  EXPECT_EQ(run("calls -r " + demo + " -o " + folder.string() + "/no/such/folder").status, 3);
}

TEST_F(ProgramTest, LostOutputIsThree) {
  const Ended result = run("calls -q -r " + demo + " -o /dev/full");
  EXPECT_EQ(result.status, 3);
  EXPECT_NE(result.err.find("records were lost"), std::string::npos) << result.err;
}

TEST_F(ProgramTest, AClosedPipeIsThree) {
  const std::string command = std::string("{ ") + program_path() + " calls -q -r " + demo +
                              " 2>/dev/null; echo $? > " + (folder / "status").string() +
                              "; } | true";
  EXPECT_EQ(std::system(command.c_str()), 0);
  EXPECT_EQ(read_file(folder / "status"), "3\n");
}

TEST_F(ProgramTest, DamagedInputIsThreeAndWhatCameBeforeIsThere) {
  const std::string whole = read_file(demo);
  const std::string cut = file("cut.pcapng", whole.substr(0, whole.size() - 7));
  const Ended result = run("calls -r " + cut);
  EXPECT_EQ(result.status, 3);
  EXPECT_NE(result.err.find("problem: "), std::string::npos) << result.err;
  EXPECT_GT(count_of(result.out, "\"event_type\":\"rpc_call\""), 100u);

  EXPECT_EQ(run("calls -r " + (folder / "missing.pcap").string()).status, 3);
  EXPECT_EQ(run("calls -r " + file("text.pcap", "no capture at all\n")).status, 3);
  EXPECT_EQ(run("audit --fail-on would_block -r " + cut + " -p " + dcsync).status, 3)
      << "lost data outweighs a finding";
}

TEST_F(ProgramTest, NothingEvaluatedIsFourAndSaysWhy) {
  const std::string empty = file("empty.pcap", empty_pcap());
  const Ended nothing = run("audit -r " + empty + " -p " + dcsync);
  EXPECT_EQ(nothing.status, 4);
  EXPECT_NE(nothing.err.find("no RPC call was seen: the input holds no frames"), std::string::npos)
      << nothing.err;
  const Ended other = run("calls -r " + demo + " -f 'not tcp'");
  EXPECT_EQ(other.status, 4);
  EXPECT_NE(other.err.find("no RPC call was seen: "), std::string::npos) << other.err;
}

TEST_F(ProgramTest, PolicyErrorsAreTwoWithAllOfThemShown) {
  const std::string bad = file("bad.txt",
                               "add rule layer=um actiontype=block\n"
                               "add condition field=colour matchtype=equal data=red\n"
                               "add condition field=opnum matchtype=likes data=3\n"
                               "add filter\n");
  for (const std::string& command : {"audit -r " + demo + " -p " + bad, "check -p " + bad}) {
    const Ended result = run(command);
    EXPECT_EQ(result.status, 2) << command;
    const std::string said = result.out + result.err;
    EXPECT_NE(said.find("bad.txt:2:"), std::string::npos) << said;
    EXPECT_NE(said.find("bad.txt:3:"), std::string::npos) << said;
    EXPECT_NE(said.find('^'), std::string::npos) << said;
  }
  const Ended missing = run("check -p " + (folder / "missing.txt").string());
  EXPECT_EQ(missing.status, 2);
  EXPECT_NE(missing.err.find("No such file"), std::string::npos) << missing.err;
}

TEST_F(ProgramTest, CheckAsJson) {
  const std::string bad = file("bad.txt", "add rule layer=um actiontype=blok\n");
  const Ended result = run("check --format json -p " + bad);
  EXPECT_EQ(result.status, 2);
  std::istringstream lines(result.out);
  std::string line;
  ASSERT_TRUE(std::getline(lines, line));
  rapidjson::Document document;
  ASSERT_FALSE(document.Parse(line.c_str()).HasParseError()) << line;
  EXPECT_STREQ(document["severity"].GetString(), "error");
  EXPECT_EQ(document["line"].GetUint(), 1u);
  EXPECT_TRUE(document.HasMember("message"));
}

constexpr const char* kCatchAll = "add rule layer=um actiontype=block\nadd filter\n";

TEST_F(ProgramTest, StrictMakesWarningsErrors) {
  const std::string policy = file("all.txt", kCatchAll);
  EXPECT_EQ(run("check -p " + policy).status, 0);
  EXPECT_EQ(run("check --strict -p " + policy).status, 2);
}

// A batch file that makes the script elsewhere, a listing of nothing, filters deleted again: calls
// are permitted because nothing was read, which must not look like an answer.
TEST_F(ProgramTest, APolicyThatAsksForNothingIsToldApartFromOneThatPermits) {
  const std::string warning = "the policy has neither filters nor settings";
  const std::string none = file("none.cmd", "@echo off\nnetsh -f C:\\rpc.txt\n");
  for (const char* command : {"audit -q -r ", "calls -q -r "}) {
    const Ended nothing = run(command + demo + " -p " + none);
    EXPECT_EQ(nothing.status, 2);
    EXPECT_NE(nothing.err.find("[empty-policy]"), std::string::npos) << nothing.err;
  }
  EXPECT_EQ(run("check -p " + none).status, 2);
  EXPECT_EQ(run("check --allow-empty -p " + none).status, 0);
  const Ended meant = run("audit -q --allow-empty -r " + demo + " -p " + none);
  EXPECT_EQ(meant.status, 0);
  EXPECT_NE(meant.err.find(warning), std::string::npos) << meant.err;
  const std::string some =
      file("some.txt", "add rule um permit\nadd condition local_port equal 1\nadd filter\n");
  EXPECT_EQ(run("audit -r " + demo + " -p " + some).err.find(warning), std::string::npos);
}

// It may be sound in itself, and there is nothing to judge by.
TEST_F(ProgramTest, RegistryDataWithoutRpcPassesCheckAndIsNoPolicyToJudgeBy) {
  const std::string templates[] = {
      file("a.inf", "[Unicode]\nUnicode=yes\n[Version]\nsignature=\"$CHICAGO$\"\n"),
      file("b.reg", "REGEDIT4\n[HKEY_LOCAL_MACHINE\\SOFTWARE\\A]\n\"B\"=dword:1\n")};
  for (const std::string& path : templates) {
    const Ended check = run("check -p " + path);
    EXPECT_EQ(check.status, 0) << path;
    EXPECT_NE(check.out.find("[no-rpc-values]"), std::string::npos) << check.out;
    EXPECT_EQ(run("audit " + demo + " -p " + path).status, 2) << path;
    EXPECT_EQ(run("audit --allow-empty -q " + demo + " -p " + path).status, 0) << path;
  }
}

// One batch file with commands of all programs: those of netsh leave no filter on a host.
TEST_F(ProgramTest, OneLinersOfNetshBesideOtherCommandsAreTold) {
  const std::string policy = file(
      "all.cmd",
      "reg add \"HKLM\\SOFTWARE\\Policies\\Microsoft\\Windows NT\\Rpc\" /v RestrictRemoteClients "
      "/t REG_DWORD /d 1 /f\nnetsh rpc filter add rule layer=um actiontype=block\n"
      "netsh rpc filter add condition field=opnum matchtype=equal data=3\n"
      "netsh rpc filter add filter\nipseccmd -w REG -p P -r r -f *=0:135:TCP -n BLOCK -x\n");
  const Ended check = run("check -p " + policy);
  EXPECT_EQ(check.status, 0);
  EXPECT_NE(check.out.find("[separate-processes]"), std::string::npos) << check.out;
  EXPECT_NE(check.out.find("on no Windows"), std::string::npos) << check.out;
  EXPECT_NE(check.out.find("IPsec policy P, in force"), std::string::npos) << check.out;
  const Ended meant = run("check --as-session -p " + policy);
  EXPECT_EQ(meant.out.find("[separate-processes]"), std::string::npos) << meant.out;
}

TEST_F(ProgramTest, ATechniqueThatIsNotKnownIsRefused) {
  const std::string policy =
      file("p.txt", "rpc filter\nadd rule um block\nadd condition opnum equal 3\nadd filter\n");
  EXPECT_EQ(run("check --technique T0 -p " + policy).status, 2);
  EXPECT_EQ(run("check --technique T1187 -p " + policy).status, 0);
}

TEST_F(ProgramTest, AKeyThatIsAnInterfaceIsNamedWhereNoFilterComesOut) {
  const std::string policy =
      file("keys.cmd",
           "netsh rpc filter add rule um block filterkey=c681d488-d850-11d0-8c52-00c04fd90f7e\n"
           "netsh rpc filter add rule um block filterkey=df1941c5-fe89-4e79-bf10-463657acf44d\n");
  const Ended check = run("check -p " + policy);
  EXPECT_EQ(check.status, 2);
  EXPECT_NE(check.out.find("`filterkey=` is not `if_uuid`"), std::string::npos) << check.out;
}

TEST_F(ProgramTest, AFileOfNoKnownFormIsToldOnce) {
  const std::string page =
      file("page.html", "<html>\n<p>Block it all\n<p>with a filter\n</html>\n");
  const Ended check = run("check -p " + page);
  EXPECT_EQ(check.status, 2);
  EXPECT_EQ(count_of(check.out, "error:"), 1u) << check.out;
  EXPECT_NE(check.out.find("[unknown-form]"), std::string::npos) << check.out;
  EXPECT_NE(check.out.find("looks like a page of the web"), std::string::npos) << check.out;
}

TEST_F(ProgramTest, CheckGroupsWhatItSaysOfManyLines) {
  std::string script = "rpc filter\n";
  for (int i = 0; i < 4; ++i) script += "netsh wlan show all\n";
  const std::string policy = file("many.txt", script + "rpc filter\n" + kCatchAll);
  const Ended check = run("check -p " + policy);
  EXPECT_EQ(count_of(check.out, "[other-context]"), 1u) << check.out;
  EXPECT_NE(check.out.find("3 more of the kind, at line 3, 4, 5\n"), std::string::npos)
      << check.out;
}

TEST_F(ProgramTest, TargetsStandSideBySideWhereTheyDifferWorstFirst) {
  const std::string policy =
      file("dcsync.txt",
           "rpc filter\nadd rule um block\n"
           "add condition if_uuid equal e3514235-4b06-11d1-ab04-00c04fc2dcd2\n"
           "add condition opnum equal 3\nadd filter\n");
  const Ended all = run("audit -r " + demo + " -p " + policy);
  const std::size_t worst = all.err.find(": ws2019, ws2022, w10\n");
  const std::size_t documented = all.err.find(": documented, ws2025, w11-24h2, w11-25h2\n");
  const std::size_t none = all.err.find("206 would be permitted: ws2008, ws2008r2, ");
  EXPECT_LT(worst, documented) << all.err;
  EXPECT_LT(documented, none) << all.err;
  EXPECT_NE(all.out.find("\"targets\":{\"would_block\":[\"ws2019\",\"ws2022\",\"w10\"]}"),
            std::string::npos);
  const Ended one = run("audit -r " + demo + " --target ws2025 -p " + policy);
  EXPECT_EQ(one.err.find("\ntargets "), std::string::npos) << one.err;
  EXPECT_NE(one.err.find("judged: 20 would be blocked"), std::string::npos) << one.err;
  const std::string call = " --call 'interface=drsuapi opnum=0 client=10.0.0.9 server=10.0.0.1'";
  const Ended why = run("explain -p " + policy + call);
  EXPECT_NE(why.out.find("targets  would_block by filter dcsync.txt:2 on ws2019, ws2022, w10\n"),
            std::string::npos)
      << why.out;
}

TEST_F(ProgramTest, FailsOnVerdictsThatDependOnTheTargetAndOnReadings) {
  const std::string policy =
      file("audited.txt",
           "rpc filter\nadd rule um block audit=enable\n"
           "add condition if_uuid equal e3514235-4b06-11d1-ab04-00c04fc2dcd2\nadd filter\n");
  const std::string audit = "audit -q -r " + demo + " -p " + policy + " --fail-on ";
  EXPECT_EQ(run(audit + "depends_on_target").status, 1);
  EXPECT_EQ(run(audit + "readings_differ").status, 1);
  EXPECT_EQ(run(audit + "undecidable").status, 0);
  // As documented the filter only logs.
  EXPECT_EQ(run(audit + "would_block --target documented").status, 0);
  EXPECT_EQ(run(audit + "would_block --target ws2022").status, 1);
}

TEST_F(ProgramTest, SeparateProcessesLeaveNoFilterUnlessAskedAsASession) {
  const std::string policy =
      file("lines.cmd",
           "netsh rpc filter add rule layer=um actiontype=block\n"
           "netsh rpc filter add condition if_uuid equal e3514235-4b06-11d1-ab04-00c04fc2dcd2\n"
           "netsh rpc filter add filter\n");
  const std::string audit = "audit -q -r " + demo + " -p " + policy + " --target ws2022 ";
  const Ended lost = run(audit + "--fail-on would_block");
  EXPECT_EQ(lost.status, 0);
  EXPECT_NE(lost.err.find("separate netsh processes"), std::string::npos) << lost.err;
  const Ended meant = run(audit + "--fail-on would_block --as-session");
  EXPECT_EQ(meant.status, 1);
  EXPECT_EQ(meant.err, "");
}

TEST_F(ProgramTest, CheckSilencesByCodeAndSaysWhichCodeSilencedNothing) {
  const std::string policy = file("all.txt", kCatchAll);
  const Ended all = run("check -p " + policy);
  EXPECT_NE(all.out.find("[catch-all]"), std::string::npos) << all.out;
  const Ended less = run("check --ignore catch-all --ignore catchall -p " + policy);
  EXPECT_EQ(less.out.find("[catch-all]"), std::string::npos) << less.out;
  EXPECT_EQ(less.err.find("--ignore catch-all:"), std::string::npos) << less.err;
  EXPECT_NE(less.err.find("--ignore catchall: silenced nothing"), std::string::npos) << less.err;
}

TEST_F(ProgramTest, CheckAcceptsThePoliciesWeShip) {
  for (const fs::directory_entry& entry :
       fs::directory_iterator(source_folder() + "/pcaps/policies")) {
    if (entry.path().extension() != ".txt") continue;
    EXPECT_EQ(run("check -p " + entry.path().string()).status, 0) << entry.path();
  }
}

TEST_F(ProgramTest, ExplainsADescribedCall) {
  const std::string described = "interface=drsuapi opnum=DRSGetNCChanges server=10.77.0.1 client=";
  const Ended blocked = run("explain -p " + dcsync + " --call '" + described + "10.77.0.23'");
  EXPECT_EQ(blocked.status, 0);
  EXPECT_NE(blocked.out.find("verdict  would_block by filter block-dcsync.netsh.txt:53"),
            std::string::npos)
      << blocked.out;
  const Ended permitted = run("explain -p " + dcsync + " --call '" + described + "10.77.0.2'");
  EXPECT_NE(permitted.out.find("verdict  would_permit by filter block-dcsync.netsh.txt:45"),
            std::string::npos)
      << permitted.out;
}

TEST_F(ProgramTest, ExplainsTheCallOfAFrame) {
  const Ended found = run("audit -q -r " + demo + " -p " + dcsync);
  const std::size_t audit = found.out.find("\"rpc_audit\",\"schema\":1,\"frame\":");
  ASSERT_NE(audit, std::string::npos);
  const int frame = std::atoi(found.out.c_str() + audit + 31);
  const std::string command = "explain -p " + dcsync + " -r " + demo + " --frame ";
  const Ended explained = run(command + std::to_string(frame));
  EXPECT_EQ(explained.status, 0);
  EXPECT_NE(explained.out.find("verdict  would_block"), std::string::npos) << explained.out;
  EXPECT_EQ(run(command + "1").status, 4);
}

// The filters of layer epmap see the interface that a look-up asks for, those of layer um the
// endpoint mapper's own.
TEST_F(ProgramTest, ExplainsALookUpByBothLayers) {
  const std::string policy =
      file("epmap.txt",
           "add rule layer=epmap actiontype=block\n"
           "add condition field=if_uuid matchtype=equal data=e3514235-4b06-11d1-ab04-00c04fc2dcd2\n"
           "add condition field=if_version matchtype=equal data=4\nadd filter\n");
  const Ended found = run("audit -q -r " + demo + " -p " + policy);
  const std::size_t audit = found.out.find("\"rpc_audit\",\"schema\":1,\"frame\":");
  ASSERT_NE(audit, std::string::npos) << found.out << found.err;
  const int frame = std::atoi(found.out.c_str() + audit + 31);
  const Ended explained =
      run("explain -q -p " + policy + " -r " + demo + " --frame " + std::to_string(frame));
  const std::size_t um = explained.out.find("verdict  would_permit: no filter matches");
  const std::size_t layer = explained.out.find("\nlayer epmap");
  const std::size_t epmap = explained.out.find("verdict  would_block by filter epmap.txt:1");
  EXPECT_LT(um, layer) << explained.out;
  EXPECT_LT(layer, epmap) << explained.out;
  EXPECT_NE(epmap, std::string::npos) << explained.out;
}

}  // namespace
}  // namespace rpcaudit::app
