// Scripts of both shells as they are published: variables, here-strings, cmdlets, loops, pages.

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "engine/policy/netsh/printer.h"
#include "engine/policy/text/code_fences.h"
#include "tests/policy/host/host_reader.h"

namespace rpcaudit::policy {
namespace {

using testing::Contains;
using testing::ElementsAre;
using testing::IsEmpty;

std::vector<std::string> filters_of(const test::ReadHost& read) {
  std::vector<std::string> lines;
  for (const Filter& filter : read.policy.filters) lines.push_back(describe(filter));
  return lines;
}

constexpr const char* kKey = "HKLM:\\SOFTWARE\\Policies\\Microsoft\\Windows NT\\Rpc";

struct Script {
  const char* about;
  std::string text;
};

TEST(ScriptForms, ThatSetAValueInOneLineSetIt) {
  const std::string key = kKey;
  const std::string plain = "HKLM\\SOFTWARE\\Policies\\Microsoft\\Windows NT\\Rpc";
  const Script kScripts[] = {
      {"New-ItemProperty", "New-ItemProperty -Path '" + key +
                               "' -Name 'RestrictRemoteClients' -Value 1 -PropertyType DWord -Force"
                               " | Out-Null\n"},
      {"Set-ItemProperty",
       "Set-ItemProperty -Path \"" + key + "\" -Name RestrictRemoteClients -Value 1 -Type DWord\n"},
      {"positional", "Set-ItemProperty '" + key + "' RestrictRemoteClients 1\n"},
      {"a number has the type of a number",
       "New-ItemProperty -LiteralPath '" + key + "' -Name RestrictRemoteClients -Value 0x1\n"},
      {"a variable", "$path = '" + key +
                         "'\nSet-ItemProperty -Path $path -Name RestrictRemoteClients -Value 1\n"},
      {"a variable in text",
       "$base = 'HKLM:\\SOFTWARE'\nSet-ItemProperty -Path "
       "\"${base}\\Policies\\Microsoft\\Windows NT\\Rpc\" "
       "-Name RestrictRemoteClients -Value 1\n"},
      {"continued by a backtick", "New-ItemProperty -Path '" + key +
                                      "' `\n  -Name RestrictRemoteClients `\n  -Value 1 # why\n"},
      {"a statement behind another",
       "$x = 1; Set-ItemProperty -Path '" + key + "' -Name RestrictRemoteClients -Value 1; exit\n"},
      {"a group policy", "Set-GPRegistryValue -Name 'RPC' -Key '" + plain +
                             "' -ValueName RestrictRemoteClients -Type DWord -Value 1\n"},
      {"reg.exe",
       "$x = 1\nreg.exe add '" + plain + "' /v RestrictRemoteClients /t REG_DWORD /d 1 /f\n"},
      {"a batch variable",
       "set KEY=" + plain + "\nreg add \"%KEY%\" /v RestrictRemoteClients /t REG_DWORD /d 1\n"},
      {"a quoted batch variable",
       "@set \"KEY=" + plain +
           "\"\r\nset V=1\r\nreg add \"%key%\" /v RestrictRemoteClients /t REG_DWORD /d %V%\r\n"},
      {"cmd's outer quotation marks",
       "cmd /c \"reg add \"" + plain + "\" /v RestrictRemoteClients /t REG_DWORD /d 1 /f\"\n"},
  };
  for (const Script& script : kScripts) {
    const test::ReadHost read = test::read_host(script.text, false);
    EXPECT_THAT(read.complaints(), IsEmpty()) << script.about;
    ASSERT_TRUE(read.host().restrict_remote_clients) << script.about;
    EXPECT_EQ(read.host().restrict_remote_clients->value, RestrictRemoteClients::authenticated)
        << script.about;
  }
}

TEST(ScriptForms, OfPowerShellTakeValuesAway) {
  const test::ReadHost read = test::read_host(
      std::string("Set-ItemProperty -Path '") + kKey + "' -Name RestrictRemoteClients -Value 1\n" +
          "Remove-ItemProperty -Path '" + kKey + "' -Name RestrictRemoteClients\n",
      false);
  EXPECT_THAT(read.complaints(), IsEmpty());
  EXPECT_FALSE(read.host().restrict_remote_clients);
}

constexpr const char* kSession =
    "rpc\nfilter\nadd rule layer=um actiontype=block\nadd condition field=opnum matchtype=equal "
    "data=3\nadd filter\nquit\n";

TEST(HereStrings, ThatNetshIsGivenAreSessionsOfTheirOwn) {
  const Script kScripts[] = {
      {"piped at their end", std::string("@'\n") + kSession + "'@ | netsh\n"},
      {"piped by a variable", std::string("$rules = @\"\n") + kSession + "\"@\n$rules | netsh\n"},
      {"written to a file",
       std::string("@'\n") + kSession + "'@ | Out-File r.txt\nnetsh -f r.txt\n"},
  };
  for (const Script& script : kScripts) {
    const test::ReadHost read = test::read_host(script.text, false);
    EXPECT_THAT(filters_of(read), ElementsAre("block um opnum=3")) << script.about;
    ASSERT_EQ(read.policy.filters.size(), 1u);
    EXPECT_FALSE(read.policy.filters[0].by_separate_processes) << script.about;
  }
  const test::ReadHost twice = test::read_host(
      std::string("@'\n") + kSession + "'@ | netsh\n@'\n" + kSession + "'@ | netsh\n", false);
  EXPECT_EQ(twice.policy.filters.size(), 2u);
  EXPECT_THAT(twice.complaints(), IsEmpty());
}

TEST(HereStrings, EndTheRuleThatTheyDoNotFinish) {
  const test::ReadHost read = test::read_host(
      "@'\nrpc filter\nadd rule layer=um actiontype=block\n'@ | netsh\nnetsh rpc filter add "
      "filter\n",
      false);
  EXPECT_THAT(read.complaints(), Contains("warning rule-not-committed 3"));
  EXPECT_THAT(read.policy.filters, IsEmpty());
}

struct RpcFilter {
  const char* arguments;
  const char* filter;
};

TEST(NewRpcFilter, MakesTheFilterThatItsArgumentsSay) {
  constexpr RpcFilter kFilters[] = {
      {"-Action Block -InterfaceUUID 367abb81-9844-35f1-ad32-98f038001003 -Transport ncacn_np",
       "block um if_uuid=367abb81-9844-35f1-ad32-98f038001003 protocol=ncacn_np"},
      {"-WellKnownProtocol EncryptingFileSystem -AuthenticationType NTLM -Action Block",
       "block um if_uuid=df1941c5-fe89-4e79-bf10-463657acf44d auth_type=10"},
      {"-WellKnownProtocol PrintSpooler -AuthenticationLevel PacketPrivacy "
       "-AuthenticationLevelMatchType LessThan -Action Block",
       "block um if_uuid=12345678-1234-abcd-ef00-0123456789ab auth_level<6"},
      {"-WellKnownOperation IDL_DRSGetNCChanges -IPAddress 10.0.0.1 -Action Permit",
       "permit um if_uuid=e3514235-4b06-11d1-ab04-00c04fc2dcd2 opnum=3 remote_addr_v4=10.0.0.1"},
      {"-Protocol 367abb81-9844-35f1-ad32-98f038001003 -NamedPipe '\\PIPE\\svcctl' -Action Permit",
       "permit um if_uuid=367abb81-9844-35f1-ad32-98f038001003 pipe=\\PIPE\\svcctl"},
      {"-WellKnownProtocol NamespaceManagement -SDDL 'D:(A;;CC;;;DA)' -Action Permit",
       "permit um if_uuid=4fc742e0-4a10-11cf-8273-00aa004ae673 remote_user_token=D:(A;;CC;;;DA)"},
  };
  for (const RpcFilter& row : kFilters) {
    const test::ReadHost read =
        test::read_host(std::string("New-RpcFilter ") + row.arguments + "\n", false);
    EXPECT_THAT(read.complaints(), IsEmpty()) << row.arguments;
    EXPECT_THAT(filters_of(read), ElementsAre(row.filter)) << row.arguments;
    for (const Filter& filter : read.policy.filters) EXPECT_TRUE(filter.by_api);
  }
}

TEST(NewRpcFilter, IsVolatileUnlessItSaysOtherwiseAndWeighedAsItSays) {
  const test::ReadHost read = test::read_host(
      "New-RpcFilter -Name 'a b' -Action Block -OpNum 1 -Audit -Persistent -Weight 2\n"
      "New-RpcFilter -Action Block -OpNum 2\n",
      false);
  ASSERT_EQ(read.policy.filters.size(), 2u);
  EXPECT_TRUE(read.policy.filters[0].persistent && read.policy.filters[0].audit);
  EXPECT_EQ(read.policy.filters[0].name, "a b");
  EXPECT_EQ(read.policy.filters[0].weight.value_or(0) >> 60, 2u);
  EXPECT_FALSE(read.policy.filters[1].persistent || read.policy.filters[1].audit);
}

TEST(ScriptForms, ThatAreNotFollowedAreNeverSilent) {
  const struct {
    const char* text;
    const char* complaint;
  } kScripts[] = {
      {"foreach ($u in $all) { netsh rpc filter add rule um block }\n", "error loop 1"},
      {"for %%u in (1 2) do netsh rpc filter delete filter filterkey=%%u\n", "error loop 1"},
      {"for %%u in (1 2) do reg add HKLM\\A /v %%u /d 1\n", "error loop 1"},
      {"$x = 1\nforeach ($u in $all) {\n", "warning loop 2"},
      {"netsh < rules.txt\n", "warning script-not-read 1"},
      {"type rules.txt | netsh\n", "warning script-not-read 1"},
      {"$null = netsh -f rules.txt\n", "warning script-not-read 1"},
      {"[Microsoft.Win32.Registry]::SetValue('HKLM', 'RestrictRemoteClients', 1)\n$x = 1\n",
       "warning command-not-followed 1"},
      {"$x = 1\nGet-RpcFilter | Remove-RpcFilter\n", "warning command-not-followed 2"},
      {"$x = @'\nWindows Registry Editor Version 5.00\n\"RestrictRemoteClients\"=dword:1\n'@\n",
       "warning here-string-not-read 3"},
      {"Invoke-Command -ComputerName DC1 -ScriptBlock { netsh rpc filter delete filter all }\n",
       "warning remote-machine 1"},
      {"reg add \"HKLM\\SOFTWARE\\Policies\\Microsoft\\Windows NT\\Rpc\\\" "
       "/v RestrictRemoteClients /t REG_DWORD /d 1 /f\n",
       "warning escaped-quote 1"},
      {"New-ItemProperty @parameters\n", "warning cmdlet-incomplete 1"},
      {"Set-ItemProperty -Path $path -Name RestrictRemoteClients -Value 1\n",
       "warning unreplaced-variable 1"},
      {"New-RpcFilter -InterfaceUUID $uuid -Action Block\n", "error bad-cmdlet-value 1"},
      {"New-RpcFilter -OpNum 3\n", "error missing-argument 1"},
      {"New-RpcFilter -OpNum 3 -Action Block -SDDL 'D:(A;;CC;;;DA)' "
       "-SecurityDescriptorNegativeMatch\n",
       "warning match-type-not-known 1"},
  };
  for (const auto& script : kScripts) {
    EXPECT_THAT(test::read_host(script.text, false).complaints(), Contains(script.complaint))
        << script.text;
  }
}

TEST(ScriptForms, CommentsOfPowerShellAreNoCommands) {
  const test::ReadHost read = test::read_host(
      "<#\nnetsh rpc filter delete filter all\nRestrictRemoteClients\n#>\n"
      "New-RpcFilter -OpNum 3 -Action Block # netsh rpc filter\n",
      false);
  EXPECT_THAT(read.complaints(), IsEmpty());
  EXPECT_THAT(filters_of(read), ElementsAre("block um opnum=3"));
}

TEST(MarkdownPage, IsReadBetweenItsFences) {
  const std::string session = kSession;
  const test::ReadHost read = test::read_host("# Guide\n\nBlock it:\n\n```\n" + session +
                                                  "```\n\nThen check:\n\n~~~ text\nListing all RPC "
                                                  "Filters.\nfilterKey: x\n~~~\n",
                                              false);
  EXPECT_THAT(read.complaints(), IsEmpty());
  EXPECT_THAT(filters_of(read), ElementsAre("block um opnum=3"));
}

TEST(MarkdownPage, MayHoldARegistryFile) {
  const test::ReadHost read = test::read_host(
      "Set it:\n\n```\nWindows Registry Editor Version 5.00\n\n"
      "[HKEY_LOCAL_MACHINE\\SOFTWARE\\Policies\\Microsoft\\Windows NT\\Rpc]\n"
      "\"RestrictRemoteClients\"=dword:1\n```\n",
      false);
  EXPECT_THAT(read.complaints(), IsEmpty());
  EXPECT_TRUE(read.host().restrict_remote_clients.has_value());
}

TEST(MarkdownPage, TellsOfCommandsOutsideOfItsFences) {
  const test::ReadHost read = test::read_host(
      "netsh rpc filter delete filter all\n```\n" + std::string(kSession) + "```\n", false);
  EXPECT_THAT(read.complaints(), ElementsAre("warning outside-fence 1"));
}

TEST(MarkdownPage, DoesNotTakeTheWayBackForThePolicy) {
  const test::ReadHost read = test::read_host(
      "```\n" + std::string(kSession) +
          "```\nTo undo:\n```cmd\nnetsh rpc filter delete filter filterkey=all\n```\n",
      false);
  EXPECT_THAT(filters_of(read), ElementsAre("block um opnum=3"));
}

TEST(ScriptForms, BlocksOfConditionsMakeTheirLinesConditional) {
  const std::string add =
      "reg add \"HKLM\\SOFTWARE\\Policies\\Microsoft\\Windows NT\\Rpc\" /v RestrictRemoteClients "
      "/t REG_DWORD /d 1 /f\n";
  const Script kScripts[] = {
      {"cmd", "if not exist ntds.dit (\n" + add + ")\n" + add},
      {"cmd's else", "if exist ntds.dit (\necho no\n) else (\n" + add + ")\n"},
      {"PowerShell", "$x = 1\nif ($x -eq 1) {\n" + add + "}\n" + add},
  };
  for (const Script& script : kScripts) {
    const auto complaints = test::read_host(script.text, false).complaints();
    EXPECT_EQ(complaints.size(), 1u) << script.about;
    EXPECT_THAT(complaints, Contains(testing::HasSubstr("conditional-command"))) << script.about;
  }
  EXPECT_THAT(test::read_host("for %%i in (1 2) do (\n" + add + ")\n", false).complaints(),
              Contains("warning loop 1"));
}

TEST(ScriptForms, OtherProgramsBesideNetshAreNoErrors) {
  const test::ReadHost read = test::read_host(
      "@ECHO OFF\nnetsh.exe rpc filter delete filter filterkey=all > NUL\ngpupdate /force\n",
      false);
  EXPECT_THAT(read.complaints(), ElementsAre("warning unknown-program 3"));
}

TEST(CodeFences, AreTakenInPairs) {
  const auto blocks = code_fences(SourceText::decode("a\n```\nb\nc\n```\n```\n```\n  ```x\nd\n"));
  ASSERT_EQ(blocks.size(), 1u);
  EXPECT_EQ(blocks[0].first_line, 3u);
  EXPECT_EQ(blocks[0].last_line, 4u);
}

}  // namespace
}  // namespace rpcaudit::policy
