#include "dissect/net/link.h"

#include <gtest/gtest.h>

#include "dissect/net/packet.h"
#include "tests/dissect/net/packet_text.h"

namespace rpcaudit::dissect {
namespace {

using test::ethernet;
using test::ipv4;
using test::ipv6;
using test::OwnedFrame;
using test::tcp;

struct LinkCase {
  std::string name;
  LinkType link;
  std::string frame;
};

void PrintTo(const LinkCase& test, std::ostream* out) { *out << test.name; }

const std::string kIpv4 = ipv4(6, tcp());
const std::string kIpv6 = ipv6(6, tcp());
const std::string kMac = "001122334455 66778899aabb";
const std::string kSnap = "aaaa03 000000 0800";

std::string ieee_802_3(const std::string& llc) {
  return kMac + test::number(test::size_of(llc), 4) + llc;
}

std::string pppoe(const std::string& ppp) {
  return "1100 0001" + test::number(test::size_of(ppp), 4) + ppp;
}

constexpr LinkType kEthernet = LinkType::ethernet;

// All of them hold the same TCP segment.
const LinkCase kLinkCases[] = {
    {"ethernet_ipv4", kEthernet, ethernet(0x0800, kIpv4)},
    {"ethernet_ipv6", kEthernet, ethernet(0x86dd, kIpv6)},
    {"ethernet_padding", kEthernet, ethernet(0x0800, kIpv4) + "000000000000"},
    {"vlan", kEthernet, ethernet(0x8100, "0005 0800" + kIpv4)},
    {"vlan_ipv6", kEthernet, ethernet(0x8100, "0005 86dd" + kIpv6)},
    {"two_vlans", kEthernet, ethernet(0x88a8, "0005 8100 0006 0800" + kIpv4)},
    {"three_vlans", kEthernet, ethernet(0x88a8, "0005 9100 0006 8100 0007 0800" + kIpv4)},
    {"vlan_9200", kEthernet, ethernet(0x9200, "0005 0800" + kIpv4)},
    {"vn_tag", kEthernet, ethernet(0x8926, "80010002 8100 0005 0800" + kIpv4)},
    {"e_tag", kEthernet, ethernet(0x893f, "000000010000 0800" + kIpv4)},
    {"hsr", kEthernet, ethernet(0x892f, "0040 0001 0800" + kIpv4)},
    {"cisco_metadata", kEthernet, ethernet(0x8909, "01010001 0064 0800" + kIpv4)},
    {"fabric_path", kEthernet, ethernet(0x8903, "0040" + ethernet(0x0800, kIpv4))},
    {"trill", kEthernet, ethernet(0x22f3, "0041 0001 0002 00000000" + ethernet(0x0800, kIpv4))},
    {"nsh_ipv4", kEthernet, ethernet(0x894f, "0002 01 01 00000001" + kIpv4)},
    {"nsh_ethernet", kEthernet,
     ethernet(0x894f, "0003 02 03 00000001 00000000" + ethernet(0x0800, kIpv4))},
    {"snap", kEthernet, ieee_802_3(kSnap + kIpv4)},
    {"snap_padding", kEthernet, ieee_802_3(kSnap + kIpv4) + "000000"},
    {"snap_bridge_tunnel", kEthernet, ieee_802_3("aaaa03 0000f8 0800" + kIpv4)},
    {"vlan_snap", kEthernet,
     ethernet(0x8100, "0005" + test::number(8 + test::size_of(kIpv4), 4) + kSnap + kIpv4)},
    {"llc_ip", kEthernet, ieee_802_3("060603" + kIpv4)},
    {"mpls", kEthernet, ethernet(0x8847, "00010140" + kIpv4)},
    {"mpls_two_labels", kEthernet, ethernet(0x8847, "00010040 00020140" + kIpv4)},
    {"mpls_ipv6", kEthernet, ethernet(0x8848, "00010140" + kIpv6)},
    {"mpls_ethernet", kEthernet, ethernet(0x8847, "00010140" + ethernet(0x0800, kIpv4))},
    {"mpls_control_word", kEthernet,
     ethernet(0x8847, "00010140 00000000" + ethernet(0x0800, kIpv4))},
    {"mpls_ethernet_like_ip", kEthernet,
     ethernet(0x8847, "00010140 4500ffff0000 66778899aabb 0800" + kIpv4)},
    {"pppoe", kEthernet, ethernet(0x8864, pppoe("0021" + kIpv4))},
    {"pppoe_ipv6", kEthernet, ethernet(0x8864, pppoe("0057" + kIpv6))},
    {"pppoe_short_protocol", kEthernet, ethernet(0x8864, pppoe("21" + kIpv4))},
    {"pppoe_padding", kEthernet, ethernet(0x8864, pppoe("0021" + kIpv4) + "0000000000")},
    {"backbone_bridge", kEthernet, ethernet(0x88e7, "00000001" + ethernet(0x0800, kIpv4))},
    {"macsec_integrity_only", kEthernet,
     ethernet(0x88e5, "2000 00000001 0011223344550001 0800" + kIpv4 + std::string(32, 'f'))},
    {"cooked_v1", LinkType::linux_cooked_v1, "0000 0001 0006 0011223344550000 0800" + kIpv4},
    {"cooked_v1_vlan", LinkType::linux_cooked_v1,
     "0000 0001 0006 0011223344550000 8100 0005 0800" + kIpv4},
    {"cooked_v1_llc", LinkType::linux_cooked_v1,
     "0000 0001 0006 0011223344550000 0004" + kSnap + kIpv4},
    {"cooked_v2", LinkType::linux_cooked_v2,
     "86dd 0000 00000002 0001 00 06 0011223344550000" + kIpv6},
    {"raw_ipv4", LinkType::raw_ip, kIpv4},
    {"raw_ipv6", LinkType::raw_ip, kIpv6},
    {"null_little", LinkType::null_loopback, "02000000" + kIpv4},
    {"null_big", LinkType::null_loopback, "00000002" + kIpv4},
    {"null_ipv6_linux", LinkType::null_loopback, "0a000000" + kIpv6},
    {"null_ipv6_windows", LinkType::null_loopback, "17000000" + kIpv6},
    {"null_ipv6_openbsd", LinkType::null_loopback, "00000018" + kIpv6},
    {"null_ipv6_freebsd", LinkType::null_loopback, "1c000000" + kIpv6},
    {"null_ipv6_darwin", LinkType::null_loopback, "1e000000" + kIpv6},
};

class LinkTest : public testing::TestWithParam<LinkCase> {};

TEST_P(LinkTest, FindsTheSegment) {
  const OwnedFrame owned(GetParam().frame, GetParam().link);
  Packet packet;
  ASSERT_EQ(decode_packet(owned.frame, Limits{}, packet), DecodeStatus::ok);
  EXPECT_EQ(packet.transport, Transport::tcp);
  EXPECT_EQ(packet.source_port, 49152);
  EXPECT_EQ(packet.destination_port, 135);
  EXPECT_EQ(packet.tcp.sequence, 0x01020304u);
  EXPECT_EQ(packet.payload_length, 3u);
  EXPECT_EQ(std::vector<std::byte>(packet.payload.begin(), packet.payload.end()), hex("050003"));
  EXPECT_FALSE(packet.is_cut());
}

// Wherever the snap length cuts, what remains is never read as another packet.
TEST_P(LinkTest, EveryCutIsTruncatedOrTheSameSegment) {
  const std::size_t size = hex(GetParam().frame).size();
  for (std::size_t snap_length = 0; snap_length < size; ++snap_length) {
    OwnedFrame owned(GetParam().frame, GetParam().link);
    owned.cut(snap_length);
    Packet packet;
    const DecodeStatus status = decode_packet(owned.frame, Limits{}, packet);
    if (status == DecodeStatus::ok) {
      EXPECT_EQ(packet.tcp.sequence, 0x01020304u) << snap_length;
      EXPECT_EQ(packet.payload_length, 3u) << snap_length;
    } else if (GetParam().name.find("mpls") == std::string::npos) {
      EXPECT_EQ(status, DecodeStatus::truncated) << snap_length;
    }
  }
}

INSTANTIATE_TEST_SUITE_P(Wire, LinkTest, testing::ValuesIn(kLinkCases),
                         [](const auto& test) { return test.param.name; });

struct NotIpCase {
  std::string name;
  LinkType link;
  std::string frame;
  DecodeStatus status;
};

void PrintTo(const NotIpCase& test, std::ostream* out) { *out << test.name; }

const NotIpCase kNotIpCases[] = {
    {"arp", kEthernet, ethernet(0x0806, kIpv4), DecodeStatus::not_ip},
    {"spanning_tree", kEthernet, ieee_802_3("424203" + kIpv4), DecodeStatus::not_ip},
    {"snap_of_cisco", kEthernet, ieee_802_3("aaaa03 00000c 2000" + kIpv4), DecodeStatus::not_ip},
    {"pppoe_link_control", kEthernet, ethernet(0x8864, pppoe("c021" + kIpv4)),
     DecodeStatus::not_ip},
    {"pppoe_discovery_code", kEthernet, ethernet(0x8864, "1109 0001 0000" + kIpv4),
     DecodeStatus::malformed},
    {"macsec_encrypted", kEthernet, ethernet(0x88e5, "2c00 00000001 0011223344550001 0800" + kIpv4),
     DecodeStatus::encapsulated},
    {"ppp_encrypted", kEthernet, ethernet(0x8864, pppoe("00fd 9000" + kIpv4)),
     DecodeStatus::encapsulated},
    {"ppp_multilink", kEthernet, ethernet(0x8864, pppoe("003d c0000001 0021" + kIpv4)),
     DecodeStatus::encapsulated},
    {"nsh_of_something_else", kEthernet, ethernet(0x894f, "0002 01 04 00000001" + kIpv4),
     DecodeStatus::encapsulated},
    {"nsh_shorter_than_its_header", kEthernet, ethernet(0x894f, "0001 01 01 00000001" + kIpv4),
     DecodeStatus::malformed},
    {"trill_of_another_version", kEthernet, ethernet(0x22f3, "4000 0001 0002" + kIpv4),
     DecodeStatus::encapsulated},
    {"netlink", LinkType::linux_cooked_v1, "0000 0338 0000 0000000000000000 0800" + kIpv4,
     DecodeStatus::not_ip},
    {"null_other_family", LinkType::null_loopback, "07000000" + kIpv4, DecodeStatus::not_ip},
    {"other", LinkType::other, kIpv4, DecodeStatus::not_ip},
    {"raw_version_five", LinkType::raw_ip, "5" + kIpv4.substr(1), DecodeStatus::malformed},
};

class NotIpTest : public testing::TestWithParam<NotIpCase> {};

TEST_P(NotIpTest, IsSaidToBe) {
  const OwnedFrame owned(GetParam().frame, GetParam().link);
  Packet packet;
  EXPECT_EQ(decode_packet(owned.frame, Limits{}, packet), GetParam().status);
}

INSTANTIATE_TEST_SUITE_P(Wire, NotIpTest, testing::ValuesIn(kNotIpCases),
                         [](const auto& test) { return test.param.name; });

// Who sends to whom, in which VLAN: the priority in a tag says nothing about it.
TEST(Link, SignatureIsOfAddressesAndVlans) {
  const auto signature = [](const std::string& text) {
    const OwnedFrame owned(text);
    Packet packet;
    EXPECT_EQ(decode_packet(owned.frame, Limits{}, packet), DecodeStatus::ok);
    return link_signature(packet);
  };
  const std::uint32_t plain = signature(ethernet(0x0800, kIpv4));
  const std::uint32_t tagged = signature(ethernet(0x8100, "0005 0800" + kIpv4));
  EXPECT_NE(plain, 0u);
  EXPECT_EQ(plain, signature(ethernet(0x0800, kIpv4)));
  EXPECT_NE(plain, signature("001122334455 66778899aabc 0800" + kIpv4));
  EXPECT_NE(plain, signature("001122334456 66778899aabb 0800" + kIpv4));
  EXPECT_NE(plain, tagged);
  EXPECT_EQ(tagged, signature(ethernet(0x8100, "e005 0800" + kIpv4)));
  EXPECT_NE(tagged, signature(ethernet(0x8100, "0006 0800" + kIpv4)));
  EXPECT_NE(tagged, signature(ethernet(0x88a8, "0005 8100 0005 0800" + kIpv4)));
}

TEST(Link, OutermostVlanIsThatOfTheFirstTag) {
  const auto vlan = [](const std::string& text, LinkType link) {
    return outermost_vlan(OwnedFrame(text, link).frame);
  };
  EXPECT_EQ(vlan(ethernet(0x0800, kIpv4), kEthernet), 0);
  EXPECT_EQ(vlan(ethernet(0x8100, "0005 0800" + kIpv4), kEthernet), 5);
  EXPECT_EQ(vlan(ethernet(0x8100, "e005 0800" + kIpv4), kEthernet), 5) << "without the priority";
  EXPECT_EQ(vlan(ethernet(0x88a8, "0fff 8100 0006 0800" + kIpv4), kEthernet), 4095);
  EXPECT_EQ(vlan(ethernet(0x8100, ""), kEthernet), 0) << "cut";
  EXPECT_EQ(vlan(ethernet(0x8100, "0005 0800" + kIpv4), LinkType::raw_ip), 0);
}

// A frame of nothing but tags is as long to peel as it is, and no longer.
TEST(Link, PeelsAnyNumberOfTags) {
  std::string tags;
  for (int i = 0; i < 2000; ++i) tags += "0005 8100";
  const OwnedFrame owned(ethernet(0x8100, tags + "0005 0800" + kIpv4));
  Packet packet;
  EXPECT_EQ(decode_packet(owned.frame, Limits{}, packet), DecodeStatus::ok);
}

}  // namespace
}  // namespace rpcaudit::dissect
