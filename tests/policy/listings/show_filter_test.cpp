// The listing of `netsh rpc filter show filter`.

#include "engine/policy/listings/show_filter.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/policy/policy_reader.h"

namespace rpcaudit::policy {
namespace {

// [semantics] 6.1, 6.2, 6.3: as Windows prints it, but for the ids and keys.
TEST(ShowFilter, PrintsTheLayoutOfWindows) {
  ReadPolicy read = read_policy(
      "add rule um block filterkey=312a3989-5b68-40ee-8b98-6f7322d2c557 audit=enable\n"
      "add condition protocol equal ncacn_np\n"
      "add condition if_uuid equal 50abc2a4-574d-40b3-9d66-ee4fd5fba076\n"
      "add filter\n");
  read.policy.filters.at(0).id = 0x144fa;
  EXPECT_EQ(print_show_filter(read.policy),
            "Listing all RPC Filters.\n"
            "---------------------------------\n"
            "filterKey: 312a3989-5b68-40ee-8b98-6f7322d2c557\n"
            "displayData.name: RPCFilter\n"
            "displayData.description: RPC Filter\n"
            "filterId: 0x144fa\n"
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
            "\n");
}

// [semantics] 6.1.
TEST(ShowFilter, PrintsOnlyTheHeaderOfAnEmptyPolicy) {
  EXPECT_EQ(print_show_filter(Policy{}), "Listing all RPC Filters.\n");
}

struct ValueCase {
  const char* rule;
  const char* condition;
  const char* line;
};

// [semantics] 6.2, 6.4.
constexpr ValueCase kValueCases[] = {
    {"um", "if_uuid equal e3514235-4b06-11d1-ab04-00c04fc2dcd2",
     "Type: FWP_BYTE_ARRAY16_TYPE Value: e3514235 11d14b06 c00004ab d2dcc24f"},
    {"um", "if_uuid equal 367abb81-9844-35f1-ad32-98f038001003",
     "Type: FWP_BYTE_ARRAY16_TYPE Value: 367abb81 35f19844 f09832ad 03100038"},
    {"um", "opnum equal 3", "Type: FWP_UINT16 Value: 3"},
    {"um", "pipe equal \\PIPE\\atsvc", "Type: FWP_BYTE_BLOB_TYPE Value: \\PIPE\\atsvc"},
    {"um", "image_name equal simage.exe", "Type: FWP_BYTE_BLOB_TYPE Value: image.exe"},
    {"um", "remote_addr_v4 equal 0xC0A80101", "Type: FWP_UINT32 Value: 3232235777"},
    {"um", "remote_addr_v6 equal fe80::1",
     "Type: FWP_BYTE_ARRAY16_TYPE Value: 000080fe 00000000 00000000 01000000"},
    {"um", "opnum range 3-5", "Type: FWP_RANGE_TYPE Value: 3,5"},
    {"um", "remote_user_token equal D:(A;;CC;;;BA)",
     "Type: FWP_TOKEN_ACCESS_INFORMATION_TYPE Value: D:(A;;CC;;;BA)"},
    {"ep_add", "ep_value equal w3010", "Type: FWP_BYTE_BLOB_TYPE Value: 3010"},
};

TEST(ShowFilter, PrintsValuesByTheirType) {
  for (const ValueCase& row : kValueCases) {
    const ReadPolicy read =
        read_policy("add rule " + std::string(row.rule) + " permit\nadd condition " +
                    row.condition + "\nadd filter\n");
    EXPECT_THAT(print_show_filter(read.policy),
                testing::HasSubstr("        conditionValue: " + std::string(row.line) + "\n"))
        << row.condition;
  }
}

// [semantics] 4.3.4, 4.4.1: sorted as Windows enumerates: audit first, then by weight, newest first
// among equals.
TEST(ShowFilter, ListsInTheOrderOfEvaluation) {
  const ReadPolicy read = read_policy(
      "add rule epmap block\nadd condition if_uuid equal 50abc2a4-574d-40b3-9d66-ee4fd5fba076\n"
      "add condition if_version equal 1\nadd filter\n"
      "add rule um permit\nadd condition opnum equal 1\nadd filter\n"
      "add rule um permit\nadd condition if_uuid equal 50abc2a4-574d-40b3-9d66-ee4fd5fba076\n"
      "add filter\n"
      "add rule um permit\nadd condition opnum equal 2\nadd filter\n"
      "add rule um permit audit=enable\nadd condition opnum equal 2\nadd filter\n");
  std::vector<std::string> ids;
  const std::string listing = print_show_filter(read.policy);
  for (std::size_t at = listing.find("filterId: "); at != std::string::npos;
       at = listing.find("filterId: ", at + 1)) {
    ids.push_back(listing.substr(at + 10, 7));
  }
  EXPECT_THAT(ids, testing::ElementsAre("0x10004", "0x10002", "0x10003", "0x10001", "0x10000"));
}

}  // namespace
}  // namespace rpcaudit::policy
