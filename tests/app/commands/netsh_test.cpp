// `rpcaudit netsh` as an administrator uses it: arguments, scripts, pipes and the prompt on a
// filter store, and audits with what is in it.

#include <fcntl.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <pty.h>
#include <signal.h>
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <memory>
#include <random>
#include <set>
#include <thread>

#include "engine/app/commands/netsh_completion.h"
#include "engine/policy/netsh/filter_store.h"
#include "engine/policy/netsh/netsh_script.h"
#include "engine/policy/netsh/printer.h"
#include "tests/app/program.h"
#include "tests/support/places.h"

namespace rpcaudit::app {
namespace {

using testing::ElementsAre;
using testing::EndsWith;
using testing::HasSubstr;
using testing::MatchesRegex;
using testing::StartsWith;

constexpr std::string_view kKey = "11111111-2222-3333-4444-555555555555";

class NetshProgramTest : public ProgramTest {
 protected:
  NetshProgramTest() : store((folder / "filters.db").string()) {}

  // One process with the command as its arguments.
  Ended netsh(const std::string& command) { return run("netsh --store " + store + ' ' + command); }
  Ended type(std::string_view lines) {
    return run("netsh --store " + store + " < " + file("typed", lines));
  }
  Ended run_script(std::string_view text) { return netsh("-f " + file("script.txt", text)); }

  std::vector<std::string> filters() const { return described(store); }

  // The filters of a store in words, oldest first.
  static std::vector<std::string> described(const std::string& path) {
    std::string error;
    const std::optional<std::string> script = policy::read_filter_store(path, error);
    EXPECT_TRUE(script.has_value()) << error;
    policy::Policy policy;
    std::vector<policy::Diagnostic> diagnostics;
    policy::read_netsh_script(script.value_or(""), "store", policy, diagnostics);
    EXPECT_TRUE(diagnostics.empty());
    std::vector<std::string> filters;
    for (const policy::Filter& filter : policy.filters) filters.push_back(policy::describe(filter));
    return filters;
  }

  const std::string store;
};

// --- One process a command ---

TEST_F(NetshProgramTest, AnswersAsNetshDoes) {
  EXPECT_EQ(netsh("rpc filter add rule layer=um actiontype=block").out, "Ok.\n\n");
  EXPECT_EQ(netsh("rpc filter add condition field=opnum matchtype=equal data=3").out, "Ok.\n\n");
  EXPECT_THAT(netsh("rpc filter add filter").out,
              MatchesRegex("FilterKey: [0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}\nOk.\n\n"));
  EXPECT_EQ(netsh("rpc filter delete filter filterkey=all").out, "Ok.\n\n");
  EXPECT_EQ(netsh("rpc filter show filter").out, "Listing all RPC Filters.\n");
}

struct DocumentedExample {
  const char* name;
  std::vector<std::string> commands;
  const char* filter;
};

void PrintTo(const DocumentedExample& example, std::ostream* out) { *out << example.name; }

// Netsh Commands for Remote Procedure Call, "Examples of RPC Firewall Filter commands", as printed.
const DocumentedExample kDocumentedExamples[] = {
    {"all_over_tcp",
     {"rpc filter add rule layer=um actiontype=block",
      "rpc filter add condition field=protocol matchtype=equals data= NCACN_IP_TCP",
      "rpc filter add filter"},
     "block um protocol=ncacn_ip_tcp"},
    {"on_a_port",
     {"rpc filter add rule layer=um actiontype=block",
      "rpc filter add condition field=local_port matchtype=equals data=12345",
      "rpc filter add filter"},
     "block um local_port=12345"},
    {"from_a_server",
     {"rpc filter add rule layer=um actiontype=block",
      "rpc filter add condition field=remot_addr_v4 matchtype=equals data=0xC0A80101",
      "rpc filter add filter"},
     "block um remote_addr_v4=192.168.1.1"},
    {"dynamic_endpoint",
     {"rpc filter add rule layer=ep_add actiontype=permit",
      "rpc filter add condition field= process_with_if_uuid matchtype=equal "
      "data=11111111-1111-1111-1111-111111111111",
      "rpc filter add condition field=protocol matchtype=equal data=ncacn_ip_tcp",
      "rpc filter add filter"},
     "permit ep_add process_with_if_uuid=11111111-1111-1111-1111-111111111111 "
     "protocol=ncacn_ip_tcp"},
    {"an_interface",
     {"rpc filter add rule layer=epmap actiontype=block",
      "rpc filter add condition field=if_uuid matchtype=equal "
      "data=11111111-1111-1111-1111-111111111111",
      "rpc filter add condition field=if_version matchtype=equal data=1", "rpc filter add filter"},
     "block epmap if_uuid=11111111-1111-1111-1111-111111111111 if_version=1"},
    {"through_a_proxy",
     {"rpc filter add rule layer=proxy_conn actiontype=block",
      "rpc filter add condition field=server_name matchtype=equals data=sTargetServer",
      "rpc filter add filter"},
     "block proxy_conn server_name=TargetServer"},
};

class DocumentedExampleTest : public NetshProgramTest,
                              public testing::WithParamInterface<DocumentedExample> {};

TEST_P(DocumentedExampleTest, WorksOneProcessACommand) {
  for (const std::string& command : GetParam().commands) {
    const Ended ended = netsh(command);
    EXPECT_EQ(ended.status, 0) << command << '\n' << ended.err;
  }
  EXPECT_THAT(filters(), ElementsAre(GetParam().filter));
}

TEST_P(DocumentedExampleTest, WorksTypedIntoAPipe) {
  std::string typed;
  for (const std::string& command : GetParam().commands) typed += "netsh " + command + '\n';
  const Ended ended = type(typed);
  EXPECT_EQ(ended.status, 0) << ended.err;
  EXPECT_THAT(filters(), ElementsAre(GetParam().filter));
}

TEST_P(DocumentedExampleTest, WorksAsAScript) {
  std::string script;
  for (const std::string& command : GetParam().commands) script += command + '\n';
  const Ended ended = run_script(script);
  EXPECT_EQ(ended.status, 0) << ended.err;
  EXPECT_THAT(filters(), ElementsAre(GetParam().filter));
}

INSTANTIATE_TEST_SUITE_P(MicrosoftPage, DocumentedExampleTest,
                         testing::ValuesIn(kDocumentedExamples),
                         [](const auto& test) { return std::string(test.param.name); });

// [semantics] 1.1.11.
TEST_F(NetshProgramTest, SaysThatWindowsWouldForgetTheRule) {
  EXPECT_THAT(netsh("rpc filter add rule um block").err, HasSubstr("the rule waits in the store"));
  EXPECT_EQ(netsh("rpc filter add condition opnum equal 3").err, "");
  EXPECT_EQ(netsh("rpc filter show filter").err, "");
  EXPECT_EQ(netsh("-q rpc filter add rule um permit").err.find("note"), std::string::npos);
}

TEST_F(NetshProgramTest, ASecondRuleReplacesThePendingOneAndSaysSo) {
  netsh("rpc filter add rule um block");
  netsh("rpc filter add condition opnum equal 3");
  const Ended second = netsh("rpc filter add rule um permit");
  EXPECT_EQ(second.status, 0);
  EXPECT_THAT(second.err, HasSubstr("replaces the pending one, which is dropped with 1 condition"));
  netsh("rpc filter add condition opnum equal 4");
  netsh("rpc filter add filter");
  EXPECT_THAT(filters(), ElementsAre("permit um opnum=4"));
}

TEST_F(NetshProgramTest, DeletesTheRuleAndLeavesTheFilters) {
  type("add rule um block\nadd condition opnum equal 3\nadd filter\n");
  netsh("rpc filter add rule um permit");
  EXPECT_EQ(netsh("rpc filter delete rule").status, 0);
  EXPECT_EQ(netsh("rpc filter add filter").status, 1);
  EXPECT_THAT(filters(), ElementsAre("block um opnum=3"));
}

struct RefusedCommand {
  const char* name;
  const char* command;
  const char* answer;   // on standard output, as of netsh
  const char* problem;  // on standard error
};

void PrintTo(const RefusedCommand& row, std::ostream* out) { *out << row.name; }

const RefusedCommand kRefusedCommands[] = {
    {"unknown_command", "rpc filter ad filtre",
     "The following command was not found: rpc filter ad filtre.\n\n",
     "error: unknown object `filtre`\n  hint: did you mean `filter`?\n"},
    {"missing_argument", "rpc filter add rule layer=um",
     "One or more essential parameters were not entered.\n"
     "Verify the required parameters, and reenter them.\n",
     "error: `actiontype=` is missing\n"},
    {"unknown_tag", "rpc filter add rule layer=um actiontype=block colour=red",
     "The syntax supplied for this command is not valid.", "unknown tag `colour`"},
    {"unknown_value", "rpc filter add rule layer=kernel actiontype=block",
     "The parameter is incorrect.\n\n", "unknown layer `kernel`"},
    {"audit_on_ep_add", "rpc filter add rule layer=ep_add actiontype=permit audit=enable",
     "The parameter is incorrect.\n\n", "ep_add"},
    {"bad_key", "rpc filter delete filter filterkey=1234", "The parameter is incorrect.\n\n",
     "`1234` is not a filter key"},
    {"no_such_filter", "rpc filter delete filter 11111111-2222-3333-4444-555555555555",
     "The filter does not exist.\n\n",
     "no filter has the key `11111111-2222-3333-4444-555555555555`"},
    {"condition_without_rule", "rpc filter add condition opnum equal 3", "",
     "there is no rule to add the condition to"},
    {"filter_without_rule", "rpc filter add filter", "", "there is no rule to make a filter of"},
    {"no_rule_to_delete", "rpc filter delete rule", "", "there is no rule to delete"},
};

class RefusedCommandTest : public NetshProgramTest,
                           public testing::WithParamInterface<RefusedCommand> {};

TEST_P(RefusedCommandTest, ExitsWithOneAndChangesNothing) {
  const Ended ended = netsh(GetParam().command);
  EXPECT_EQ(ended.status, 1);
  EXPECT_THAT(ended.out, StartsWith(GetParam().answer));
  EXPECT_THAT(ended.err, HasSubstr(GetParam().problem));
  EXPECT_EQ(netsh("rpc filter add filter").status, 1) << "no rule was made";
  EXPECT_TRUE(filters().empty());
}

INSTANTIATE_TEST_SUITE_P(Refused, RefusedCommandTest, testing::ValuesIn(kRefusedCommands),
                         [](const auto& test) { return std::string(test.param.name); });

TEST_F(NetshProgramTest, ARefusedConditionLeavesTheRuleAsItWas) {
  netsh("rpc filter add rule um block");
  netsh("rpc filter add condition opnum equal 3");
  EXPECT_EQ(netsh("rpc filter add condition opnum equal many").status, 1);
  EXPECT_EQ(netsh("rpc filter add filter").status, 0);
  EXPECT_THAT(filters(), ElementsAre("block um opnum=3"));
}

TEST_F(NetshProgramTest, AKeyThatIsTakenIsRefusedAndTheRuleWaitsOn) {
  const std::string rule = "add rule um block filterkey=" + std::string(kKey) + "\n";
  type(rule + "add condition opnum equal 3\nadd filter\n");
  netsh("rpc filter " + rule.substr(0, rule.size() - 1));
  netsh("rpc filter add condition opnum equal 4");
  const Ended ended = netsh("rpc filter add filter");
  EXPECT_EQ(ended.status, 1);
  EXPECT_EQ(ended.out, "An object with that GUID or LUID already exists.\n\n");
  EXPECT_EQ(netsh("rpc filter delete filter " + std::string(kKey)).status, 0);
  EXPECT_EQ(netsh("rpc filter add filter").status, 0);
  EXPECT_THAT(filters(), ElementsAre("block um opnum=4"));
}

// [semantics] 1.1.15.
TEST_F(NetshProgramTest, AVolatileFilterLastsUntilARestart) {
  type("add rule um block persistence=volatile\nadd condition opnum equal 3\nadd filter\n");
  EXPECT_THAT(filters(), ElementsAre("block um opnum=3"));
  EXPECT_THAT(netsh("rpc filter show filter").out, HasSubstr("fieldKey: opnum"));
  netsh("rpc filter add rule um block persistence=volatile");
  netsh("rpc filter add condition opnum equal 4");
  EXPECT_THAT(netsh("rpc filter add filter").err, HasSubstr("the filter is volatile"));
  type("add rule um block\nadd condition pipe equal \" persistence=volatile\"\nadd filter\n");
  EXPECT_EQ(netsh("--restart").out, "volatile filters removed: 2\n");
  EXPECT_EQ(filters().size(), 1u);
  EXPECT_EQ(netsh("--restart").out, "volatile filters removed: 0\n");
}

TEST_F(NetshProgramTest, ARestartIsNoCommandOfNetsh) {
  EXPECT_EQ(netsh("--restart rpc filter show filter").status, 2);
}

TEST_F(NetshProgramTest, HelpIsGivenAtEveryLevel) {
  for (const char* command : {"/?", "rpc /?", "rpc filter /?", "rpc filter add /?",
                              "rpc filter add rule /?", "rpc filter delete filter /?", "help"}) {
    const Ended ended = netsh(command);
    EXPECT_EQ(ended.status, 0) << command;
    EXPECT_FALSE(ended.out.empty()) << command;
  }
}

TEST_F(NetshProgramTest, ABareContextOrGroupIsListed) {
  EXPECT_THAT(netsh("rpc").out, StartsWith("\nThe following commands are available:\n\n"
                                           "Commands in this context:\n?              - "));
  EXPECT_THAT(netsh("rpc").out,
              HasSubstr("\nThe following sub-contexts are available:\n filter\n"));
  EXPECT_EQ(netsh("rpc").out, netsh("rpc ?").out);
  EXPECT_EQ(netsh("rpc filter").out, netsh("rpc filter help").out);
  EXPECT_EQ(netsh("rpc filter add").out, netsh("rpc filter add ?").out);
  EXPECT_THAT(netsh("rpc filter add").out, HasSubstr("\nadd rule       - "));
  EXPECT_EQ(netsh("rpc filter delete").status, 0);
  EXPECT_EQ(type("rpc\nfilter\n").out, "") << "a session enters the context";
}

TEST_F(NetshProgramTest, DumpIsAScriptThatMakesTheSameFilters) {
  type("add rule um block\nadd condition opnum equal 3\nadd filter\n");
  const Ended dump = netsh("rpc filter dump");
  EXPECT_EQ(dump.status, 0);
  EXPECT_THAT(dump.out, StartsWith("rpc filter\n"));
  const std::string other = (folder / "other.db").string();
  EXPECT_EQ(run("netsh --store " + other + " -f " + file("dump.txt", dump.out)).status, 0);
  EXPECT_EQ(described(other), filters());
}

// The layout of listings from Windows: a header line, 33 dashes before each filter, UUIDs as four
// little-endian words, audited filters before the others, of equal weight the newest first.
TEST_F(NetshProgramTest, ShowsFiltersAsWindowsDoes) {
  run_script(
      "rpc filter\n"
      "add rule um permit filterkey=aaaaaaaa-0000-0000-0000-000000000001\n"
      "add condition opnum equal 3\nadd filter\n"
      "add rule um block filterkey=aaaaaaaa-0000-0000-0000-000000000002\n"
      "add condition opnum range 3,5\nadd filter\n"
      "add rule layer=um actiontype=block audit=enable "
      "filterkey=312a3989-5b68-40ee-8b98-6f7322d2c557\n"
      "add condition field=protocol matchtype=equal data=ncacn_np\n"
      "add condition field=if_uuid matchtype=equal data=50abc2a4-574d-40b3-9d66-ee4fd5fba076\n"
      "add filter\n");
  const Ended shown = netsh("rpc filter show filter");
  EXPECT_EQ(shown.status, 0);
  EXPECT_EQ(shown.err, "");
  EXPECT_EQ(shown.out,
            "Listing all RPC Filters.\n"
            "---------------------------------\n"
            "filterKey: 312a3989-5b68-40ee-8b98-6f7322d2c557\n"
            "displayData.name: RPCFilter\n"
            "displayData.description: RPC Filter\n"
            "filterId: 0x3\n"
            "layerKey: um\n"
            "weight: Type: FWP_EMPTY Value: Empty\n"
            "action.type: block\n"
            "Audit: Enable\n"
            "numFilterConditions: 2\n"
            "\n"
            "filterCondition[0]\n"
            "        fieldKey: protocol\n"
            "        matchType: FWP_MATCH_EQUAL\n"
            "        conditionValue: Type: FWP_UINT8 Value: 2\n"
            "\n"
            "filterCondition[1]\n"
            "        fieldKey: if_uuid\n"
            "        matchType: FWP_MATCH_EQUAL\n"
            "        conditionValue: Type: FWP_BYTE_ARRAY16_TYPE Value: "
            "50abc2a4 40b3574d 4fee669d 76a0fbd5\n"
            "\n"
            "---------------------------------\n"
            "filterKey: aaaaaaaa-0000-0000-0000-000000000002\n"
            "displayData.name: RPCFilter\n"
            "displayData.description: RPC Filter\n"
            "filterId: 0x2\n"
            "layerKey: um\n"
            "weight: Type: FWP_EMPTY Value: Empty\n"
            "action.type: block\n"
            "numFilterConditions: 1\n"
            "\n"
            "filterCondition[0]\n"
            "        fieldKey: opnum\n"
            "        matchType: FWP_MATCH_RANGE\n"
            "        conditionValue: Type: FWP_RANGE_TYPE Value: 3,5\n"
            "\n"
            "---------------------------------\n"
            "filterKey: aaaaaaaa-0000-0000-0000-000000000001\n"
            "displayData.name: RPCFilter\n"
            "displayData.description: RPC Filter\n"
            "filterId: 0x1\n"
            "layerKey: um\n"
            "weight: Type: FWP_EMPTY Value: Empty\n"
            "action.type: permit\n"
            "numFilterConditions: 1\n"
            "\n"
            "filterCondition[0]\n"
            "        fieldKey: opnum\n"
            "        matchType: FWP_MATCH_EQUAL\n"
            "        conditionValue: Type: FWP_UINT16 Value: 3\n"
            "\n");
}

TEST_F(NetshProgramTest, OptionsMayFollowTheCommand) {
  EXPECT_EQ(run("netsh rpc filter add rule um block --store " + store).status, 0);
  EXPECT_EQ(netsh("rpc filter delete rule").status, 0);
}

TEST_F(NetshProgramTest, AuditsWithTheStore) {
  EXPECT_EQ(netsh("-f " + dcsync).status, 0);
  const Ended ended = run("audit -r " + demo + " -p store:" + store);
  EXPECT_EQ(ended.status, 0) << ended.err;
  EXPECT_THAT(ended.out, HasSubstr("\"source\":\"store:" + store + ":"));
  EXPECT_THAT(ended.out, HasSubstr("\"action\":\"would_block\""));
  const std::string config = file(
      "rpcaudit.toml", "[[deployment]]\nservers = '10.77.0.1'\npolicies = 'store:" + store + "'\n");
  const Ended deployed = run("audit -r " + demo + " -c " + config);
  EXPECT_THAT(deployed.out, HasSubstr("\"action\":\"would_block\"")) << deployed.err;
}

// XDG Base Directory Specification: XDG_STATE_HOME, folders with mode 0700.
TEST_F(NetshProgramTest, TheDefaultStoreIsInTheStateFolder) {
  const fs::path state = folder / "state";
  ::setenv("XDG_STATE_HOME", state.c_str(), 1);
  const Ended added = run("netsh -f " + dcsync);
  const Ended audited = run("audit -r " + demo + " -p store:");
  ::unsetenv("XDG_STATE_HOME");
  EXPECT_EQ(added.status, 0) << added.err;
  EXPECT_EQ(audited.status, 0) << audited.err;
  const fs::path path = state / "rpcaudit" / "filters.db";
  EXPECT_THAT(audited.out, HasSubstr("\"source\":\"store:" + path.string() + ":"));
  EXPECT_EQ(fs::status(path.parent_path()).permissions(), fs::perms::owner_all);
}

// --- Scripts and pipes ---

TEST_F(NetshProgramTest, AScriptNamesTheLineOfAnErrorAndGoesOn) {
  const Ended ended = run_script(
      "rpc filter\nadd rule um blok\nadd rule um block\nadd condition opnum equal 3\nadd filter\n");
  EXPECT_EQ(ended.status, 1);
  EXPECT_THAT(ended.err, HasSubstr("script.txt:2:13: error: "));
  EXPECT_THAT(filters(), ElementsAre("block um opnum=3"));
}

TEST_F(NetshProgramTest, AScriptThatLeavesARuleBehindSaysSo) {
  const Ended ended = run_script("rpc filter\nadd rule um block\n");
  EXPECT_EQ(ended.status, 0);
  EXPECT_THAT(ended.err, HasSubstr("warning: the rule is never made a filter"));
  EXPECT_EQ(netsh("rpc filter add filter").status, 1) << "the rule was the script's own";
}

TEST_F(NetshProgramTest, ASessionHasItsOwnRule) {
  netsh("rpc filter add rule um block");
  EXPECT_EQ(type("add condition opnum equal 3\n").status, 1);
  EXPECT_EQ(type("add rule um permit\nadd condition opnum equal 4\nadd filter\n").status, 0);
  netsh("rpc filter add condition opnum equal 5");
  EXPECT_EQ(netsh("rpc filter add filter").status, 0);
  EXPECT_THAT(filters(), ElementsAre("permit um opnum=4", "block um opnum=5"));
}

TEST_F(NetshProgramTest, QuitEndsASession) {
  const Ended ended = type("quit\nadd rule um block\n");
  EXPECT_EQ(ended.status, 0);
  EXPECT_EQ(ended.out, "");
}

TEST_F(NetshProgramTest, APipeMayContinueLinesAndBeUtf16) {
  EXPECT_EQ(type("add rule layer=um ^\nactiontype=block\nadd condition opnum equal 3\nadd filter\n")
                .status,
            0);
  std::string utf16 = "\xff\xfe";
  for (const char c : std::string("add rule um permit\r\nadd condition opnum equal 4\r\n"
                                  "add filter\r\n")) {
    utf16 += {c, '\0'};
  }
  EXPECT_EQ(type(utf16).status, 0);
  EXPECT_THAT(filters(), ElementsAre("block um opnum=3", "permit um opnum=4"));
}

TEST_F(NetshProgramTest, WhatCannotBeReadIsSaid) {
  EXPECT_EQ(netsh("-f " + (folder / "absent").string()).status, 3);
  EXPECT_EQ(netsh("-f " + demo).status, 3);
  EXPECT_EQ(run("netsh --store " + store + " < " + demo).status, 3);
  const Ended broken = run("netsh --store " +
                           file("no.db",
                                "not a database at all, but long enough"
                                " to be looked at as one") +
                           " rpc filter show filter");
  EXPECT_EQ(broken.status, 3);
  EXPECT_THAT(broken.err, HasSubstr("no.db: "));
  policy::FilterStore tampered;
  const std::string path = (folder / "tampered.db").string();
  policy::Policy policy;
  std::vector<policy::Diagnostic> diagnostics;
  policy::read_netsh_script("add rule um block\nadd condition pipe equal \\PIPE\\a\nadd filter\n",
                            "", policy, diagnostics);
  std::get<policy::TextRange>(policy.filters.at(0).conditions.at(0).data).low +=
      '\0';  // no console does
  ASSERT_TRUE(tampered.open(path, policy::FilterStore::Access::write) && tampered.begin() &&
              tampered.add(policy.filters[0]) && tampered.commit());
  const Ended shown = run("netsh --store " + path + " rpc filter show filter");
  EXPECT_EQ(shown.status, 3);
  EXPECT_THAT(shown.err, HasSubstr("holds a filter that cannot be read"));
  EXPECT_EQ(run("netsh --store /proc/nowhere/filters.db rpc filter show filter").status, 3);
  const Ended absent = run("check -p store:" + (folder / "absent.db").string());
  EXPECT_EQ(absent.status, run("check -p " + (folder / "absent.txt").string()).status);
  EXPECT_THAT(absent.err, HasSubstr("absent.db: the filter store cannot be opened"));
}

// --- Several at once, and killed ---

// The program with the commands of a file on its standard input.
class Session {
 public:
  Session(const std::string& store, const std::string& commands) {
    int ends[2];
    if (::pipe2(ends, O_CLOEXEC) != 0) return;
    pid_ = ::fork();
    if (pid_ == 0) {
      const int input = ::open(commands.c_str(), O_RDONLY | O_CLOEXEC);
      ::dup2(input, STDIN_FILENO);
      ::dup2(ends[1], STDOUT_FILENO);
      ::execl(program_path().c_str(), program_path().c_str(), "netsh", "--store", store.c_str(),
              nullptr);
      ::_exit(127);
    }
    ::close(ends[1]);
    output_ = ends[0];
  }
  Session(const Session&) = delete;
  Session& operator=(const Session&) = delete;
  ~Session() { ::close(output_); }

  void kill() { ::kill(pid_, SIGKILL); }
  // All that it answers until it ends.
  std::string answers() {
    std::string answers;
    char bytes[4096];
    for (ssize_t size = 0; (size = ::read(output_, bytes, sizeof bytes)) > 0;) {
      answers.append(bytes, static_cast<std::size_t>(size));
    }
    return answers;
  }
  int wait() {
    int status = 0;
    ::waitpid(pid_, &status, 0);
    return status;
  }

 private:
  pid_t pid_ = -1;
  int output_ = -1;
};

std::string commands_for(std::size_t number) {
  return "add rule um block\nadd condition opnum equal " + std::to_string(number) +
         "\nadd condition local_port equal " + std::to_string(number) + "\nadd filter\n";
}

TEST_F(NetshProgramTest, SessionsAtOnceDoNotMixTheirRules) {
  constexpr std::size_t kSessions = 4;
  constexpr std::size_t kEach = 25;
  std::set<std::string> expected;
  std::vector<std::unique_ptr<Session>> sessions;
  for (std::size_t i = 0; i < kSessions; ++i) {
    std::string commands;
    for (std::size_t j = 0; j < kEach; ++j) {
      const std::string number = std::to_string(i * kEach + j);
      commands += commands_for(i * kEach + j);
      expected.insert("block um opnum=" + number + " local_port=" + number);
    }
    const std::string input = file("typed" + std::to_string(i), commands);
    sessions.push_back(std::make_unique<Session>(store, input));
  }
  for (const auto& session : sessions) {
    (void)session->answers();
    EXPECT_EQ(session->wait(), 0);
  }
  const std::vector<std::string> found = filters();
  EXPECT_EQ(found.size(), expected.size());
  EXPECT_EQ(std::set<std::string>(found.begin(), found.end()), expected);
}

TEST_F(NetshProgramTest, JoinedCommandsDoNotMixTheirRules) {
  constexpr std::size_t kAtOnce = 16;
  std::string shell;
  for (std::size_t i = 0; i < kAtOnce; ++i) {
    const std::string number = std::to_string(i);
    shell += program_path() + " netsh --store " + store + " add rule um block '&'" +
             " add condition opnum equal " + number + " '&' add condition local_port equal " +
             number + " '&' add filter > " + (folder / "said").string() + number + " 2>&1 &\n";
  }
  EXPECT_EQ(std::system((shell + "wait\n").c_str()), 0);
  std::set<std::string> found;
  for (const std::string& filter : filters()) found.insert(filter);
  EXPECT_EQ(found.size(), kAtOnce);
  for (std::size_t i = 0; i < kAtOnce; ++i) {
    const std::string number = std::to_string(i);
    EXPECT_TRUE(found.contains("block um opnum=" + number + " local_port=" + number)) << i;
  }
}

// Adds the keys that whole lines of netsh's answers announce.
void note_keys(const std::string& answers, std::set<std::string>& keys) {
  constexpr std::string_view kBefore = "FilterKey: ";
  constexpr std::size_t kKeySize = 36;
  for (std::size_t at = 0; (at = answers.find(kBefore, at)) != std::string::npos;) {
    at += kBefore.size();
    if (at + kKeySize < answers.size() && answers[at + kKeySize] == '\n') {
      keys.insert(answers.substr(at, kKeySize));
    }
  }
}

// Killed at random points during 1,000 writes, the program has kept every filter whose key it had
// answered, whole, and at most one that it had not come to answer.
TEST_F(NetshProgramTest, AKillLosesNothingThatWasAnswered) {
  constexpr std::size_t kWrites = 1000;
  const fs::path memory = "/dev/shm";  // waiting for a disk proves nothing about kills
  std::string pattern =
      ((::access(memory.c_str(), W_OK) == 0 ? memory : folder) / "rpcaudit-kill-XXXXXX").string();
  const fs::path place = ::mkdtemp(pattern.data());
  const std::string path = (place / "filters.db").string();
  std::string commands;
  for (std::size_t i = 0; i < kWrites; ++i) commands += commands_for(7);
  const std::string input = file("typed", commands);
  std::mt19937 random(20'261'121);
  int delay_max = 60;  // milliseconds; longer where the program takes longer to begin
  std::set<std::string> kept;
  std::size_t kills = 0;
  for (; kept.size() < kWrites && !HasFailure(); ++kills) {
    ASSERT_LT(delay_max, 10'000) << "the program adds nothing";
    const int delay = std::uniform_int_distribution<int>(0, delay_max)(random);
    Session session(path, input);
    std::thread killer([&session, delay] {
      std::this_thread::sleep_for(std::chrono::milliseconds(delay));
      session.kill();
    });
    const std::string answers = session.answers();
    killer.join();
    (void)session.wait();
    if (answers.empty()) delay_max += 5;
    note_keys(answers, kept);
    if (!fs::exists(path)) continue;  // killed before the store was made
    std::string error;
    const std::optional<std::string> script = policy::read_filter_store(path, error);
    if (!script && kept.empty()) continue;  // likewise: there is the file, but nothing in it yet
    ASSERT_TRUE(script.has_value()) << error;
    policy::Policy policy;
    std::vector<policy::Diagnostic> diagnostics;
    policy::read_netsh_script(*script, "store", policy, diagnostics);
    std::set<std::string> present;
    for (const policy::Filter& filter : policy.filters) {
      EXPECT_EQ(policy::describe(filter), "block um opnum=7 local_port=7");
      present.insert(to_string(filter.key));
    }
    EXPECT_TRUE(std::includes(present.begin(), present.end(), kept.begin(), kept.end()));
    EXPECT_LE(present.size(), kept.size() + 1);
    kept = std::move(present);
  }
  std::printf("    %zu filters, %zu kills\n", kept.size(), kills);
  fs::remove_all(place);
}

// --- The prompt ---

// The program on a terminal of its own.
class Terminal {
 public:
  explicit Terminal(const std::vector<std::string>& arguments, const fs::path& state) {
    pid_ = ::forkpty(&master_, nullptr, nullptr, nullptr);
    if (pid_ != 0) return;
    ::setenv("XDG_STATE_HOME", state.c_str(), 1);
    ::setenv("TERM", "xterm", 1);
    std::string program = program_path();
    std::vector<char*> words{program.data()};
    for (const std::string& argument : arguments) {
      words.push_back(const_cast<char*>(argument.c_str()));
    }
    words.push_back(nullptr);
    ::execv(words[0], words.data());
    ::_exit(127);
  }
  Terminal(const Terminal&) = delete;
  Terminal& operator=(const Terminal&) = delete;
  ~Terminal() {
    ::close(master_);
    if (pid_ > 0) ::kill(pid_, SIGKILL), ::waitpid(pid_, nullptr, 0);
  }

  // False where there are no pseudo-terminals, as in some containers.
  bool is_there() const { return pid_ > 0; }

  // Reads until `text` has appeared once more; false when the program ends before or is stuck.
  bool wait_for(const std::string& text) {
    const auto deadline = std::chrono::steady_clock::now() + std::chrono::seconds(30);
    ::fcntl(master_, F_SETFL, O_NONBLOCK);
    for (std::size_t at = std::string::npos; at == std::string::npos;) {
      at = screen_.find(text, seen_);
      if (at != std::string::npos) {
        seen_ = at + text.size();
        break;
      }
      char bytes[4096];
      const ssize_t size = ::read(master_, bytes, sizeof bytes);
      if (size > 0) {
        screen_.append(bytes, static_cast<std::size_t>(size));
      } else if (size == 0 || errno != EAGAIN || std::chrono::steady_clock::now() > deadline) {
        return false;
      } else {
        std::this_thread::sleep_for(std::chrono::milliseconds(5));
      }
    }
    return true;
  }
  void type(std::string_view text) {
    ASSERT_EQ(::write(master_, text.data(), text.size()), static_cast<ssize_t>(text.size()));
  }
  int wait_for_end() {
    int status = 0;
    (void)wait_for("\x01 never");
    ::waitpid(pid_, &status, 0);
    pid_ = -1;
    return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
  }
  const std::string& screen() const { return screen_; }

 private:
  pid_t pid_ = -1;
  int master_ = -1;
  std::string screen_;
  std::size_t seen_ = 0;
};

TEST_F(NetshProgramTest, ThePromptCompletesAndRemembers) {
  const std::string prompt = "netsh rpc filter>";
  const fs::path state = folder / "state";
  {
    Terminal terminal({"netsh"}, state);
    if (!terminal.is_there()) GTEST_SKIP() << "no pseudo-terminal to be had";
    ASSERT_TRUE(terminal.wait_for(prompt)) << terminal.screen();
    terminal.type("add ru\tlay\tum actiontype=blo\t\n");
    ASSERT_TRUE(terminal.wait_for("Ok.")) << terminal.screen();
    ASSERT_TRUE(terminal.wait_for(prompt)) << terminal.screen();
    terminal.type("add condition field=opn\tmatchtype=equ\tdata=3\n");
    ASSERT_TRUE(terminal.wait_for("Ok.")) << terminal.screen();
    terminal.type("add filter\n");
    ASSERT_TRUE(terminal.wait_for("FilterKey: ")) << terminal.screen();
    terminal.type("..\n");
    ASSERT_TRUE(terminal.wait_for("netsh rpc>")) << terminal.screen();
    terminal.type("bye\n");
    EXPECT_EQ(terminal.wait_for_end(), 0);
  }
  const std::string path = (state / "rpcaudit" / "filters.db").string();
  EXPECT_THAT(described(path), ElementsAre("block um opnum=3"));
  {
    Terminal terminal({"netsh"}, state);
    ASSERT_TRUE(terminal.wait_for(prompt)) << terminal.screen();
    terminal.type("\x10\x10\n");  // two commands back
    ASSERT_TRUE(terminal.wait_for("..")) << terminal.screen();
    ASSERT_TRUE(terminal.wait_for("netsh rpc>")) << terminal.screen();
    terminal.type("\x04");
    EXPECT_EQ(terminal.wait_for_end(), 0);
  }
}

struct Completion {
  const char* line;
  std::vector<std::string> words;
};

TEST(NetshCompletion, OffersWhatFits) {
  const Completion kCompletions[] = {
      {"a", {"add"}},
      {"add ", {"rule", "condition", "filter"}},
      {"rpc filter delete f", {"filter"}},
      {"add rule lay", {"layer="}},
      {"add rule layer=ep", {"layer=epmap", "layer=ep_add"}},
      {"add rule layer=um act", {"actiontype="}},
      {"add condition field=if_", {"field=if_uuid", "field=if_version", "field=if_flag"}},
      {"add condition field=pipe matchtype=any", {"matchtype=any_set"}},
      {"delete filter ", {"filterkey="}},
      {"bogus x", {}},
  };
  for (const Completion& row : kCompletions) EXPECT_EQ(netsh_completions(row.line), row.words);
}

}  // namespace
}  // namespace rpcaudit::app
