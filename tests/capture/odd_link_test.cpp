#include "capture/odd_link.h"

#include <gtest/gtest.h>

#include "tests/support/hex.h"

namespace rpcaudit {
namespace {

constexpr const char* kIp = "45000014 00000000 40060000 0a000001 0a000002";

struct OddLinkCase {
  const char* name;
  std::uint32_t link;
  const char* header;  // before the IP packet
  bool peeled;
};

void PrintTo(const OddLinkCase& test, std::ostream* out) { *out << test.name; }

constexpr OddLinkCase kCases[] = {
    {"ppp", 9, "ff03 0021", true},
    {"ppp_short_protocol", 9, "ff03 21", true},
    {"ppp_without_address", 9, "0021", true},
    {"ppp_control_protocol", 9, "ff03 c021", false},
    {"cisco_hdlc", 104, "0f00 0800", true},
    {"cisco_hdlc_keep_alive", 104, "0f00 8035", false},
    {"nflog", 239, "0200 0000 0500 0200 01000000 1800 0900", true},
    {"pktap", 258, "0c000000 01000000 65000000", true},
    {"pktap_longer_than_the_frame", 258, "ff000000 01000000 65000000", false},
    {"data_frame_of_802_11", 105,
     "0800 0000 010203040506 010203040506 010203040506 0000 aaaa0300 0000 0800", true},
    {"unknown", 999, "", false},
};

class OddLinkTest : public testing::TestWithParam<OddLinkCase> {};

TEST_P(OddLinkTest, FindsTheIpPacketAndCounts) {
  const auto bytes = hex(std::string(GetParam().header) + kIp);
  Frame frame;
  frame.bytes = bytes;
  frame.original_length = static_cast<std::uint32_t>(bytes.size());
  frame.link = LinkType::other;
  frame.link_number = GetParam().link;
  OddLink odd;
  EXPECT_EQ(odd.peel(frame), GetParam().peeled);
  const OddLink::Count count = odd.counts().at(GetParam().link);
  EXPECT_EQ(count.peeled, GetParam().peeled ? 1u : 0u);
  EXPECT_EQ(count.unknown, GetParam().peeled ? 0u : 1u);
  if (!GetParam().peeled) return;
  EXPECT_EQ(frame.link, LinkType::raw_ip);
  EXPECT_EQ(frame.bytes.front(), std::byte{0x45});
  EXPECT_EQ(frame.bytes.size(), 20u);
}

TEST_P(OddLinkTest, SurvivesEveryPrefix) {
  const auto bytes = hex(std::string(GetParam().header) + kIp);
  OddLink odd;
  for (std::size_t size = 0; size < bytes.size(); ++size) {
    Frame frame;
    frame.bytes = Bytes(bytes).first(size);
    frame.link = LinkType::other;
    frame.link_number = GetParam().link;
    (void)odd.peel(frame);
  }
}

INSTANTIATE_TEST_SUITE_P(Links, OddLinkTest, testing::ValuesIn(kCases),
                         [](const auto& test) { return std::string(test.param.name); });

}  // namespace
}  // namespace rpcaudit
