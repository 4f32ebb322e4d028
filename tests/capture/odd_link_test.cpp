#include "capture/odd_link.h"

#include <gtest/gtest.h>

#include <optional>
#include <string>
#include <vector>

#include "tests/support/hex.h"

namespace rpcaudit::capture {
namespace {

const std::string kIp = "45000014 00000000 40060000 0a000001 0a000002";

struct OddLinkCase {
  const char* name;
  std::uint32_t link;
  std::string header;  // before the IP packet
  std::optional<LinkType> peeled;
  std::size_t left = 0;  // of the header, where an Ethernet frame was found
};

void PrintTo(const OddLinkCase& test, std::ostream* out) { *out << test.name; }

constexpr auto kRaw = LinkType::raw_ip;
constexpr auto kEthernet = LinkType::ethernet;
const std::string kMacs = "010203040506 0a0b0c0d0e0f";
// Data frames of 802.11: frame control, duration, three addresses, sequence.
const std::string kWifi = "0800 0000 010203040506 010203040506 010203040506 0000";
const std::string kWifiQos = "8800 0000 010203040506 010203040506 010203040506 0000 0000";
const std::string kSnap = "aaaa0300 0000 0800";

const OddLinkCase kCases[] = {
    {"slip", 8, "00" + std::string(30, '0'), kRaw},
    {"ppp", 9, "ff03 0021", kRaw},
    {"ppp_ipv6_number", 9, "ff03 0057", kRaw},
    {"ppp_short_protocol", 9, "ff03 21", kRaw},
    {"ppp_without_address", 9, "0021", kRaw},
    {"ppp_control_protocol", 9, "ff03 c021", {}},
    {"ppp_hdlc", 50, "ff03 0021", kRaw},
    {"ppp_hdlc_in_cisco_framing", 50, "0f00 0800", kRaw},
    {"ppp_ether", 51, "1100 0001 0016 0021", kRaw},
    {"ppp_with_direction", 204, "01 ff03 0021", kRaw},
    {"atm", 100, kSnap, kRaw},
    {"cisco_hdlc", 104, "0f00 0800", kRaw},
    {"cisco_hdlc_keep_alive", 104, "0f00 8035", {}},
    {"cisco_hdlc_with_direction", 205, "00 0f00 0800", kRaw},
    {"nflog", 239, "0200 0000 0500 0200 01000000 1800 0900", kRaw},
    {"nflog_without_a_packet", 239, "0200 0000 0500 0200 01000000 0000 0900", {}},
    {"pktap", 258, "0c000000 01000000 65000000", kRaw},
    {"pktap_of_ethernet", 258, "0c000000 01000000 01000000" + kMacs + "0800", kEthernet, 14},
    {"pktap_longer_than_the_frame", 258, "ff000000 01000000 65000000", {}},
    {"pktap_of_pktap", 258, "0c000000 01000000 02010000", {}},
    {"netanalyzer", 240, "00000000" + kMacs + "0800", kEthernet, 14},
    {"netanalyzer_transparent", 241, "00000000 00000000 00000000" + kMacs + "0800", kEthernet, 14},
    {"mpacket", 274, "55555555 555555d5" + kMacs + "0800", kEthernet, 14},
    {"dsa_brcm", 281, kMacs + "00000000 0800", kRaw},
    {"dsa_brcm_prepend", 282, "00000000" + kMacs + "0800", kEthernet, 14},
    {"dsa", 284, kMacs + "00000000 0800", kRaw},
    {"dsa_with_vlan_tags", 284, kMacs + "00000000 88a80001 81000002 0800", kRaw},
    {"dsa_of_arp", 284, kMacs + "00000000 0806", {}},
    {"edsa", 285, kMacs + "dada0000 00000000 0800", kRaw},
    {"wifi", 105, kWifi + kSnap, kRaw},
    {"wifi_quality_of_service", 105, kWifiQos + kSnap, kRaw},
    {"wifi_padded", 105, kWifiQos + "0000" + kSnap, kRaw},
    {"wifi_with_high_throughput_control", 105, kWifiQos + "00000000" + kSnap, kRaw},
    {"wifi_between_access_points", 105,
     "0803 0000 010203040506 010203040506 010203040506 0000 010203040506" + kSnap, kRaw},
    {"wifi_encrypted", 105, "0840 0000 010203040506 010203040506 010203040506 0000" + kSnap, {}},
    {"wifi_beacon", 105, "8000 0000 010203040506 010203040506 010203040506 0000" + kSnap, {}},
    {"radiotap", 127, "0000 0a00 00000000 0000" + kWifi + kSnap, kRaw},
    {"radiotap_longer_than_the_frame", 127, "0000 ff00 00000000" + kWifi + kSnap, {}},
    {"prism", 119, "44000000 0c000000 00000000" + kWifi + kSnap, kRaw},
    {"prism_of_a_big_endian_host", 119, "00000044 0000000c 00000000" + kWifi + kSnap, kRaw},
    {"avs", 163, "80211001 00000010 00000000 00000000" + kWifi + kSnap, kRaw},
    {"ppi", 192, "0000 0800 69000000" + kWifi + kSnap, kRaw},
    {"ppi_of_ethernet", 192, "0000 0800 01000000" + kMacs + "0800", kEthernet, 14},
    {"unknown", 999, "", {}},
};

Frame make_frame(Bytes bytes, std::uint32_t link) {
  Frame frame;
  frame.bytes = bytes;
  frame.original_length = static_cast<std::uint32_t>(bytes.size()) + 7;  // seven were cut off
  frame.link = LinkType::other;
  frame.link_number = link;
  return frame;
}

class OddLinkTest : public testing::TestWithParam<OddLinkCase> {};

TEST_P(OddLinkTest, FindsThePacketAndCounts) {
  const auto bytes = hex(GetParam().header + kIp);
  const bool peeled = GetParam().peeled.has_value();
  Frame frame = make_frame(bytes, GetParam().link);
  OddLink odd;
  EXPECT_EQ(odd.peel(frame), peeled);
  const OddLink::Count count = odd.counts().at(GetParam().link);
  EXPECT_EQ(count.peeled, peeled ? 1u : 0u);
  EXPECT_EQ(count.unknown, peeled ? 0u : 1u);
  EXPECT_EQ(frame.link, GetParam().peeled.value_or(LinkType::other));
  EXPECT_EQ(frame.link_number, GetParam().link);
  // The frame's own bytes, to their end; as they were when nothing was found.
  EXPECT_EQ(frame.bytes.size(), peeled ? 20 + GetParam().left : bytes.size());
  EXPECT_EQ(frame.bytes.data() + frame.bytes.size(), bytes.data() + bytes.size());
  EXPECT_EQ(frame.original_length, frame.bytes.size() + 7);
}

// ASan tells when a byte beyond the frame is read.
TEST_P(OddLinkTest, SurvivesEveryPrefix) {
  const auto bytes = hex(GetParam().header + kIp);
  OddLink odd;
  for (std::size_t size = 0; size < bytes.size(); ++size) {
    const std::vector<std::byte> prefix(bytes.begin(),
                                        bytes.begin() + static_cast<std::ptrdiff_t>(size));
    Frame frame = make_frame(prefix, GetParam().link);
    (void)odd.peel(frame);
  }
}

INSTANTIATE_TEST_SUITE_P(Links, OddLinkTest, testing::ValuesIn(kCases),
                         [](const auto& test) { return std::string(test.param.name); });

}  // namespace
}  // namespace rpcaudit::capture
