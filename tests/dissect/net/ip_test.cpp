#include "dissect/net/ip.h"

#include <gtest/gtest.h>

#include "tests/dissect/net/packet_text.h"

namespace rpcaudit::dissect {
namespace {

using test::ipv4;
using test::ipv6;
using test::tcp;

struct IpCase {
  std::string name;
  std::string packet;
  DecodeStatus status;
  unsigned protocol = 6;
  std::size_t payload_length = 23;
};

void PrintTo(const IpCase& test, std::ostream* out) { *out << test.name; }

// Extension headers: the next protocol, the size in eight bytes beyond the first, six bytes.
std::string extension(unsigned next) { return test::number(next, 2) + "00 0102 0000 0000"; }

std::string many_extensions(int count) {
  std::string text;
  for (int i = 1; i < count; ++i) text += extension(60);
  return text + extension(6) + tcp();
}

const IpCase kIpCases[] = {
    {"ipv4", ipv4(6, tcp()), DecodeStatus::ok},
    {"ipv4_options", ipv4(6, tcp(), {.options = "01010101 94040000"}), DecodeStatus::ok},
    {"ipv4_padding", ipv4(6, tcp()) + "0000", DecodeStatus::ok},
    {"ipv4_length_zero", "4500 0000 0001 0000 4006 0000 0a010203 0a040506" + tcp(),
     DecodeStatus::ok},
    {"ipv4_length_beyond_frame", "4500 0040 0001 0000 4006 0000 0a010203 0a040506" + tcp(),
     DecodeStatus::ok, 6, 44},
    {"ipv4_header_too_small", "4400 0028 0001 0000 4006 0000 0a010203 0a040506" + tcp(),
     DecodeStatus::malformed},
    {"ipv4_length_below_header", "4500 0013 0001 0000 4006 0000 0a010203 0a040506" + tcp(),
     DecodeStatus::malformed},
    {"ipv4_dont_fragment", ipv4(6, tcp(), {.place = 0x4000}), DecodeStatus::ok},
    {"ipv4_first_fragment", ipv4(6, tcp(), {.place = 0x2000}), DecodeStatus::fragment},
    {"ipv4_last_fragment", ipv4(6, tcp(), {.place = 0x0003}), DecodeStatus::fragment},
    {"ipv4_authenticated", ipv4(51, "0604 0000 00000001 00000001" + std::string(24, 'a') + tcp()),
     DecodeStatus::ok},
    {"ipv4_icmp", ipv4(1, "0800 0000"), DecodeStatus::ok, 1, 4},
    {"ipv6", ipv6(6, tcp()), DecodeStatus::ok},
    {"ipv6_padding", ipv6(6, tcp()) + "0000", DecodeStatus::ok},
    {"ipv6_length_zero", "60000000 0000 06 40" + std::string(64, '1') + tcp(), DecodeStatus::ok},
    {"ipv6_hop_by_hop", ipv6(0, extension(6) + tcp()), DecodeStatus::ok},
    {"ipv6_all_extensions",
     ipv6(0, extension(60) + extension(43) + "3c01 0000 00000000 0000000000000000" + extension(51) +
                 "0604 0000 00000001 00000001" + std::string(24, 'a') + tcp()),
     DecodeStatus::ok},
    {"ipv6_sixteen_extensions", ipv6(60, many_extensions(16)), DecodeStatus::ok},
    {"ipv6_too_many_extensions", ipv6(60, many_extensions(17)), DecodeStatus::malformed},
    {"ipv6_extension_beyond_packet", ipv6(60, "06ff 0000 00000000"), DecodeStatus::malformed},
    {"ipv6_whole_in_a_fragment", ipv6(44, "0600 0000 00000007" + tcp()), DecodeStatus::ok},
    {"ipv6_first_fragment", ipv6(44, "0600 0001 00000007" + tcp()), DecodeStatus::fragment},
    {"ipv6_fragment_after_options", ipv6(60, extension(44) + "0600 0009 00000007" + tcp()),
     DecodeStatus::fragment},
    {"ipv6_nothing_next", ipv6(59, ""), DecodeStatus::ok, 59, 0},
    {"version_seven", "7" + ipv4(6, tcp()).substr(1), DecodeStatus::malformed},
};

class IpTest : public testing::TestWithParam<IpCase> {};

TEST_P(IpTest, ReportsStatusProtocolAndLength) {
  const std::vector<std::byte> bytes = hex(GetParam().packet);
  IpHeader header;
  ASSERT_EQ(parse_ip({bytes, bytes.size()}, header), GetParam().status);
  if (GetParam().status == DecodeStatus::malformed) return;
  EXPECT_EQ(header.protocol, GetParam().protocol);
  EXPECT_EQ(header.payload.length, GetParam().payload_length);
}

TEST_P(IpTest, HeadersCutShortAreTruncated) {
  const std::vector<std::byte> bytes = hex(GetParam().packet);
  for (std::size_t size = 0; size < 20; ++size) {
    const std::vector<std::byte> cut(bytes.begin(),
                                     bytes.begin() + static_cast<std::ptrdiff_t>(size));
    IpHeader header;
    const DecodeStatus status = parse_ip({cut, bytes.size()}, header);
    if (GetParam().name == "version_seven" && size > 0) {
      EXPECT_EQ(status, DecodeStatus::malformed);
    } else {
      EXPECT_EQ(status, DecodeStatus::truncated) << size;
    }
  }
}

INSTANTIATE_TEST_SUITE_P(Wire, IpTest, testing::ValuesIn(kIpCases),
                         [](const auto& test) { return test.param.name; });

TEST(Ip, SaysWhereAFragmentBelongs) {
  const std::vector<std::byte> v4 = hex(ipv4(17, tcp(), {.place = 0x2005, .identification = 77}));
  IpHeader header;
  ASSERT_EQ(parse_ip({v4, v4.size()}, header), DecodeStatus::fragment);
  EXPECT_EQ(header.fragment.identification, 77u);
  EXPECT_EQ(header.fragment.offset, 40u);
  EXPECT_EQ(header.fragment.protocol, 17);
  EXPECT_TRUE(header.fragment.more);

  const std::vector<std::byte> v6 = hex(ipv6(44, "1100 0028 12345678" + tcp()));
  ASSERT_EQ(parse_ip({v6, v6.size()}, header), DecodeStatus::fragment);
  EXPECT_EQ(header.fragment.identification, 0x12345678u);
  EXPECT_EQ(header.fragment.offset, 40u);
  EXPECT_EQ(header.fragment.protocol, 17);
  EXPECT_FALSE(header.fragment.more);
  EXPECT_EQ(header.payload.length, 23u);
}

TEST(Ip, AddressesAreThoseOfIpAddress) {
  const std::vector<std::byte> v4 = hex(ipv4(6, tcp()));
  IpHeader header;
  ASSERT_EQ(parse_ip({v4, v4.size()}, header), DecodeStatus::ok);
  EXPECT_EQ(header.source.address(), IpAddress::v4(0x0a010203));
  EXPECT_TRUE(header.source.is_v4());
  const std::vector<std::byte> v6 = hex(ipv6(6, tcp()));
  ASSERT_EQ(parse_ip({v6, v6.size()}, header), DecodeStatus::ok);
  EXPECT_EQ(header.source.address(), rpcaudit::parse_ip("2001:db8::1"));
  EXPECT_EQ(header.destination.address(), rpcaudit::parse_ip("2001:db8::2"));
  EXPECT_FALSE(header.source.is_v4());
}

}  // namespace
}  // namespace rpcaudit::dissect
