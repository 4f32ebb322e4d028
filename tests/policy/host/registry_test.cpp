// Registry values in every form that administrators have them in: Microsoft's "RPC Interface
// Restriction for Windows Server" names the values, [MS-GPREG] 2.2.1 the policy file.

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/policy/host/host_reader.h"

namespace rpcaudit::policy {
namespace {

using namespace test;
using testing::ElementsAre;
using testing::IsEmpty;

constexpr std::string_view kReg =
    "Windows Registry Editor Version 5.00\r\n"
    "\r\n"
    "; set by the security team\r\n"
    "[HKEY_LOCAL_MACHINE\\SOFTWARE\\Policies\\Microsoft\\Windows NT\\Rpc]\r\n"
    "\"RestrictRemoteClients\"=dword:00000001\r\n"
    "\"EnableAuthEpResolution\"=dword:00000001\r\n";

std::string ansi(std::string_view text) {
  std::string out = "REGEDIT4\r\n";
  return out.append(text.substr(text.find("\r\n") + 2));
}

// One entry of a registry.pol.
std::string pol_entry(std::string_view key, std::string_view name, std::uint32_t type,
                      std::string_view data) {
  std::string out;
  const auto unit = [&out](unsigned value) {
    out += static_cast<char>(value & 0xff);
    out += static_cast<char>(value >> 8);
  };
  const auto text = [&](std::string_view value) {
    for (const char c : value) unit(static_cast<unsigned char>(c));
    unit(0);
  };
  const auto number = [&](std::uint32_t value) {
    unit(value & 0xffff);
    unit(value >> 16);
  };
  unit('[');
  text(key);
  unit(';');
  text(name);
  unit(';');
  number(type);
  unit(';');
  number(static_cast<std::uint32_t>(data.size()));
  unit(';');
  out += data;
  unit(']');
  return out;
}

const std::string kPolHead("PReg\1\0\0\0", 8);
constexpr std::string_view kPolKey = "Software\\Policies\\Microsoft\\Windows NT\\Rpc";

struct Form {
  const char* name;
  std::string bytes;
};

std::vector<Form> forms() {
  const std::string one("\1\0\0\0", 4);
  return {
      {"reg_utf16", utf16(kReg)},
      {"reg_utf8", std::string(kReg)},
      {"reg_ansi", ansi(kReg)},
      {"reg_query",
       "\r\nHKEY_LOCAL_MACHINE\\SOFTWARE\\Policies\\Microsoft\\Windows NT\\Rpc\r\n"
       "    RestrictRemoteClients    REG_DWORD    0x1\r\n"
       "    EnableAuthEpResolution    REG_DWORD    0x1\r\n\r\n"},
      {"reg_add",
       "@echo off\r\n"
       "reg add \"HKLM\\SOFTWARE\\Policies\\Microsoft\\Windows NT\\Rpc\" /v RestrictRemoteClients "
       "/t REG_DWORD /d 1 /f\r\n"
       "C:\\Windows\\System32\\REG.EXE ADD \"HKEY_LOCAL_MACHINE\\Software\\Policies\\Microsoft\\"
       "Windows NT\\RPC\" /f /d 0x1 /t reg_dword /v EnableAuthEpResolution\r\n"},
      {"secedit",
       "[Unicode]\r\nUnicode=yes\r\n[Version]\r\nsignature=\"$CHICAGO$\"\r\nRevision=1\r\n"
       "[Registry Values]\r\n"
       "MACHINE\\Software\\Policies\\Microsoft\\Windows NT\\Rpc\\RestrictRemoteClients=4,1\r\n"
       "MACHINE\\Software\\Policies\\Microsoft\\Windows NT\\Rpc\\EnableAuthEpResolution=4,1\r\n"},
      {"registry_pol", kPolHead + pol_entry(kPolKey, "RestrictRemoteClients", 4, one) +
                           pol_entry(kPolKey, "EnableAuthEpResolution", 4, one)},
      {"lgpo",
       "; from a group policy\r\nComputer\r\n"
       "Software\\Policies\\Microsoft\\Windows NT\\Rpc\r\nRestrictRemoteClients\r\nDWORD:1\r\n\r\n"
       "Computer\r\nSoftware\\Policies\\Microsoft\\Windows NT\\Rpc\r\nEnableAuthEpResolution\r\n"
       "DWORD:1\r\n"},
  };
}

TEST(Registry, EveryFormSaysTheSame) {
  for (const Form& form : forms()) {
    const ReadHost read = read_host(form.bytes);
    EXPECT_THAT(read.complaints(), IsEmpty()) << form.name;
    ASSERT_TRUE(read.host().restrict_remote_clients) << form.name;
    EXPECT_EQ(read.host().restrict_remote_clients->value, RestrictRemoteClients::authenticated)
        << form.name;
    ASSERT_TRUE(read.host().enable_auth_ep_resolution) << form.name;
    EXPECT_TRUE(read.host().enable_auth_ep_resolution->value) << form.name;
  }
}

TEST(Registry, TheFormIsToldByTheContent) {
  const auto dialect = [](std::string_view bytes) {
    return to_string(detect_dialect(bytes, SourceText::decode(bytes)));
  };
  EXPECT_EQ(dialect(utf16(kReg)), "registry file");
  EXPECT_EQ(dialect(ansi(kReg)), "registry file");
  const std::vector<Form> all = forms();
  const char* expected[] = {"registry file",    "registry file",  "registry file",
                            "reg query output", "command script", "security template",
                            "registry.pol",     "LGPO text"};
  for (std::size_t i = 0; i < all.size(); ++i) EXPECT_EQ(dialect(all[i].bytes), expected[i]);
  EXPECT_EQ(dialect("rpc filter\nadd rule layer=um actiontype=block\n"), "netsh script");
  EXPECT_EQ(dialect("netsh rpc filter add rule layer=um actiontype=block\n"), "netsh script");
  EXPECT_EQ(dialect(""), "netsh script");
}

TEST(Registry, PlacesAreThoseOfTheValues) {
  const ReadHost read = read_host(kReg);
  EXPECT_EQ(source_text(read.policy, read.host().restrict_remote_clients->span), "file1:5");
}

TEST(Registry, ReadsStaticPortsAndDynamicRanges) {
  const ReadHost read = read_host(
      "REGEDIT4\n"
      "[HKEY_LOCAL_MACHINE\\SYSTEM\\CurrentControlSet\\Services\\NTDS\\Parameters]\n"
      "\"TCP/IP Port\"=dword:0000c001\n"
      "[HKEY_LOCAL_MACHINE\\SYSTEM\\ControlSet001\\Services\\Netlogon\\Parameters]\n"
      "\"DCTcpipPort\"=dword:0000c002\n"
      "[HKEY_LOCAL_MACHINE\\SYSTEM\\CurrentControlSet\\Services\\NTFRS\\Parameters]\n"
      "\"RPC TCP/IP Port Assignment\"=dword:0000c003\n"
      "[HKEY_LOCAL_MACHINE\\SYSTEM\\CurrentControlSet\\Control\\Print]\n"
      "\"RpcTcpPort\"=dword:0000c004\n"
      "[HKEY_LOCAL_MACHINE\\SOFTWARE\\Classes\\AppID\\{a}]\n"
      "\"Endpoints\"=hex(7):6e,63,61,63,6e,5f,69,70,5f,74,63,70,2c,30,2c,\\\n"
      "  34,39,31,35,37,00,00\n"
      "[HKEY_LOCAL_MACHINE\\SOFTWARE\\Microsoft\\Rpc\\Internet]\n"
      "\"Ports\"=hex(7):35,30,30,31,2d,35,30,32,31,00,00\n"
      "\"PortsInternetAvailable\"=\"Y\"\n"
      "\"UseInternetPorts\"=\"Y\"\n");
  EXPECT_THAT(read.complaints(), IsEmpty());
  std::vector<std::string> ports;
  for (const StaticPort& port : read.host().ports.static_ports) {
    ports.push_back(port.service + ' ' + std::to_string(port.port));
  }
  EXPECT_THAT(ports, ElementsAre("NTDS 49153", "Netlogon 49154", "NTFRS 49155", "Print 49156",
                                 "DCOM {a} 49157"));
  EXPECT_EQ(ports_text(effective_port_ranges(read.host().ports)), "5001-5021");
  EXPECT_EQ(read.message("port-count"), "RPC services are given 5001-5021: 21 ports");
}

TEST(Registry, AMultiStringMayComeFromATemplate) {
  const ReadHost read = read_host(
      "[Registry Values]\n"
      "MACHINE\\SOFTWARE\\Microsoft\\Rpc\\Internet\\Ports=7,5001-5010,5020\n"
      "MACHINE\\SOFTWARE\\Microsoft\\Rpc\\Internet\\PortsInternetAvailable=1,\"Y\"\n"
      "MACHINE\\SOFTWARE\\Microsoft\\Rpc\\Internet\\UseInternetPorts=1,\"Y\"\n");
  EXPECT_THAT(read.complaints(), IsEmpty());
  EXPECT_EQ(ports_text(effective_port_ranges(read.host().ports)), "5001-5010, 5020");
}

struct InternetCase {
  const char* available;
  const char* use;
  const char* effective;
};

// The four combinations of what the listed ports are, and which are used.
TEST(Registry, PortsAreListedOrTheirComplement) {
  constexpr InternetCase kCases[] = {{"Y", "Y", "50000-60000"},
                                     {"Y", "N", "49152-49999, 60001-65535"},
                                     {"N", "Y", "49152-49999, 60001-65535"},
                                     {"N", "N", "50000-60000"}};
  for (const InternetCase& row : kCases) {
    const std::string key = "MACHINE\\SOFTWARE\\Microsoft\\Rpc\\Internet\\";
    const ReadHost read = read_host("[Registry Values]\n" + key + "Ports=7,50000-60000\n" + key +
                                    "PortsInternetAvailable=1,\"" + row.available + "\"\n" + key +
                                    "UseInternetPorts=1,\"" + row.use + "\"\n");
    EXPECT_EQ(ports_text(effective_port_ranges(read.host().ports)), row.effective)
        << row.available << row.use;
  }
}

TEST(Registry, FilesMakeOnePolicyAndContradictionsAreTold) {
  const ReadHost read = read_hosts(
      {std::string(kReg),
       "reg add \"HKLM\\SOFTWARE\\Policies\\Microsoft\\Windows NT\\Rpc\" /v RestrictRemoteClients "
       "/t REG_DWORD /d 2 /f\n"});
  EXPECT_EQ(read.host().restrict_remote_clients->value, RestrictRemoteClients::without_exceptions);
  EXPECT_TRUE(read.host().enable_auth_ep_resolution->value);
  EXPECT_THAT(read.complaints(),
              ElementsAre("warning contradicting-value 1", "warning no-exceptions 1"));
  EXPECT_NE(read.message("contradicting-value").find("file1:5"), std::string::npos);
}

TEST(Registry, WhatIsDeletedIsNotSet) {
  const ReadHost read = read_host(std::string(kReg) +
                                  "\"RestrictRemoteClients\"=-\r\n"
                                  "[-HKEY_LOCAL_MACHINE\\SOFTWARE\\Microsoft\\Rpc\\Internet]\r\n");
  EXPECT_FALSE(read.host().restrict_remote_clients);
  const ReadHost by_command =
      read_hosts({std::string(kReg),
                  "reg delete \"HKLM\\SOFTWARE\\Policies\\Microsoft\\Windows NT\\Rpc\" /va /f\n"});
  EXPECT_FALSE(by_command.host().restrict_remote_clients);
  EXPECT_FALSE(by_command.host().enable_auth_ep_resolution);
  const ReadHost by_policy =
      read_host(kPolHead + pol_entry(kPolKey, "RestrictRemoteClients", 4, {"\1\0\0\0", 4}) +
                pol_entry(kPolKey, "**Del.RestrictRemoteClients", 1, {" \0\0\0", 4}));
  EXPECT_FALSE(by_policy.host().restrict_remote_clients);
}

struct Mistake {
  const char* name;
  std::string text;
  const char* complaint;
};

TEST(Registry, MistakesAreToldWithTheirPlace) {
  const std::string key = "[HKEY_LOCAL_MACHINE\\SOFTWARE\\Policies\\Microsoft\\Windows NT\\Rpc]\n";
  const std::string template_key =
      "[Registry Values]\nMACHINE\\Software\\Policies\\Microsoft\\Windows NT\\Rpc\\";
  const std::vector<Mistake> mistakes = {
      {"too_large", "REGEDIT4\n" + key + "\"RestrictRemoteClients\"=dword:00000003\n",
       "error bad-registry-value 3"},
      {"text_for_a_number", "REGEDIT4\n" + key + "\"RestrictRemoteClients\"=\"1\"\n",
       "error wrong-registry-type 3"},
      {"typo", "REGEDIT4\n" + key + "\"RestrictRemoteClient\"=dword:1\n",
       "warning unknown-registry-value 3"},
      {"no_data", "REGEDIT4\n" + key + "\"RestrictRemoteClients\"=dword:x\n",
       "error bad-registry-data 3"},
      {"no_key", "REGEDIT4\n\"RestrictRemoteClients\"=dword:1\n", "error value-without-key 2"},
      {"no_line", "REGEDIT4\n" + key + "RestrictRemoteClients=1\n", "error bad-registry-line 3"},
      {"wrong_key",
       "REGEDIT4\n[HKEY_LOCAL_MACHINE\\SOFTWARE\\Microsoft\\Rpc]\n"
       "\"RestrictRemoteClients\"=dword:1\n",
       "warning wrong-registry-key 3"},
      {"users_hive",
       "REGEDIT4\n[HKEY_CURRENT_USER\\SOFTWARE\\Policies\\Microsoft\\Windows NT\\Rpc]\n"
       "\"RestrictRemoteClients\"=dword:1\n",
       "warning wrong-registry-key 3"},
      {"template_text", template_key + "RestrictRemoteClients=1,\"1\"\n",
       "error wrong-registry-type 2"},
      {"template_line", template_key + "RestrictRemoteClients\n", "error bad-registry-line 2"},
      {"template_number", template_key + "RestrictRemoteClients=4,high\n",
       "error bad-registry-data 2"},
      {"query_type",
       "HKEY_LOCAL_MACHINE\\SOFTWARE\\Policies\\Microsoft\\Windows NT\\Rpc\n"
       "    RestrictRemoteClients    REG_DWRD    0x1\n",
       "error unknown-registry-type 2"},
      {"lgpo_lines", "Computer\nSoftware\\x\nDWORD:1\n", "error bad-lgpo-entry 3"},
      {"lgpo_action", "Computer\nSoftware\\x\nname\nDWRD:1\n", "error unknown-registry-type 4"},
      {"pol_cut",
       kPolHead + pol_entry(kPolKey, "RestrictRemoteClients", 4, {"\1\0\0\0", 4}).substr(0, 40),
       "error bad-registry-pol 0"},
      {"pol_version", std::string("PReg\2\0\0\0", 8), "error bad-registry-pol 0"},
      {"reg_flag", "reg add HKLM\\x /q\n", "error bad-reg-command 1"},
      {"yes_no",
       "[Registry Values]\nMACHINE\\SOFTWARE\\Microsoft\\Rpc\\Internet\\UseInternetPorts=1,\"X\"\n",
       "error bad-registry-value 2"},
      {"port_text",
       "[Registry Values]\nMACHINE\\SOFTWARE\\Microsoft\\Rpc\\Internet\\Ports=7,5021-5001\n",
       "error bad-port 2"},
  };
  for (const Mistake& mistake : mistakes) {
    const ReadHost read = read_host(mistake.text, false);
    ASSERT_FALSE(read.complaints().empty()) << mistake.name;
    EXPECT_THAT(read.complaints(), testing::Contains(mistake.complaint)) << mistake.name;
  }
}

TEST(Registry, EveryoneIncludesAnonymousChangesWhomWDNames) {
  const std::string reg =
      "REGEDIT4\n[HKEY_LOCAL_MACHINE\\SYSTEM\\CurrentControlSet\\Control\\Lsa]\n"
      "\"EveryoneIncludesAnonymous\"=dword:";
  const std::string filter =
      "add rule um permit\nadd condition remote_user_token equal D:(A;;CC;;;WD)(A;;CC;;;BA)\n"
      "add filter\n";
  for (const int value : {0, 1}) {
    ReadHost read = read_hosts({reg + std::to_string(value) + "\n", filter}, false);
    EXPECT_THAT(read.complaints(), IsEmpty());
    apply_everyone_setting(read.policy);
    const auto& entries =
        std::get<SecurityDescriptor>(read.policy.filters.at(0).conditions.at(0).data).entries;
    EXPECT_EQ(entries.at(0).includes_anonymous, value == 1);
    EXPECT_FALSE(entries.at(1).includes_anonymous);
  }
}

TEST(Registry, ValuesBesideRpcAreNotCalledNothingToDoWithIt) {
  const ReadHost read = read_host(
      "REGEDIT4\n[HKEY_LOCAL_MACHINE\\SYSTEM\\CurrentControlSet\\Control\\Print]\n"
      "\"RpcAuthnLevelPrivacyEnabled\"=dword:1\n\"Other\"=dword:1\n",
      false);
  EXPECT_TRUE(read.says("neighbouring-value"));
  EXPECT_EQ(read.message("ignored-values"), "1 value that does not concern RPC is left out");
}

TEST(Registry, NtlmRestrictionsContradictAuthenticatedLookups) {
  const auto with = [](const char* name, int value) {
    return read_host(std::string(kReg) +
                     "[HKEY_LOCAL_MACHINE\\SYSTEM\\CurrentControlSet\\Control\\Lsa\\MSV1_0]\r\n\"" +
                     name + "\"=dword:" + std::to_string(value) + "\r\n");
  };
  EXPECT_THAT(with("RestrictReceivingNTLMTraffic", 2).complaints(),
              ElementsAre("error ntlm-conflict 6"));
  EXPECT_THAT(with("RestrictSendingNTLMTraffic", 2).complaints(),
              ElementsAre("error ntlm-conflict 6"));
  EXPECT_THAT(with("RestrictReceivingNTLMTraffic", 1).complaints(),
              ElementsAre("warning ntlm-conflict 6"));
  EXPECT_THAT(with("RestrictSendingNTLMTraffic", 1).complaints(), IsEmpty());
}

}  // namespace
}  // namespace rpcaudit::policy
