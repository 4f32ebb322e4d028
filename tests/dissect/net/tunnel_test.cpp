#include "dissect/net/tunnel.h"

#include <gtest/gtest.h>

#include "tests/dissect/net/packet_text.h"

namespace rpcaudit::dissect {
namespace {

using test::ethernet;
using test::ipv4;
using test::ipv6;
using test::OwnedFrame;
using test::tcp;
using test::udp;

struct TunnelCase {
  std::string name;
  std::string packet;  // IP
  unsigned depth = 1;
};

void PrintTo(const TunnelCase& test, std::ostream* out) { *out << test.name; }

const std::string kInner = ipv4(6, tcp());
const std::string kInner6 = ipv6(6, tcp());
const std::string kInnerFrame = ethernet(0x0800, kInner);
const std::string kTeredoSource = "20010000 41000001 00000000 00000001";
const std::string kTeredo = ipv6(6, tcp(), kTeredoSource);

std::string gre(const std::string& text) { return ipv4(47, text, {.source = "c0000201"}); }
std::string vxlan(const std::string& frame) { return "08000000 00000100" + frame; }

std::string gtp(const std::string& flags, const std::string& rest) {
  return flags + "ff" + test::number(test::size_of(rest), 4) + "00000001" + rest;
}

// All of them hold the same TCP segment.
const TunnelCase kTunnelCases[] = {
    {"ip_in_ip", ipv4(4, kInner)},
    {"six_in_four", ipv4(41, kInner6)},
    {"four_in_six", ipv6(4, kInner)},
    {"gre", gre("0000 0800" + kInner)},
    {"gre_ipv6", gre("0000 86dd" + kInner6)},
    {"gre_checksum_key_sequence", gre("b000 0800 00000000 00000001 00000002" + kInner)},
    {"gre_bridging", gre("2000 6558 00000100" + kInnerFrame)},
    {"gre_mpls", gre("0000 8847 00010140" + kInner)},
    {"pptp", gre("3001 880b 00000000 00000001 0021" + kInner)},
    {"pptp_acknowledging", gre("3081 880b 00000000 00000001 00000002 ff03 0021" + kInner)},
    {"wccp", gre("0000 883e" + kInner)},
    {"wccp_header", gre("0000 883e 00000000" + kInner)},
    {"erspan_one", gre("0000 88be" + kInnerFrame)},
    {"erspan_two", gre("1000 88be 00000001 1000000100000000" + kInnerFrame)},
    {"erspan_three", gre("1000 22eb 00000001 2000000100000000 00000000" + kInnerFrame)},
    {"erspan_three_subheader",
     gre("1000 22eb 00000001 2000000100000000 00000001 0000000000000000" + kInnerFrame)},
    {"erspan_three_ip", gre("1000 22eb 00000001 2000000100000000 00000800" + kInner)},
    {"ether_ip", ipv4(97, "3000" + kInnerFrame)},
    {"mpls_in_ip", ipv4(137, "00010140" + kInner)},
    {"vxlan", ipv4(17, udp(vxlan(kInnerFrame), 4789))},
    {"vxlan_old_port", ipv4(17, udp(vxlan(kInnerFrame), 8472))},
    {"vxlan_over_ipv6", ipv6(17, udp(vxlan(kInnerFrame), 4789))},
    {"vxlan_inner_tag", ipv4(17, udp(vxlan(ethernet(0x8100, "0005 0800" + kInner)), 4789))},
    {"geneve", ipv4(17, udp("0000 6558 00000100" + kInnerFrame, 6081))},
    {"geneve_options", ipv4(17, udp("0200 0800 00000100 0000000000000000" + kInner, 6081))},
    {"teredo", ipv4(17, udp(kTeredo, 3544))},
    {"teredo_answer", ipv4(17, udp(kTeredo, 50000, 3544))},
    {"teredo_origin", ipv4(17, udp("0000 ffff 00000000" + kTeredo, 3544))},
    {"teredo_authentication", ipv4(17, udp("0001 0000 0000000000000001 00" + kTeredo, 3544))},
    {"gtp", ipv4(17, udp(gtp("30", kInner), 2152))},
    {"gtp_sequence", ipv4(17, udp(gtp("32", "0001 00 00" + kInner), 2152))},
    {"gtp_extension", ipv4(17, udp(gtp("34", "0000 00 85 01 0000 00" + kInner), 2152))},
    {"vxlan_gpe_ethernet", ipv4(17, udp("0c000003 00000100" + kInnerFrame, 4790))},
    {"vxlan_gpe_ipv4", ipv4(17, udp("0c000001 00000100" + kInner, 4790))},
    {"vxlan_gpe_nsh", ipv4(17, udp("0c000004 00000100 0002 01 01 00000001" + kInner, 4790))},
    {"vxlan_gpe_without_protocol", ipv4(17, udp(vxlan(kInnerFrame), 4790))},
    {"l2tp_two", ipv4(17, udp("0002 0001 0002 ff03 0021" + kInner, 1701, 1701))},
    {"l2tp_two_length_sequence_offset",
     ipv4(17, udp("4a02" + test::number(18 + test::size_of(kInner), 4) +
                      "0001 0002 0003 0004 0002 0000 0021" + kInner,
                  1701, 1701))},
    {"l2tp_two_answer", ipv4(17, udp("0002 0001 0002 0021" + kInner, 40000, 1701))},
    {"l2tp_three_cookie", ipv4(17, udp("0003 0000 00000007 0102030405060708" + kInnerFrame, 1701))},
    {"l2tp_three_over_ip", ipv4(115, "00000007" + kInnerFrame)},
    {"l2tp_three_over_ip_sublayer", ipv4(115, "00000007 40000001" + kInnerFrame)},
    {"gre_in_udp", ipv4(17, udp("0000 0800" + kInner, 4754))},
    {"gre_cisco_metadata", gre("0000 8909 0800 01010001 0064" + kInner)},
    {"gue", ipv4(17, udp("0104 0000 00000000" + kInner, 6080))},
    {"gue_without_header", ipv4(17, udp(kInner, 6080))},
    {"mpls_in_udp", ipv4(17, udp("00010140" + kInner, 6635))},
    {"capwap", ipv4(17, udp("0010 0200 00000000" + kInnerFrame, 5247))},
    {"tzsp", ipv4(17, udp("0100 0001 00 0a01c3 01" + kInnerFrame, 37008))},
    {"nested", ipv4(17, udp(vxlan(ethernet(0x0800, gre("0000 0800" + kInner))), 4789)), 2},
};

class TunnelTest : public testing::TestWithParam<TunnelCase> {};

TEST_P(TunnelTest, FindsTheSegment) {
  const OwnedFrame owned(GetParam().packet, LinkType::raw_ip);
  Packet packet;
  ASSERT_EQ(decode_packet(owned.frame, Limits{}, packet), DecodeStatus::ok);
  EXPECT_EQ(packet.transport, Transport::tcp);
  EXPECT_EQ(packet.source_port, 49152);
  EXPECT_EQ(packet.tcp.sequence, 0x01020304u);
  EXPECT_EQ(packet.payload_length, 3u);
  EXPECT_EQ(packet.payload.size(), 3u);
  EXPECT_EQ(packet.depth, GetParam().depth);
}

TEST_P(TunnelTest, IsFoundBehindEthernetToo) {
  const bool is_v4 = GetParam().packet[0] == '4';
  const OwnedFrame owned(ethernet(is_v4 ? 0x0800 : 0x86dd, GetParam().packet) + "0000");
  Packet packet;
  ASSERT_EQ(decode_packet(owned.frame, Limits{}, packet), DecodeStatus::ok);
  EXPECT_EQ(packet.transport, Transport::tcp);
}

TEST_P(TunnelTest, NoCutIsReadPastItsEnd) {
  const std::size_t size = hex(GetParam().packet).size();
  for (std::size_t snap_length = 0; snap_length < size; ++snap_length) {
    OwnedFrame owned(GetParam().packet, LinkType::raw_ip);
    owned.cut(snap_length);
    Packet packet;
    const DecodeStatus status = decode_packet(owned.frame, Limits{}, packet);
    if (status == DecodeStatus::ok && packet.transport == Transport::tcp) {
      EXPECT_EQ(packet.payload_length, 3u) << snap_length;
    }
  }
}

TEST_P(TunnelTest, IsNotFollowedTooDeep) {
  const OwnedFrame owned(GetParam().packet, LinkType::raw_ip);
  Limits limits;
  limits.tunnel_depth = GetParam().depth - 1;
  Packet packet;
  EXPECT_EQ(decode_packet(owned.frame, limits, packet), DecodeStatus::too_deep);
}

INSTANTIATE_TEST_SUITE_P(Wire, TunnelTest, testing::ValuesIn(kTunnelCases),
                         [](const auto& test) { return test.param.name; });

// A port that a tunnel also has proves nothing.
const TunnelCase kPlainCases[] = {
    {"vxlan_without_flag", ipv4(17, udp("00000000 00000100" + kInnerFrame, 4789))},
    {"vxlan_of_arp", ipv4(17, udp(vxlan(ethernet(0x0806, kInner)), 4789))},
    {"vxlan_of_nonsense", ipv4(17, udp(vxlan(ethernet(0x0800, "5555")), 4789))},
    {"vxlan_inner_too_long",
     ipv4(17, udp(vxlan(ethernet(0x0800, "4500ffff" + kInner.substr(8))), 4789))},
    {"geneve_version", ipv4(17, udp("4000 6558 00000100" + kInnerFrame, 6081))},
    {"teredo_trailer", ipv4(17, udp(kTeredo + "00", 3544))},
    {"teredo_other_addresses", ipv4(17, udp(kInner6, 3544))},
    {"gtp_echo", ipv4(17, udp("3001 0000 00000001" + kInner, 2152))},
    {"gtp_endless_extension", ipv4(17, udp(gtp("34", "0000 00 85 00 0000 85" + kInner), 2152))},
    {"tzsp_without_end", ipv4(17, udp("0100 0001 0000000000", 37008))},
    {"empty", ipv4(17, udp("", 4789))},
};

class PlainUdpTest : public testing::TestWithParam<TunnelCase> {};

TEST_P(PlainUdpTest, StaysADatagram) {
  const OwnedFrame owned(GetParam().packet, LinkType::raw_ip);
  Packet packet;
  ASSERT_EQ(decode_packet(owned.frame, Limits{}, packet), DecodeStatus::ok);
  EXPECT_EQ(packet.transport, Transport::udp);
  EXPECT_EQ(packet.payload_length, owned.frame.bytes.size() - 28);
  EXPECT_EQ(packet.depth, 0);
}

INSTANTIATE_TEST_SUITE_P(Wire, PlainUdpTest, testing::ValuesIn(kPlainCases),
                         [](const auto& test) { return test.param.name; });

TEST(Tunnel, OtherPayloadsOfGreAreOtherTransports) {
  for (const char* text : {"0000 0806", "3001 880b 00000000 00000001 c021"}) {
    const OwnedFrame owned(gre(std::string(text) + kInner), LinkType::raw_ip);
    Packet packet;
    EXPECT_EQ(decode_packet(owned.frame, Limits{}, packet), DecodeStatus::other_transport) << text;
  }
}

const TunnelCase kUnreadCases[] = {
    {"esp", ipv4(50, "00000001 00000002" + kInner)},
    {"esp_over_ipv6", ipv6(50, "00000001 00000002" + kInner)},
    {"esp_in_udp", ipv4(17, udp("00000001 00000002" + kInner, 4500))},
    {"gre_routing", gre("4000 0800" + kInner)},
    {"gre_version_two", gre("0002 0800" + kInner)},
    {"pptp_encrypted", gre("3001 880b 00000000 00000001 00fd 9000" + kInner)},
    {"vxlan_gpe_of_something_else", ipv4(17, udp("0c000009 00000100" + kInner, 4790))},
    {"l2tp_three_of_something_else", ipv4(115, "00000007 ffffffff ffffffff")},
    {"capwap_of_802_11", ipv4(17, udp("0010 0300 00000000" + kInnerFrame, 5247))},
    {"capwap_encrypted", ipv4(17, udp("0110 0000 00000000" + kInnerFrame, 5247))},
};

class UnreadTunnelTest : public testing::TestWithParam<TunnelCase> {};

TEST_P(UnreadTunnelTest, IsSaidNotToBeFollowed) {
  const OwnedFrame owned(GetParam().packet, LinkType::raw_ip);
  Packet packet;
  EXPECT_EQ(decode_packet(owned.frame, Limits{}, packet), DecodeStatus::encapsulated);
}

INSTANTIATE_TEST_SUITE_P(Wire, UnreadTunnelTest, testing::ValuesIn(kUnreadCases),
                         [](const auto& test) { return test.param.name; });

// The tunnel of what a packet holds, under `limits`.
TunnelId tunnel_of(const std::string& text, const Limits& limits = {}) {
  const OwnedFrame owned(text, LinkType::raw_ip);
  Packet packet;
  EXPECT_EQ(decode_packet(owned.frame, limits, packet), DecodeStatus::ok);
  return packet.tunnel;
}

TEST(Tunnel, KindAndNumberAreItsIdentity) {
  const std::string other_network = "08000000 00000200" + kInnerFrame;
  const TunnelId network = tunnel_of(ipv4(17, udp(vxlan(kInnerFrame), 4789)));
  EXPECT_EQ(tunnel_of(kInner), 0u);
  EXPECT_NE(network, 0u);
  EXPECT_NE(network, tunnel_of(ipv4(17, udp(other_network, 4789))));
  EXPECT_NE(network, tunnel_of(ipv4(17, udp("0000 6558 00000100" + kInnerFrame, 6081))));
  EXPECT_NE(tunnel_of(gre("2000 0800 00000100" + kInner)),
            tunnel_of(gre("2000 0800 00000200" + kInner)));
  // The hash of a flow behind the network's number, and what one end alone has chosen, are none.
  EXPECT_EQ(tunnel_of(gre("2000 6558 00000101" + kInnerFrame)),
            tunnel_of(gre("2000 6558 000001ff" + kInnerFrame)));
  EXPECT_EQ(tunnel_of(ipv4(17, udp("0002 0001 0002 0021" + kInner, 1701))),
            tunnel_of(ipv4(17, udp("0002 0008 0009 0021" + kInner, 1701))));
  // Whoever sends it, in whichever direction.
  EXPECT_EQ(network, tunnel_of(ipv4(17, udp(vxlan(kInnerFrame), 4789), {.source = "0a070707"})));
  EXPECT_EQ(tunnel_of(ipv4(4, kInner)), tunnel_of(ipv6(4, kInner)));
}

TEST(Tunnel, NestingIsPartOfIt) {
  const std::string inside = gre("0000 0800" + kInner);
  EXPECT_NE(tunnel_of(inside), tunnel_of(ipv4(17, udp(vxlan(ethernet(0x0800, inside)), 4789))));
}

TEST(Tunnel, CountsAsTheWireWhereThatIsSaid) {
  const std::string mirrored = gre("1000 88be 00000001 1000000100000000" + kInnerFrame);
  EXPECT_NE(tunnel_of(mirrored), 0u);
  Limits limits;
  limits.tunnels.mirrors[limits.tunnels.mirror_count++] = IpAddress::v4(0xc0000202);
  EXPECT_NE(tunnel_of(mirrored, limits), 0u);
  limits.tunnels.mirrors[limits.tunnels.mirror_count++] = IpAddress::v4(0xc0000201);
  EXPECT_EQ(tunnel_of(mirrored, limits), 0u);
  EXPECT_NE(tunnel_of(ipv4(4, kInner), limits), 0u);
  limits = {};
  limits.tunnels.all = true;
  EXPECT_EQ(tunnel_of(ipv4(4, kInner), limits), 0u);
}

TEST(Tunnel, FragmentsInsideAreSaidToBe) {
  const OwnedFrame owned(gre("0000 0800" + ipv4(6, tcp(), {.place = 0x2000})), LinkType::raw_ip);
  Packet packet;
  ASSERT_EQ(decode_packet(owned.frame, Limits{}, packet), DecodeStatus::fragment);
  EXPECT_EQ(packet.transport, Transport::fragment);
  EXPECT_EQ(packet.depth, 1);
  EXPECT_EQ(packet.payload.size(), 23u);
}

}  // namespace
}  // namespace rpcaudit::dissect
