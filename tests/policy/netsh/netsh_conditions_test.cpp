// What the data of a condition means, by field and match type.

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/policy/policy_reader.h"

namespace rpcaudit::policy {
namespace {

using testing::ElementsAre;

struct Reading {
  const char* condition;
  const char* meaning;
  std::vector<std::string> codes;
};

const Reading kReadings[] = {
    {"field=if_uuid matchtype=equal data={E3514235-4B06-11D1-AB04-00C04FC2DCD2}",
     "if_uuid=e3514235-4b06-11d1-ab04-00c04fc2dcd2",
     {}},
    {"if_uuid range 11111111-1111-1111-1111-111111111111-22222222-2222-2222-2222-222222222222",
     "if_uuid=11111111-1111-1111-1111-111111111111..22222222-2222-2222-2222-222222222222",
     {}},
    {"if_version equal 1", "if_version=1", {}},
    {"if_version range 1-5", "if_version=1..5", {}},
    {"if_version range 1,5", "if_version=1..5", {}},
    {"if_version range 1 - 5", "if_version=1..5", {}},
    {"if_version range data=1, 5", "if_version=1..5", {}},
    {"if_flag equal 0x0001", "if_flag=0x00000001", {}},
    {"if_flag any_set 0x1", "if_flag any_set 0x00000001", {}},
    {"if_flag equal RPC_FW_IF_FLAG_DCOM", "if_flag=0x00000001", {"symbolic-value"}},
    {"dcom_app_id equal 11111111-1111-1111-1111-111111111111",
     "dcom_app_id=11111111-1111-1111-1111-111111111111",
     {}},
    {"image_name equal simage.exe", "image_name=image.exe", {}},
    {"image_name equal wimage.exe", "image_name=image.exe", {}},
    {"image_name equal lsass.exe", "image_name=lsass.exe", {"missing-marker"}},
    {"image_name equal svchost.exe", "image_name=vchost.exe", {"marker-in-name"}},
    {"image_name equal ssvchost.exe", "image_name=svchost.exe", {}},
    {"protocol equal NCACN_NP", "protocol=ncacn_np", {}},
    {"protocol equal 1", "protocol=ncacn_ip_tcp", {}},
    {"protocol equal ncalrpc", "protocol=ncalrpc", {}},
    {"protocol equal 4", "protocol=ncacn_http", {}},
    {"protocol equal 200", "protocol=200", {}},
    {"auth_type equal 16", "auth_type=16", {}},
    {"auth_type equal RPC_C_AUTHN_WINNT", "auth_type=10", {"symbolic-value"}},
    {"auth_level less 6", "auth_level<6", {}},
    {"auth_level greater 0x2", "auth_level>2", {}},
    {"auth_level Greater or equal 5", "auth_level>=5", {"misspelt-match-type"}},
    {"auth_level matchtype=Less or equal data=5", "auth_level<=5", {"misspelt-match-type"}},
    {"auth_level less-or-equal 5", "auth_level<=5", {"misspelt-match-type"}},
    {"auth_level greaterorequal 5", "auth_level>=5", {"misspelt-match-type"}},
    {"sec_key_size None set 4294967295",
     "sec_key_size none_set 4294967295",
     {"misspelt-match-type"}},
    {"remote_user_token equal D:(A;;CC;;;BA)", "remote_user_token=D:(A;;CC;;;BA)", {}},
    {"remote_user_token equal \"D:(A;;CC;;;BA) (A;;CC;;;AU)\"",
     "remote_user_token=D:(A;;CC;;;BA) (A;;CC;;;AU)",
     {}},
    {"remote_addr_v4 equal 0xC0A80101", "remote_addr_v4=192.168.1.1", {}},
    {"remote_addr_v4 equal 192.168.1.1", "remote_addr_v4=192.168.1.1", {}},
    {"remote_addr_v4 range 10.0.0.0-10.255.255.255", "remote_addr_v4=10.0.0.0..10.255.255.255", {}},
    {"remote-addr-v4 equal 10.0.0.1", "remote_addr_v4=10.0.0.1", {"misspelt-field"}},
    {"local_addr_v6 equal FE80::1", "local_addr_v6=fe80::1", {}},
    {"local_port equal 49152", "local_port=49152", {}},
    {"pipe equal \\PIPE\\winreg", "pipe=\\PIPE\\winreg", {}},
    {"pipe equal \\PIPE\\", "pipe=\\PIPE\\", {}},
    {"opnum equal 0", "opnum=0", {}},
};

TEST(Condition, IsReadByTheTypeOfItsField) {
  for (const Reading& row : kReadings) {
    const ReadPolicy read = read_policy(block_um(row.condition));
    EXPECT_THAT(read.filters(), ElementsAre("block um " + std::string(row.meaning)))
        << row.condition;
    EXPECT_EQ(read.codes(), row.codes) << row.condition;
  }
}

TEST(Condition, KeepsItsTextAndPlace) {
  const ReadPolicy read = read_policy(block_um("field=remote_addr_v4 matchtype=equal data=0xA"));
  ASSERT_EQ(read.policy.filters.size(), 1u);
  const Condition& condition = read.policy.filters[0].conditions[0];
  EXPECT_EQ(condition.text, "0xA");
  EXPECT_EQ(source_text(read.policy, condition.span), "test.txt:2");
  EXPECT_EQ(source_text(read.policy, read.policy.filters[0].span), "test.txt:1");
}

TEST(ProxyConditions, HaveAliasesForTheLengthOfTheKey) {
  for (const char* name : {"client_cert_key_name", "cert_key_length"}) {
    const ReadPolicy read = read_policy("add rule proxy_conn block\nadd condition " +
                                        std::string(name) + " equal 2048\nadd filter\n");
    EXPECT_THAT(read.filters(), ElementsAre("block proxy_conn client_cert_key_length=2048"));
    EXPECT_THAT(read.places(), ElementsAre("2:15 misspelt-field"));
  }
}

TEST(EndpointConditions, TakeAPortWithTheMarkerOfANameOrWithout) {
  for (const char* data : {"3010", "w3010", "s3010", "0xbc2"}) {
    const ReadPolicy read = read_policy(
        "add rule ep_add permit\nadd condition process_with_if_uuid equal "
        "3357951c-a1d1-47db-a278-ab945d063d03\nadd condition protocol equal "
        "ncacn_ip_tcp\nadd condition ep_value equal " +
        std::string(data) + "\nadd filter\n");
    EXPECT_THAT(read.filters(),
                ElementsAre("permit ep_add "
                            "process_with_if_uuid=3357951c-a1d1-47db-a278-ab945d063d03 "
                            "protocol=ncacn_ip_tcp ep_value=3010"));
    EXPECT_THAT(read.codes(), testing::IsEmpty());
  }
}

struct FieldRow {
  const char* name;
  const char* layers;  // u um, e epmap, a ep_add, c proxy_conn, i proxy_if
};

constexpr FieldRow kFields[] = {
    {"remote_user_token", "ue"},
    {"if_uuid", "uei"},
    {"if_version", "uei"},
    {"if_flag", "u"},
    {"dcom_app_id", "u"},
    {"image_name", "u"},
    {"protocol", "uea"},
    {"auth_type", "ue"},
    {"auth_level", "ue"},
    {"sec_encrypt_alg", "ue"},
    {"sec_key_size", "ue"},
    {"local_addr_v4", "ue"},
    {"local_addr_v6", "ue"},
    {"local_port", "ue"},
    {"pipe", "ue"},
    {"remote_addr_v4", "ue"},
    {"remote_addr_v6", "ue"},
    {"opnum", "u"},
    {"process_with_if_uuid", "a"},
    {"ep_value", "a"},
    {"ep_flags", "a"},
    {"client_token", "ci"},
    {"server_name", "ci"},
    {"server_port", "ci"},
    {"proxy_auth_type", "ci"},
    {"client_cert_key_length", "ci"},
    {"client_cert_oid", "ci"},
};

// [semantics] 2.1.
TEST(Field, IsLegalOnTheLayersThatKnowIt) {
  constexpr std::string_view kLayerLetters = "ueaci";
  static_assert(std::size(kFields) == kFieldCount);
  for (std::size_t i = 0; i < kFieldCount; ++i) {
    const auto field = static_cast<Field>(i);
    EXPECT_EQ(to_string(field), kFields[i].name);
    for (std::size_t j = 0; j < kLayerCount; ++j) {
      const bool legal =
          std::string_view(kFields[i].layers).find(kLayerLetters[j]) != std::string_view::npos;
      EXPECT_EQ(legal_on(field, static_cast<Layer>(j)), legal)
          << kFields[i].name << " on " << to_string(static_cast<Layer>(j));
    }
  }
}

// [semantics] 1.3.2.
TEST(MatchType, IsLegalForTheTypesThatCanBeCompared) {
  using enum MatchType;
  for (std::size_t i = 0; i < kMatchTypeCount; ++i) {
    const auto match = static_cast<MatchType>(i);
    const bool is_flags = match == all_set || match == any_set || match == none_set;
    EXPECT_TRUE(legal_for(match, FieldType::uint16));
    EXPECT_TRUE(legal_for(match, FieldType::protocol));
    EXPECT_TRUE(legal_for(match, FieldType::address_v4));
    EXPECT_EQ(legal_for(match, FieldType::uuid), !is_flags);
    EXPECT_EQ(legal_for(match, FieldType::address_v6), !is_flags);
    EXPECT_EQ(legal_for(match, FieldType::blob), !is_flags);
    EXPECT_EQ(legal_for(match, FieldType::security_descriptor), match == equal);
  }
}

}  // namespace
}  // namespace rpcaudit::policy
