// Commands as batch files and PowerShell scripts hold them: cmd.exe's redirections, pipes,
// conditions and ways to start a program, as far as they carry commands that a policy is made of.

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "engine/policy/text/shell_commands.h"
#include "tests/policy/host/host_reader.h"

namespace rpcaudit::policy {
namespace {

using testing::Contains;
using testing::ElementsAre;
using testing::IsEmpty;
using testing::Not;

struct Cut {
  const char* line;
  std::vector<std::string> commands;
};

// The commands of a line, `?` before those that may not run, `|` before those that read a pipe.
std::vector<std::string> commands_of(std::string_view text) {
  const SourceText source = SourceText::decode(text);
  std::vector<Diagnostic> diagnostics;
  Reporter reporter(diagnostics);
  ScriptReader reader(source, 0, reporter);
  ScriptLine line;
  EXPECT_TRUE(reader.next(line));
  std::vector<std::string> commands;
  for (const ShellCommand& command : shell_commands(line)) {
    std::string joined = command.is_conditional ? "?" : command.reads_pipe ? "|" : "";
    for (const Word& word : command.words) joined += (joined.size() > 1 ? " " : "") + word.text;
    commands.push_back(joined);
  }
  return commands;
}

TEST(ShellCommands, AreCutAsCmdCutsThem) {
  const Cut kCuts[] = {
      {"reg add K /f >nul", {"reg add K /f"}},
      {"reg add K /f>nul 2>&1", {"reg add K /f"}},
      {"reg add K /f > nul 2> err.txt", {"reg add K /f"}},
      {"reg add K /f >> log.txt", {"reg add K /f"}},
      {">nul reg add K", {"reg add K"}},
      {"a & b && c", {"a", "b", "c"}},
      {"a&b", {"a", "b"}},
      {"a || b", {"a", "?b"}},
      {"a | b", {"a", "|b"}},
      {"reg add \"HKLM\\A & B\" /v \"a>b\"", {"reg add HKLM\\A & B /v a>b"}},
      {"if exist x reg add K", {"?reg add K"}},
      {"if not errorlevel 1 reg add K", {"?reg add K"}},
      {"if \"%A%\"==\"B\" reg add K", {"?reg add K"}},
      {"if /i %A% == B (reg add K) else (reg delete K)", {"?reg add K", "?reg delete K"}},
      {"if %A% EQU 1 reg add K & reg add L", {"?reg add K", "?reg add L"}},
      {"if exist x", {}},
      {"start /wait reg add K", {"reg add K"}},
      {"start \"title\" /b reg add K", {"reg add K"}},
      {"cmd /c reg add K", {"reg add K"}},
      {"cmd.exe /c \"reg add K /f\"", {"reg add K /f"}},
      {"call reg add K", {"reg add K"}},
      {"(reg add K)", {"reg add K"}},
      {"( reg add K )", {"reg add K"}},
      {">", {}},
      {"& & |", {}},
  };
  for (const Cut& row : kCuts) EXPECT_EQ(commands_of(row.line), row.commands) << row.line;
}

constexpr std::string_view kAdd =
    "reg add \"HKLM\\SOFTWARE\\Policies\\Microsoft\\Windows NT\\Rpc\" /v RestrictRemoteClients "
    "/t REG_DWORD /d 1 /f";

struct Form {
  const char* before;
  const char* behind;
  std::vector<std::string> complaints;
};

TEST(ShellForms, CarryTheCommandsOfAPolicy) {
  const std::string conditional = "warning conditional-command 1";
  const Form kForms[] = {
      {"", " >nul 2>&1", {}},
      {"", " > nul", {}},
      {"@", ">>log.txt", {}},
      {"", " | Out-Null", {}},
      {"", " || exit /b 1", {}},
      {"", " && echo done", {}},
      {"start /wait ", "", {}},
      {"cmd /c ", "", {}},
      {"(", ")", {}},
      {"if \"%ROLE%\"==\"DC\" ", "", {conditional}},
      {"if exist x.txt ", " >nul", {conditional}},
  };
  for (const Form& row : kForms) {
    const test::ReadHost read = test::read_host(row.before + std::string(kAdd) + row.behind, false);
    EXPECT_EQ(read.complaints(), row.complaints) << row.before << row.behind;
    ASSERT_TRUE(read.host().restrict_remote_clients) << row.before << row.behind;
    EXPECT_EQ(read.host().restrict_remote_clients->value, RestrictRemoteClients::authenticated)
        << row.before << row.behind;
  }
}

TEST(ShellForms, OfNetshLeaveItsArgumentsAlone) {
  const test::ReadHost read = test::read_host(
      "netsh rpc filter add rule layer=um actiontype=block >nul\n"
      "netsh rpc filter add condition field=pipe matchtype=equal data=\\PIPE\\a 2>&1\n"
      "netsh rpc filter add filter > nul && echo done\n"
      "if exist x netsh rpc filter delete filter filterkey=all >nul 2>&1\n",
      false);
  EXPECT_THAT(read.complaints(), ElementsAre("warning conditional-command 4"));
  EXPECT_THAT(read.policy.filters, IsEmpty());
}

TEST(ShellForms, ThatAreNotFollowedAreTold) {
  EXPECT_THAT(test::read_host("reg import rpc.reg\n", false).complaints(),
              Contains("warning file-not-read 1"));
  EXPECT_THAT(test::read_host("reg add \\\\DC1\\HKLM\\SOFTWARE\\A /v B /d 1\n", false).complaints(),
              Contains("warning remote-machine 1"));
  EXPECT_THAT(
      test::read_host("reg add HKLM\\A /v C /d 1\nreg add %KEY% /v B /d 1\n", false).complaints(),
      Contains("error unreplaced-variable 2"));
}

TEST(PolicyText, ACommentNeverTellsWhatItsFileIs) {
  for (const std::string_view comment :
       {"# netsh prints: Listing all RPC Filters.", "rem Listing all RPC Filters.",
        ":: BootTimeEnforced: False", "; displayData.name"}) {
    const test::ReadHost read =
        test::read_host(std::string(comment) +
                            "\nrpc filter\nadd rule um block\nadd condition opnum equal 1\n"
                            "add filter\nquit\n",
                        false);
    EXPECT_EQ(read.policy.filters.size(), 1u) << comment;
  }
}

TEST(PolicyText, ATemplateWithoutRegistryValuesIsStillATemplate) {
  const test::ReadHost read = test::read_host(
      "[Unicode]\r\nUnicode=yes\r\n[Version]\r\nsignature=\"$CHICAGO$\"\r\nRevision=1\r\n", false);
  EXPECT_THAT(read.complaints(), ElementsAre("warning no-rpc-values 0"));
}

TEST(RegFile, OnlyValuesOfRpcCanSpoilIt) {
  constexpr std::string_view kForeign =
      "REGEDIT4\r\n[HKEY_LOCAL_MACHINE\\SYSTEM\\CurrentControlSet\\Control\\Session Manager]\r\n"
      "\"Other\"=qword:000100000000000000\r\n"
      "[HKEY_LOCAL_MACHINE\\SOFTWARE\\Policies\\Microsoft\\Windows NT\\Rpc]\r\n";
  const test::ReadHost foreign = test::read_host(
      std::string(kForeign) + "\"RestrictRemoteClients\"=dword:00000001\r\n", false);
  EXPECT_THAT(foreign.complaints(), ElementsAre("warning bad-registry-data 3"));
  EXPECT_TRUE(foreign.host().restrict_remote_clients);
  const test::ReadHost own = test::read_host(
      std::string(kForeign) + "\"RestrictRemoteClients\"=qword:000100000000000000\r\n", false);
  EXPECT_THAT(own.complaints(), Contains("error bad-registry-data 5"));
}

TEST(NtlmConflict, IsAnErrorThatKeepsNobodyFromJudging) {
  const test::ReadHost read = test::read_host(
      "REGEDIT4\r\n[HKEY_LOCAL_MACHINE\\SOFTWARE\\Policies\\Microsoft\\Windows NT\\Rpc]\r\n"
      "\"RestrictRemoteClients\"=dword:00000001\r\n\"EnableAuthEpResolution\"=dword:00000001\r\n"
      "[HKEY_LOCAL_MACHINE\\SYSTEM\\CurrentControlSet\\Control\\Lsa\\MSV1_0]\r\n"
      "\"RestrictSendingNTLMTraffic\"=dword:00000002\r\n");
  EXPECT_THAT(read.complaints(), ElementsAre("error ntlm-conflict 4"));
  for (const Diagnostic& diagnostic : read.diagnostics) {
    EXPECT_EQ(diagnostic.can_be_judged, diagnostic.code == "ntlm-conflict");
  }
}

}  // namespace
}  // namespace rpcaudit::policy
