#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "engine/audit/catalogue/catalogue.h"
#include "engine/audit/catalogue/catalogue_data.h"
#include "engine/audit/report/summary.h"
#include "engine/audit/report/summary_text.h"
#include "engine/audit/sink/text_sink.h"
#include "engine/audit/text/community_id.h"
#include "engine/audit/text/rfc3339.h"
#include "engine/audit/text/text_encoding.h"

namespace rpcaudit::audit {
namespace {

std::string rfc3339(std::int64_t nanoseconds) {
  Rfc3339Writer writer;
  char text[Rfc3339Writer::kSizeMax];
  return {text, writer.write(Timestamp{nanoseconds}, text)};
}

TEST(Rfc3339, WritesNineDigitsInUtc) {
  EXPECT_EQ(rfc3339(0), "1970-01-01T00:00:00.000000000Z");
  EXPECT_EQ(rfc3339(1'795'183'392'123'456'789), "2026-11-20T14:03:12.123456789Z");
  EXPECT_EQ(rfc3339(951'782'400'000'000'001), "2000-02-29T00:00:00.000000001Z");
  EXPECT_EQ(rfc3339(-1), "1969-12-31T23:59:59.999999999Z");
  EXPECT_EQ(rfc3339(INT64_MAX), "2262-04-11T23:47:16.854775807Z");
  EXPECT_EQ(rfc3339(INT64_MIN), "1677-09-21T00:12:43.145224192Z");
}

TEST(Rfc3339, KeepsNothingOfAnotherSecond) {
  Rfc3339Writer writer;
  char text[Rfc3339Writer::kSizeMax];
  for (const std::int64_t second : {5, 6, 5}) {
    const Timestamp time{second * kNanosecondsPerSecond};
    const std::string wanted = "1970-01-01 00:00:0" + std::to_string(second) + ".000";
    EXPECT_EQ(std::string(text, writer.write_short(time, text)), wanted);
    EXPECT_EQ(std::string(text, writer.write(time, text)), rfc3339(time.nanoseconds));
  }
}

std::string between(std::int64_t begin, std::int64_t end) {
  char text[Rfc3339Writer::kSizeMax];
  return {text, write_seconds_between(Timestamp{begin}, Timestamp{end}, text)};
}

TEST(Rfc3339, WritesTheTimeBetween) {
  EXPECT_EQ(between(0, 1'500'000'001), "1.500000001");
  EXPECT_EQ(between(7, 7), "0.000000000");
  EXPECT_EQ(between(10, 0), "-0.000000010");
  EXPECT_EQ(between(INT64_MIN, INT64_MAX), "18446744073.709551615");
}

struct FlowCase {
  const char* name;
  IpProtocol protocol;
  const char* client;
  std::uint16_t client_port;
  const char* server;
  std::uint16_t server_port;
  const char* text;
};

// The baseline vectors of the community-id specification, seed 0.
constexpr FlowCase kFlows[] = {
    {"tcp4", IpProtocol::tcp, "128.232.110.120", 34'855, "66.35.250.204", 80,
     "1:LQU9qZlK+B5F3KDmev6m5PMibrg="},
    {"udp4", IpProtocol::udp, "192.168.1.52", 54'585, "8.8.8.8", 53,
     "1:d/FP5EW3wiY1vCndhwleRRKHowQ="},
};

TEST(CommunityId, HasTheValuesOfTheSpecificationEitherWay) {
  CommunityId id;
  for (const FlowCase& flow : kFlows) {
    const Endpoint client{*parse_ip(flow.client), flow.client_port};
    const Endpoint server{*parse_ip(flow.server), flow.server_port};
    EXPECT_EQ(id.of(client, server, flow.protocol), flow.text) << flow.name;
    EXPECT_EQ(id.of(server, client, flow.protocol), flow.text) << flow.name;
  }
}

TEST(CommunityId, DependsOnEveryPart) {
  CommunityId id;
  const Endpoint a{*parse_ip("fe80::1"), 1};
  const Endpoint b{*parse_ip("fe80::2"), 1};
  const Endpoint other_port{b.address, 2};
  const std::string base(id.of(a, b, IpProtocol::tcp));
  EXPECT_EQ(base.size(), 30u);
  EXPECT_NE(id.of(a, other_port, IpProtocol::tcp), base);
  EXPECT_NE(id.of(a, b, IpProtocol::udp), base);
  EXPECT_EQ(id.of(a, b, IpProtocol::tcp), base);
}

struct EscapeCase {
  std::string_view text;
  std::string_view json;
  std::string_view terminal;
};

constexpr EscapeCase kEscapes[] = {
    {"plain", "plain", "plain"},
    {"", "", ""},
    {"a\"b\\c", "a\\\"b\\\\c", "a\"b\\c"},
    {"\n\r\t", "\\n\\r\\t", "\\x0a\\x0d\\x09"},
    {std::string_view("\0\x1f\x7f", 3), "\\u0000\\u001f\\u007f", "\\x00\\x1f\\x7f"},
    {"m\xc3\xbcller", "m\xc3\xbcller", "m\xc3\xbcller"},
    {"\xf0\x9f\x98\x80", "\xf0\x9f\x98\x80", "\xf0\x9f\x98\x80"},
    {"\xff", "\xef\xbf\xbd", "\\xff"},
    {"\xc3", "\xef\xbf\xbd", "\\xc3"},
    {"\xc0\x80", "\xef\xbf\xbd\xef\xbf\xbd", "\\xc0\\x80"},  // not the shortest
    {"\xed\xa0\x80", "\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd", "\\xed\\xa0\\x80"},  // a surrogate
    {"\xc2\x9b", "\\u009b", "\\u{009b}"},      // CSI in eight bits
    {"\xe2\x80\xae", "\\u202e", "\\u{202e}"},  // turns the text around
    {"\\x1b", "\\\\x1b", "\\x5cx1b"},          // reads as an escape, and is none
    {"\\u{202e}", "\\\\u{202e}", "\\x5cu{202e}"},
    {"\\PIPE\\xact", "\\\\PIPE\\\\xact", "\\PIPE\\x5cxact"},
    {"\\PIPE\\lsass", "\\\\PIPE\\\\lsass", "\\PIPE\\lsass"},
    {"\033[31m", "\\u001b[31m", "\\x1b[31m"},
};

TEST(TextEncoding, MakesTextSafe) {
  for (const EscapeCase& row : kEscapes) {
    std::string json;
    append_json_escaped(json, row.text);
    EXPECT_EQ(json, row.json);
    EXPECT_EQ(terminal_text(row.text), row.terminal);
  }
}

TEST(TextEncoding, NamesFilesSoThatTheyAreFoundAgain) {
  EXPECT_EQ(file_name_text("caf\xc3\xa9\\xff.pcap"), "caf\xc3\xa9\\xff.pcap");
  EXPECT_EQ(file_name_text("caf\xe9.pcap"), "caf\\xe9.pcap");
  EXPECT_EQ(file_name_text("\xe9\\xff"), "\\xe9\\x5cxff");
}

TEST(TextEncoding, KeepsDomainAndUserApart) {
  const auto account = [](std::string_view domain, std::string_view user) {
    std::string text;
    append_account(text, domain, user);
    return text;
  };
  EXPECT_EQ(account("CORP", "alice"), "CORP\\alice");
  EXPECT_EQ(account("", "alice"), "alice");
  EXPECT_EQ(account("CORP", ""), "CORP");
  EXPECT_EQ(account("CORP\\a", "b"), "CORP\\x5ca\\b");
  EXPECT_EQ(account("CORP", "a\\b"), "CORP\\a\\x5cb");
  EXPECT_EQ(account("CORP", "x1bob"), "CORP\\\\x781bob");
  EXPECT_EQ(account("CORP", "xavier"), "CORP\\xavier");
}

TEST(Catalogue, FindsInterfacesAndOperations) {
  const Uuid drsuapi = uuid("e3514235-4b06-11d1-ab04-00c04fc2dcd2");
  EXPECT_EQ(interface_name(drsuapi), "drsuapi");
  EXPECT_EQ(operation_name(drsuapi, 3), "IDL_DRSGetNCChanges");
  EXPECT_EQ(operation_name(drsuapi, 9999), "");
  EXPECT_EQ(operation_alias(*find_interface(drsuapi), 3), "DRSGetNCChanges");
  EXPECT_EQ(operation_alias(*find_interface("samr"), 5), "") << "Zeek has the same name";
  EXPECT_EQ(interface_name(uuid("00112233-4455-6677-8899-aabbccddeeff")), "");
  EXPECT_EQ(operation_name(uuid("00112233-4455-6677-8899-aabbccddeeff"), 0), "");

  const std::optional<CatalogueEntry> entry = find_interface(std::string_view("DRSUAPI"));
  ASSERT_TRUE(entry);
  EXPECT_EQ(interface_uuid(*entry), drsuapi);
  EXPECT_EQ(find_operation(*entry, "idl_drsgetncchanges"), 3);
  EXPECT_EQ(find_operation(*entry, "DRSGetNCChanges"), 3);
  EXPECT_EQ(find_operation(*entry, "nothing"), std::nullopt);
}

// Every row can be found by its own key, and the tables hold what lookups rely on.
TEST(Catalogue, IsSortedAndComplete) {
  const auto interfaces = catalogue_interfaces();
  const auto operations = catalogue_operations();
  EXPECT_GT(interfaces.size(), 1000u);
  for (std::uint32_t i = 0; i < interfaces.size(); ++i) {
    const CatalogueInterface& row = interfaces[i];
    ASSERT_EQ(find_interface(row.uuid), CatalogueEntry{i});
    EXPECT_FALSE(interface_name(CatalogueEntry{i}).empty());
    for (std::uint32_t k = 0; k < row.operation_count; ++k) {
      const std::uint16_t opnum = operations[row.first_operation + k].opnum;
      EXPECT_FALSE(operation_name(CatalogueEntry{i}, opnum).empty());
    }
  }
}

TEST(Texts, NameEndpointsAndOperations) {
  EXPECT_EQ(endpoint_text({*parse_ip("10.77.0.1"), 135}), "10.77.0.1:135");
  EXPECT_EQ(endpoint_text({*parse_ip("fe80::1"), 135}), "[fe80::1]:135");
  EXPECT_EQ(operation_text(uuid("e3514235-4b06-11d1-ab04-00c04fc2dcd2"), 3),
            "drsuapi.IDL_DRSGetNCChanges");
  EXPECT_EQ(operation_text(uuid("e3514235-4b06-11d1-ab04-00c04fc2dcd2"), 999), "drsuapi opnum 999");
  EXPECT_EQ(operation_text(uuid("00112233-4455-6677-8899-aabbccddeeff"), 7),
            "00112233-4455-6677-8899-aabbccddeeff opnum 7");
  EXPECT_EQ(operation_text(std::nullopt, 7), "unknown interface opnum 7");
  EXPECT_EQ(fields_text(evaluate::field_bit(policy::Field::image_name) |
                        evaluate::field_bit(policy::Field::opnum)),
            "image_name, opnum");
}

TEST(Texts, PlacesLeaveOutFoldersUnlessTwoFilesHaveOneName) {
  policy::Policy policy;
  policy.files = {"a/one.txt", "b/two.txt"};
  policy::Filter filter;
  filter.span = {1, 12, 1, 1};
  EXPECT_EQ(place_text(policy, filter), "two.txt:12");
  policy.files = {"a/two.txt", "b/two.txt"};
  EXPECT_EQ(place_text(policy, filter), "b/two.txt:12");
}

TEST(Texts, GroupDigits) {
  EXPECT_EQ(grouped(0), "0");
  EXPECT_EQ(grouped(999), "999");
  EXPECT_EQ(grouped(1000), "1,000");
  EXPECT_EQ(grouped(1'234'567), "1,234,567");
}

}  // namespace
}  // namespace rpcaudit::audit
