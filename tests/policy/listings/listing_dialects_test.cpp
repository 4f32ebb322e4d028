// Policies that come as listings of a running system, and as the configuration of RPC Firewall.

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "engine/policy/listings/show_filter.h"
#include "engine/policy/policy_text.h"
#include "tests/policy/policy_reader.h"

namespace rpcaudit::policy {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;

ReadPolicy read_text(std::string_view text) {
  ReadPolicy result;
  read_policy(text, "test.txt", result.policy, result.diagnostics);
  return result;
}

constexpr std::string_view kListing =
    "netsh rpc filter>show filter\r\n"
    "Listing all RPC Filters.\r\n"
    "---------------------------------\r\n"
    "filterKey: 312a3989-5b68-40ee-8b98-6f7322d2c557\r\n"
    "displayData.name: RPCFilter\r\n"
    "displayData.description: RPC Filter\r\n"
    "filterId: 0x144fa\r\n"
    "layerKey: um\r\n"
    "weight: Type: FWP_EMPTY Value: Empty\r\n"
    "action.type: block\r\n"
    "Audit: Enable\r\n"
    "numFilterConditions: 2\r\n"
    "\r\n"
    "filterCondition[0]\r\n"
    "        fieldKey: protocol\r\n"
    "        matchType: FWP_MATCH_EQUAL\r\n"
    "        conditionValue: Type: FWP_UINT8 Value: 2\r\n"
    "\r\n"
    "filterCondition[1]\r\n"
    "        fieldKey: if_uuid\r\n"
    "        matchType: FWP_MATCH_EQUAL\r\n"
    "        conditionValue: Type: FWP_BYTE_ARRAY16_TYPE Value: "
    "50abc2a4 40b3574d 4fee669d 76a0fbd5\r\n"
    "\r\n";

// [semantics] 6.2, 6.3, 6.6, 6.7.
TEST(ListingReader, ReadsWhatWindowsPrints) {
  const ReadPolicy read = read_text(kListing);
  EXPECT_THAT(read.filters(), ElementsAre("block um protocol=ncacn_np "
                                          "if_uuid=50abc2a4-574d-40b3-9d66-ee4fd5fba076 audit"));
  ASSERT_EQ(read.policy.filters.size(), 1u);
  const Filter& filter = read.policy.filters[0];
  EXPECT_EQ(filter.key, uuid("312a3989-5b68-40ee-8b98-6f7322d2c557"));
  EXPECT_EQ(filter.id, 0x144fau);
  EXPECT_FALSE(filter.weight.has_value());
  EXPECT_THAT(read.places(), ElementsAre("0:0 listing-loses"));
}

TEST(ListingReader, PrintsAgainWhatItRead) {
  std::string text(kListing.substr(kListing.find("Listing")));
  std::erase(text, '\r');
  EXPECT_EQ(print_show_filter(read_text(text).policy), text);
}

// [semantics] 6.5: as a book prints it: fewer dashes, a blank line before the number of conditions,
// none after.
TEST(ListingReader, ToleratesOtherLayouts) {
  const ReadPolicy read = read_text(
      "Listing all RPC Filters.\n-----------------------------\n"
      "filterKey: 6a377823-cff4-11ec-967c-000c29760114\ndisplayData.name: RPCFilter\n"
      "displayData.description: RPC Filter\nfilterId: 0x12794\nlayerKey: um\n"
      "weight: Type: FWP_EMPTY Value: Empty\naction.type: block\n\nnumFilterConditions: 1\n"
      "filterCondition[0]\n        fieldKey: if_uuid\n        matchType: FWP_MATCH_EQUAL\n"
      "        conditionValue: Type: FWP_BYTE_ARRAY16_TYPE Value: "
      "e3514235 11d14b06 c00004ab d2dcc24f\n");
  EXPECT_THAT(read.filters(), ElementsAre("block um if_uuid=e3514235-4b06-11d1-ab04-00c04fc2dcd2"));
}

std::string listed(std::string_view id, std::string_view condition) {
  return "Listing all RPC Filters.\nfilterKey: 312a3989-5b68-40ee-8b98-0000000" + std::string(id) +
         "\ndisplayData.name: x\nfilterId: 0x" + std::string(id) +
         "\nlayerKey: um\naction.type: permit\nfilterCondition[0]\n" + std::string(condition);
}

std::string one_condition(std::string_view field, std::string_view match, std::string_view value) {
  return "fieldKey: " + std::string(field) + "\nmatchType: " + std::string(match) +
         "\nconditionValue: Type: FWP_X Value: " + std::string(value) + "\n";
}

// [semantics] 6.7: listings have the newest filter first; ids say which it is.
TEST(ListingReader, PutsFiltersIntoTheOrderOfTheirIds) {
  const std::string opnum = one_condition("opnum", "FWP_MATCH_EQUAL", "7");
  const ReadPolicy read =
      read_text(listed("00009", opnum) + listed("00007", opnum) + listed("00008", opnum));
  ASSERT_EQ(read.policy.filters.size(), 3u);
  EXPECT_EQ(read.policy.filters[0].id, 7u);
  EXPECT_EQ(read.policy.filters[2].id, 9u);
  EXPECT_EQ(read.policy.filters[0].name, "x");
}

struct ValueCase {
  const char* field;
  const char* match;
  const char* value;
  const char* condition;
};

constexpr ValueCase kValueCases[] = {
    {"opnum", "FWP_MATCH_GREATER", "3", "opnum>3"},
    {"opnum", "FWP_MATCH_RANGE", "3,5", "opnum=3..5"},
    {"if_flag", "FWP_MATCH_FLAGS_ANY_SET", "0x1", "if_flag any_set 0x00000001"},
    {"remote_addr_v4", "FWP_MATCH_EQUAL", "3232235777", "remote_addr_v4=192.168.1.1"},
    {"remote_addr_v6", "FWP_MATCH_EQUAL", "000080fe 00000000 00000000 01000000",
     "remote_addr_v6=fe80::1"},
    {"pipe", "FWP_MATCH_EQUAL", "\\PIPE\\atsvc", "pipe=\\PIPE\\atsvc"},
    {"image_name", "FWP_MATCH_EQUAL", "svchost.exe", "image_name=svchost.exe"},
    {"remote_user_token", "FWP_MATCH_EQUAL", "D:(A;;CC;;;BA)", "remote_user_token=D:(A;;CC;;;BA)"},
};

TEST(ListingReader, ReadsValuesByTheFieldsType) {
  for (const ValueCase& row : kValueCases) {
    const ReadPolicy read =
        read_text(listed("00009", one_condition(row.field, row.match, row.value)));
    EXPECT_THAT(read.filters(), ElementsAre("permit um " + std::string(row.condition)));
  }
}

struct LostCase {
  const char* field;
  const char* match;
  const char* value;
  const char* code;
};

// What the listing does not tell stays a condition, one that is never known to hold.
constexpr LostCase kLostCases[] = {
    {"remote_user_token", "FWP_MATCH_EQUAL", "s", "descriptor-not-listed"},
    {"remote_user_token", "FWP_MATCH_NOT_EQUAL", "s", "descriptor-not-listed"},
    {"if_uuid", "FWP_MATCH_NOT_EQUAL", "50abc2a4 40b3574d 4fee669d 76a0fbd5",
     "match-type-not-known"},
    {"if_uuid", "FWP_MATCH_EQUAL", "50abc2a4 40b3574d", "value-not-listed"},
    {"opnum", "FWP_MATCH_EQUAL", "65536", "value-not-listed"},
    {"opnum", "FWP_MATCH_RANGE", "5", "value-not-listed"},
    {"opnum", "FWP_MATCH_RANGE", "5,3", "value-not-listed"},
};

// [semantics] 3.4.4.
TEST(ListingReader, KeepsConditionsThatTheListingDoesNotTell) {
  for (const LostCase& row : kLostCases) {
    const ReadPolicy read =
        read_text(listed("00009", one_condition(row.field, row.match, row.value)));
    EXPECT_THAT(read.filters(), ElementsAre("permit um " + std::string(row.field) + " (not told)"));
    EXPECT_THAT(read.codes(), ElementsAre("listing-loses", row.code)) << row.value;
    EXPECT_EQ(print_netsh_script(read.policy), "rpc filter\n\n# not known in full: permit um " +
                                                   std::string(row.field) + " (not told)\n");
  }
}

struct BrokenCase {
  const char* name;
  std::string listing;
  const char* place;
};

const BrokenCase kBrokenCases[] = {
    {"unknown_field", listed("00009", one_condition("color", "FWP_MATCH_EQUAL", "1")),
     "8:11 unknown-field"},
    {"field_of_another_layer", listed("00009", one_condition("ep_value", "FWP_MATCH_EQUAL", "1")),
     "10:17 field-not-on-layer"},
    {"no_field", listed("00009", "matchType: FWP_MATCH_EQUAL\n"), "7:1 incomplete-listing"},
    {"no_action",
     "Listing all RPC Filters.\nfilterKey: 312a3989-5b68-40ee-8b98-6f7322d2c557\n"
     "layerKey: um\n",
     "2:1 incomplete-listing"},
    {"cut",
     "Listing all RPC Filters.\nfilterKey: 312a3989-5b68-40ee-8b98-6f7322d2c557\n"
     "layerKey: um\naction.type: block\nnumFilterConditions: 1\n",
     "2:1 incomplete-listing"},
    {"bad_key", "Listing all RPC Filters.\nfilterKey: all\nlayerKey: um\naction.type: block\n",
     "2:12 bad-uuid"},
};

TEST(ListingReader, LeavesOutWhatItCannotUnderstand) {
  for (const BrokenCase& row : kBrokenCases) {
    const ReadPolicy read = read_text(row.listing);
    EXPECT_THAT(read.filters(), IsEmpty()) << row.name;
    EXPECT_THAT(read.places(), testing::Contains(row.place)) << row.name;
  }
}

// FWPM_FILTER0: a number is the weight itself, one of 8 bits its four highest.
// [semantics] 4.3.3.
TEST(ListingReader, TakesWeightsThatAreGiven) {
  const std::string condition = one_condition("pipe", "FWP_MATCH_EQUAL", "\\PIPE\\a");
  const ReadPolicy whole =
      read_text(listed("00009", condition) + "weight: Type: FWP_UINT64 Value: 0xffff\n");
  EXPECT_EQ(whole.policy.filters.at(0).weight, 0xffffu);
  const ReadPolicy high =
      read_text(listed("00009", condition) + "weight: Type: FWP_UINT8 Value: 3\n");
  EXPECT_EQ(high.policy.filters.at(0).weight, 0x3000'0000'0000'2000u);
}

// The sample of the module's own page.
constexpr std::string_view kDsInternals =
    "Name: DCSync-Allow-DC02\nDescription: RPC Filter\n"
    "FilterId: 99321, FilterKey: 745889a1-207c-4ea0-8207-e97a8ad45b41, ProviderKey: N/A\n"
    "Action: Permit\nAudit: False, Persistent: True, BootTimeEnforced: False, Disabled: False\n"
    "EffectiveWeight: 0x7e0000000001007, Weight: N/A\nConditions:\n"
    "  Protocol = MS-DRSR\n  Operation = IDL_DRSGetNCChanges (3)\n"
    "  RemoteAddress = 10.0.0.2/32\n\n"
    "Name: DCSync-Block-Default\nDescription: RPC Filter\n"
    "FilterId: 99320, FilterKey: 5c9a49fd-706c-423d-bddf-75afbb2eb051, ProviderKey: N/A\n"
    "Action: Block\nAudit: True, Persistent: False, BootTimeEnforced: False, Disabled: False\n"
    "EffectiveWeight: 0x7e0000000000007, Weight: N/A\nConditions:\n"
    "  Protocol = MS-DRSR\n  Operation = IDL_DRSGetNCChanges (3)\n\n";

TEST(DsInternalsListing, ReadsTheModulesOwnView) {
  const ReadPolicy read = read_text(kDsInternals);
  EXPECT_THAT(read.filters(),
              ElementsAre("block um if_uuid=e3514235-4b06-11d1-ab04-00c04fc2dcd2 opnum=3 audit",
                          "permit um if_uuid=e3514235-4b06-11d1-ab04-00c04fc2dcd2 opnum=3 "
                          "remote_addr_v4=10.0.0.2"));
  EXPECT_THAT(read.codes(), IsEmpty());
  const Filter& permit = read.policy.filters.at(1);
  EXPECT_EQ(permit.name, "DCSync-Allow-DC02");
  EXPECT_EQ(permit.id, 99321u);
  EXPECT_EQ(permit.weight, 0x7e0000000001007u);
  EXPECT_TRUE(permit.persistent);
  EXPECT_TRUE(permit.conditions[2].in_network_order);
  EXPECT_FALSE(read.policy.filters[0].persistent);
}

TEST(DsInternalsListing, ReadsFormatList) {
  const ReadPolicy read = read_text(
      "Name                : a: b, c\nFilterKey           : 5c9a49fd-706c-423d-bddf-75afbb2eb051\n"
      "FilterId            : 5\nProviderKey         :\nDisabled            : False\n"
      "Action              : Block\nAudit               : False\nBootTimeEnforced    : False\n"
      "Protocol            : 12345778-1234-abcd-ef00-0123456789ac\nOperation           : 13\n"
      "Transport           : ncacn_np\nLocalPort           :\n"
      "NamedPipe           : \\PIPE\\samr\nSecurityDescriptor  : D:(A;;CC;;;BA)\n"
      "RemoteAddress       : fe80::/10\nAuthenticationLevel : PacketPrivacy\n"
      "AuthenticationType  : Kerberos\nImageName           : svchost.exe\n"
      "DcomAppId           : 10000000-0000-0000-0000-000000000002\n");
  EXPECT_THAT(read.filters(),
              ElementsAre("block um if_uuid=12345778-1234-abcd-ef00-0123456789ac opnum=13 "
                          "protocol=ncacn_np pipe=\\PIPE\\samr remote_user_token=D:(A;;CC;;;BA) "
                          "remote_addr_v6=fe80::..febf:ffff:ffff:ffff:ffff:ffff:ffff:ffff "
                          "auth_level=6 auth_type=16 image_name=svchost.exe "
                          "dcom_app_id=10000000-0000-0000-0000-000000000002"));
  EXPECT_EQ(read.policy.filters.at(0).name, "a: b, c");
  EXPECT_THAT(read.codes(), IsEmpty());
}

TEST(DsInternalsListing, SaysWhatItCannotTell) {
  const ReadPolicy read = read_text(
      "Name: a\nAction: Block\nAudit: False, Persistent: True, BootTimeEnforced: False\n"
      "Protocol = MS-NEW\nColor = red\n"
      "Name: b\nAction: Block\nDisabled: True\nName: c\nAction: Jump\nName: d\n");
  EXPECT_THAT(read.filters(), ElementsAre("block um if_uuid (not told)"));
  EXPECT_THAT(read.places(),
              ElementsAre("4:12 value-not-listed", "5:1 not-a-listing", "6:1 filter-disabled",
                          "10:9 unknown-action", "11:1 incomplete-listing"));
}

// The documented example, with addresses put in.
TEST(RpcFirewallConf, TakesTheFirstLineThatMatches) {
  const ReadPolicy read = read_text(
      "DCSync protection:\n-------------------\n"
      "fw:uuid:e3514235-4b06-11d1-ab04-00c04fc2dcd2 addr:10.0.0.1 opnum:3 action:allow\n"
      "fw:uuid:E3514235-4B06-11D1-AB04-00C04FC2DCD2 opnum:3 action:block audit:true\n"
      "fw:action:allow verbose:true\n");
  EXPECT_THAT(read.filters(),
              ElementsAre("permit um if_uuid=e3514235-4b06-11d1-ab04-00c04fc2dcd2 "
                          "remote_addr_v4=10.0.0.1 opnum=3",
                          "block um if_uuid=e3514235-4b06-11d1-ab04-00c04fc2dcd2 opnum=3",
                          "permit um (every call)"));
  EXPECT_THAT(read.codes(), IsEmpty());
  for (std::size_t i = 0; i < 3; ++i) {
    EXPECT_EQ(read.policy.filters[i].enforcer, Enforcer::rpc_firewall);
    EXPECT_EQ(read.policy.filters[i].weight, 0x00ff'ffffu - i);
  }
}

TEST(RpcFirewallConf, MakesFiltersOfWindowsOfFltLines) {
  const ReadPolicy read = read_text(
      "flt:action:block audit:true sid:BA uuid:12345778-1234-abcd-ef00-0123456789ac\n"
      "flt:action:allow addr:10.0.0.0/8 prot:ncacn_ip_tcp\n"
      "flt:uuid:12345778-1234-abcd-ef00-0123456789ac opnum:3 action:block\n");
  EXPECT_THAT(read.filters(), ElementsAre("block um remote_user_token=D:(A;;CC;;;BA) "
                                          "if_uuid=12345778-1234-abcd-ef00-0123456789ac audit",
                                          "permit um remote_addr_v4=10.0.0.0..10.255.255.255 "
                                          "protocol=ncacn_ip_tcp",
                                          "block um if_uuid=12345778-1234-abcd-ef00-0123456789ac"));
  EXPECT_THAT(read.places(), ElementsAre("3:53 opnum-in-filter"));
  EXPECT_EQ(read.policy.filters[0].enforcer, Enforcer::windows);
  EXPECT_TRUE(read.policy.filters[1].conditions[0].in_network_order);
}

struct ConfCase {
  const char* line;
  const char* place;
};

constexpr ConfCase kConfErrors[] = {
    {"fw:uuid:12345778 action:block", "1:9 bad-uuid"},
    {"fw:opnum:many action:block", "1:10 bad-number"},
    {"fw:addr:<dc_addr1> action:allow", "1:4 unreplaced-variable"},
    {"fw:addr:10.0.0.0/33 action:allow", "1:9 bad-address"},
    {"fw:prot:ncacn_tcp action:allow", "1:9 unknown-protocol"},
    {"fw:sid:NOBODY action:allow", "1:8 bad-sddl"},
    {"fw:action:deny", "1:11 unknown-action"},
    {"fw:actoin:block", "1:4 unknown-tag"},
    {"fw:uuid: action:block", "1:4 missing-value"},
    {"fw:action:block action:allow", "1:17 repeated-tag"},
};

TEST(RpcFirewallConf, ErrorsNameTheirPlace) {
  for (const ConfCase& row : kConfErrors) {
    const ReadPolicy read = read_text(row.line);
    EXPECT_THAT(read.places(), ElementsAre(row.place)) << row.line;
    EXPECT_THAT(read.filters(), IsEmpty()) << row.line;
  }
}

TEST(RpcFirewallConf, WarnsOfAFilterWithoutConditions) {
  EXPECT_THAT(read_text("flt:action:block\n").codes(), ElementsAre("catch-all"));
  EXPECT_THAT(read_text("fw:action:block\n").codes(), IsEmpty());
}

TEST(Dialects, AreRecognisedByWhatTheFileHolds) {
  const auto dialect = [](std::string_view text) {
    return detect_dialect(text, SourceText::decode(text));
  };
  EXPECT_EQ(dialect(kListing), Dialect::show_filter);
  EXPECT_EQ(dialect(kDsInternals), Dialect::dsinternals);
  EXPECT_EQ(dialect("Title\n\nflt:action:block\n"), Dialect::rpc_firewall);
  EXPECT_EQ(dialect("rpc filter\nadd rule um block\n"), Dialect::netsh_script);
}

}  // namespace
}  // namespace rpcaudit::policy
