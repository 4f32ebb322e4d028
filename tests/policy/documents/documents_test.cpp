// The forms in which tools other than netsh hold policies: XML, YAML, JSON, MOF, and scripts of
// `netsh ipsec`.

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "engine/policy/netsh/printer.h"
#include "tests/policy/host/host_reader.h"

namespace rpcaudit::policy {
namespace {

using test::read_host;
using testing::Contains;
using testing::ElementsAre;
using testing::IsEmpty;

struct Form {
  const char* about;
  Dialect dialect;
  std::string text;
  std::vector<std::string> complaints;
};

Dialect dialect_of(std::string_view text) { return detect_dialect(text, SourceText::decode(text)); }

TEST(Forms, OfRestrictRemoteClientsAreTakenForWhatTheyAre) {
  const std::string key = "SOFTWARE\\Policies\\Microsoft\\Windows NT\\Rpc";
  const Form kForms[] = {
      {"Policy Analyzer",
       Dialect::xml,
       "<?xml version=\"1.0\"?>\n<PolicyRules><ComputerConfig><Key>" + key +
           "</Key><Value>RestrictRemoteClients</Value><RegType>REG_DWORD</RegType>"
           "<RegData>1</RegData></ComputerConfig></PolicyRules>\n",
       {}},
      {"a report's policy",
       Dialect::xml,
       "<?xml version=\"1.0\"?>\n<GPO xmlns:q1=\"x\"><q1:Policy><q1:Name>Restrict Unauthenticated "
       "RPC clients</q1:Name><q1:State>Enabled</q1:State><q1:DropDownList><q1:Value>"
       "<q1:Name>Authenticated</q1:Name></q1:Value></q1:DropDownList></q1:Policy></GPO>\n",
       {}},
      {"a report's registry setting",
       Dialect::xml,
       "<GPO><RegistrySetting><KeyPath>" + key +
           "</KeyPath><Value><Name>RestrictRemoteClients</Name><Number>1</Number></Value>"
           "</RegistrySetting></GPO>\n",
       {}},
      {"a preference",
       Dialect::xml,
       "<?xml version=\"1.0\"?>\n<RegistrySettings clsid=\"x\"><Registry><Properties action=\"U\" "
       "hive=\"HKEY_LOCAL_MACHINE\" key=\"" +
           key +
           "\" name=\"RestrictRemoteClients\" type=\"REG_DWORD\" value=\"00000001\"/>"
           "</Registry></RegistrySettings>\n",
       {}},
      {"Ansible",
       Dialect::setting_pairs,
       "- name: Restrict clients\n  win_regedit:\n    path: HKLM:\\" + key +
           "\n    name: RestrictRemoteClients\n    data: 1\n    type: dword\n",
       {}},
      {"Ansible, a list",
       Dialect::setting_pairs,
       "items:\n  - name: RestrictRemoteClients\n    path: 'HKLM:\\" + key +
           "'\n    data: 1\n    type: dword\n",
       {}},
      {"DSC",
       Dialect::setting_pairs,
       "Registry Rpc {\n  Key = \"HKEY_LOCAL_MACHINE\\" + key +
           "\"\n  ValueName = \"RestrictRemoteClients\"\n  ValueData = \"1\"\n"
           "  ValueType = \"Dword\"\n}\n",
       {}},
      {"DSC in YAML",
       Dialect::setting_pairs,
       "properties:\n  keyPath: HKLM\\" + key +
           "\n  valueName: RestrictRemoteClients\n  valueData:\n    DWord: 1\n  valueType: DWord\n",
       {}},
      {"SyncML",
       Dialect::device_policy,
       "<LocURI>./Device/Vendor/MSFT/Policy/Config/RemoteProcedureCall/"
       "RestrictUnauthenticatedRPCClients</LocURI>\n<Data>&lt;enabled/&gt;&lt;data "
       "id=\"RpcRestrictRemoteClientsList\" value=\"1\"/&gt;</Data>\n",
       {}},
      {"Intune's export",
       Dialect::device_policy,
       "{\"omaUri\": \"./Device/x/RestrictUnauthenticatedRPCClients\", \"value\": "
       "\"\\u003cenabled/\\u003e\\u003cdata id=\\\"x\\\" value=\\\"1\\\"/\\u003e\"}\n",
       {}},
      {"no type is a text, which Windows ignores",
       Dialect::setting_pairs,
       "- win_regedit:\n    path: HKLM:\\" + key +
           "\n    name: RestrictRemoteClients\n    data: 1\n",
       {"error wrong-registry-type 4"}},
  };
  for (const Form& form : kForms) {
    EXPECT_EQ(dialect_of(form.text), form.dialect) << form.about;
    const test::ReadHost read = read_host(form.text, false);
    EXPECT_EQ(read.complaints(), form.complaints) << form.about;
    if (!form.complaints.empty()) continue;
    ASSERT_TRUE(read.host().restrict_remote_clients) << form.about;
    EXPECT_EQ(read.host().restrict_remote_clients->value, RestrictRemoteClients::authenticated)
        << form.about;
    EXPECT_NE(read.host().restrict_remote_clients->span.line, 0u) << form.about;
  }
}

TEST(Forms, ThatTakeASettingAwayTakeItAway) {
  const std::string set =
      "REGEDIT4\n[HKEY_LOCAL_MACHINE\\SOFTWARE\\Policies\\Microsoft\\Windows NT\\Rpc]\n"
      "\"RestrictRemoteClients\"=dword:1\n";
  for (const std::string& away :
       {std::string(
            "- win_regedit:\n    path: HKLM:\\SOFTWARE\\Policies\\Microsoft\\Windows NT\\Rpc\n"
            "    name: RestrictRemoteClients\n    state: absent\n"),
        std::string("<LocURI>RestrictUnauthenticatedRPCClients</LocURI><Data><disabled/></Data>\n"),
        std::string("<PolicyRules><ComputerConfig><Key>SOFTWARE\\Policies\\Microsoft\\Windows "
                    "NT\\Rpc</Key><Value>**del.RestrictRemoteClients</Value></ComputerConfig>"
                    "</PolicyRules>\n")}) {
    EXPECT_FALSE(test::read_hosts({set, away}, false).host().restrict_remote_clients) << away;
  }
}

constexpr std::string_view kItem =
    "<item><filterKey>{11111111-2222-3333-4444-555555555555}</filterKey>"
    "<flags><item>FWPM_FILTER_FLAG_PERSISTENT</item>@F</flags>"
    "<layerKey>FWPM_LAYER_RPC_UM</layerKey><filterCondition><item>"
    "<fieldKey>FWPM_CONDITION_RPC_OPNUM</fieldKey><matchType>FWP_MATCH_EQUAL</matchType>"
    "<conditionValue><type>FWP_UINT16</type><uint16>@V</uint16></conditionValue></item>"
    "</filterCondition><action><type>@A</type></action><filterId>7</filterId></item>";

std::string wfp(std::string_view flags, std::string_view value, std::string_view action) {
  std::string text(kItem);
  for (const auto& [word, by] : {std::pair<std::string_view, std::string_view>("@F", flags),
                                 {"@V", value},
                                 {"@A", action}}) {
    text.replace(text.find(word), word.size(), by);
  }
  return "<?xml version=\"1.0\"?>\n<wfpdiag><filters>" + text + "</filters></wfpdiag>\n";
}

TEST(WfpFilters, AreFiltersOfTheirLayer) {
  const test::ReadHost read = read_host(wfp("", "3", "FWP_ACTION_BLOCK"), false);
  EXPECT_THAT(read.complaints(), IsEmpty());
  ASSERT_EQ(read.policy.filters.size(), 1u);
  EXPECT_EQ(describe(read.policy.filters[0]), "block um opnum=3");
  EXPECT_TRUE(read.policy.filters[0].persistent && read.policy.filters[0].by_api);
}

TEST(WfpFilters, ThatSayMoreThanOursDoAreTold) {
  EXPECT_THAT(
      read_host(wfp("<item>FWPM_FILTER_FLAG_CLEAR_ACTION_RIGHT</item>", "3", "FWP_ACTION_PERMIT"),
                false)
          .complaints(),
      ElementsAre("warning hard-decision 2"));
  EXPECT_THAT(read_host(wfp("", "x", "FWP_ACTION_BLOCK"), false).complaints(),
              ElementsAre("warning value-not-listed 2"));
  EXPECT_THAT(read_host(wfp("", "3", "FWP_ACTION_CALLOUT_TERMINATING"), false).complaints(),
              Contains("warning unknown-action 2"));
  EXPECT_THAT(
      read_host(wfp("<item>FWPM_FILTER_FLAG_DISABLED</item>", "3", "FWP_ACTION_BLOCK"), false)
          .complaints(),
      ElementsAre("warning filter-disabled 2"));
  EXPECT_THAT(read_host("<wfpdiag><filters>\n<item></filters>\n", false).complaints(),
              Contains(testing::StartsWith("error bad-xml")));
}

constexpr const char* kIpsec =
    "netsh ipsec static add policy name=soft\n"
    "netsh ipsec static add filter filterlist=\"List 1\" srcaddr=any dstaddr=me dstport=135 "
    "protocol=TCP\n"
    "netsh ipsec static add filteraction name=Block action=block\n"
    "netsh ipsec static add rule name=r policy=soft filterlist=\"List 1\" filteraction=Block\n";

TEST(NetshIpsec, MakesPoliciesOfListsAndActions) {
  const test::ReadHost read =
      read_host(std::string(kIpsec) + "netsh ipsec static set policy name=soft assign=y\n", false);
  EXPECT_THAT(read.complaints(), IsEmpty());
  const IpsecSettings& ipsec = read.host().ipsec;
  ASSERT_EQ(ipsec.policies.size(), 1u);
  EXPECT_TRUE(ipsec.policies[0].assigned);
  ASSERT_EQ(ipsec.policies[0].rules.size(), 1u);
  const IpsecRule& rule = ipsec.policies[0].rules[0];
  EXPECT_EQ(rule.action, IpsecAction::block);
  ASSERT_EQ(rule.filters.size(), 1u);
  EXPECT_TRUE(rule.filters[0].destination.is_me && rule.filters[0].mirrored);
  EXPECT_EQ(rule.filters[0].destination.port, 135);
  EXPECT_EQ(rule.filters[0].protocol, 6);
}

TEST(NetshIpsec, TagsMayStandApartFromTheirValues) {
  for (const std::string_view equals : {" = ", "= ", " ="}) {
    std::string text;
    for (const char c :
         std::string(kIpsec) + "netsh ipsec static set policy name=soft assign=y\n") {
      c == '=' ? text.append(equals) : text.append(1, c);
    }
    const test::ReadHost read = read_host(text, false);
    EXPECT_THAT(read.complaints(), IsEmpty()) << text;
    const std::vector<IpsecPolicy>& policies = read.host().ipsec.policies;
    ASSERT_EQ(policies.size(), 1u) << text;
    EXPECT_TRUE(policies[0].assigned && policies[0].rules.size() == 1) << text;
  }
}

TEST(NetshIpsec, TellsWhatItDoesNotFollow) {
  const std::string start = kIpsec;
  const struct {
    std::string text;
    const char* complaint;
  } kScripts[] = {
      {start + "netsh ipsec static set policy name=other assign=y\n",
       "warning unknown-ipsec-policy 5"},
      {start +
           "netsh ipsec static add rule name=q policy=soft filterlist=None filteraction=Block\n",
       "warning no-ipsec-filter 5"},
      {start + "netsh ipsec static add filter filterlist=a srcaddr=dc1.corp.example dstaddr=me\n",
       "error bad-ipsec-filter 5"},
      {start + "netsh ipsec static importpolicy file=x.ipsec\n", "warning file-not-read 5"},
      {start + "netsh ipsec static set store location=domain\n", "warning ipsec-command-ignored 5"},
  };
  for (const auto& script : kScripts) {
    EXPECT_THAT(read_host(script.text, false).complaints(), Contains(script.complaint))
        << script.text;
  }
  EXPECT_THAT(read_host(start + "netsh ipsec static delete all\n", false).host().ipsec.policies,
              IsEmpty());
}

TEST(Transcript, OfCommandsAndTheirListingIsTheListing) {
  const test::ReadHost read = read_host(
      "netsh rpc filter>add filter\nFilterKey: 52e32d3e-3b42-437b-b18b-0e0a1d1a7fe2\nOk.\n\n"
      "netsh rpc filter>show filter\nListing all RPC Filters.\n---------------------------------\n"
      "filterKey: 52e32d3e-3b42-437b-b18b-0e0a1d1a7fe2\nlayerKey: um\naction.type: block\n"
      "numFilterConditions: 1\nfilterCondition[0]\n\tfieldKey: opnum\n\tmatchType: "
      "FWP_MATCH_EQUAL\n\tconditionValue: Type: FWP_UINT16 Value: 3\n",
      false);
  EXPECT_THAT(read.complaints(), IsEmpty());
  EXPECT_EQ(read.policy.filters.size(), 1u);
}

}  // namespace
}  // namespace rpcaudit::policy
