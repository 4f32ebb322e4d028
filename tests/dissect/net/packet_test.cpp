#include "dissect/net/packet.h"

#include <gtest/gtest.h>
#include <tins/tins.h>

#include <algorithm>
#include <random>

#include "dissect/net/checksum.h"
#include "tests/dissect/net/packet_text.h"

namespace rpcaudit::dissect {
namespace {

using test::ethernet;
using test::ipv4;
using test::ipv6;
using test::OwnedFrame;
using test::tcp;
using test::udp;

TEST(Packet, ReadsAPlainSegment) {
  const OwnedFrame owned(ethernet(0x0800, ipv4(6, tcp())));
  Packet packet;
  ASSERT_EQ(decode_packet(owned.frame, Limits{}, packet), DecodeStatus::ok);
  EXPECT_EQ(packet.transport, Transport::tcp);
  EXPECT_EQ(packet.ip_version, 4);
  EXPECT_EQ(to_string(packet.source_endpoint().address), "10.1.2.3");
  EXPECT_EQ(packet.source_endpoint().port, 49152);
  EXPECT_EQ(to_string(packet.destination_endpoint().address), "10.4.5.6");
  EXPECT_EQ(packet.destination_endpoint().port, 135);
  EXPECT_EQ(packet.tcp.sequence, 0x01020304u);
  EXPECT_EQ(packet.tcp.acknowledgment, 0x05060708u);
  EXPECT_EQ(packet.tcp.flags, kTcpPsh | kTcpAck);
  EXPECT_EQ(packet.payload.data(), owned.frame.bytes.data() + 54);
  EXPECT_EQ(packet.payload.size(), 3u);
  EXPECT_EQ(packet.transport_bytes().data(), owned.frame.bytes.data() + 34);
  EXPECT_EQ(packet.transport_bytes().size(), 23u);
}

TEST(Packet, SaysWhatTheSnapLengthTook) {
  OwnedFrame owned(ethernet(0x0800, ipv4(6, tcp("0102030405060708"))));
  owned.cut(14 + 20 + 20 + 3);
  Packet packet;
  ASSERT_EQ(decode_packet(owned.frame, Limits{}, packet), DecodeStatus::ok);
  EXPECT_TRUE(packet.is_cut());
  EXPECT_EQ(packet.payload.size(), 3u);
  EXPECT_EQ(packet.payload_length, 8u);
}

struct TransportCase {
  const char* name;
  unsigned protocol;
  std::string payload;
  DecodeStatus status;
  std::uint32_t payload_length = 0;
};

void PrintTo(const TransportCase& test, std::ostream* out) { *out << test.name; }

const TransportCase kTransportCases[] = {
    {"tcp_options", 6, "c000 0087 01020304 05060708 6018 ffff 0000 0000 02040564 aabb",
     DecodeStatus::ok, 2},
    {"tcp_offset_too_small", 6, "c000 0087 01020304 05060708 4018 ffff 0000 0000 aabb",
     DecodeStatus::malformed},
    {"tcp_offset_beyond", 6, "c000 0087 01020304 05060708 f018 ffff 0000 0000 aabb",
     DecodeStatus::malformed},
    {"tcp_short", 6, "c000 0087 01020304 0506", DecodeStatus::malformed},
    {"udp", 17, udp("aabbcc", 135), DecodeStatus::ok, 3},
    {"udp_trailer", 17, udp("aabbcc", 135) + "dddd", DecodeStatus::ok, 3},
    {"udp_length_zero", 17, "c000 0087 0000 0000 aabbcc", DecodeStatus::ok, 3},
    {"udp_length_beyond", 17, "c000 0087 0100 0000 aabbcc", DecodeStatus::ok, 3},
    {"udp_length_too_small", 17, "c000 0087 0007 0000 aabbcc", DecodeStatus::malformed},
    {"udp_short", 17, "c000 0087 00", DecodeStatus::malformed},
    {"icmp", 1, "0800 0000", DecodeStatus::other_transport},
    {"sctp", 132, "c000 0087 00000000", DecodeStatus::other_transport},
};

class TransportTest : public testing::TestWithParam<TransportCase> {};

TEST_P(TransportTest, IsTheSameInEveryIpPacket) {
  const TransportCase& test = GetParam();
  const std::string options = "01010101";
  for (const std::string& frame :
       {ethernet(0x0800, ipv4(test.protocol, test.payload)),
        ethernet(0x0800, ipv4(test.protocol, test.payload, {.options = options})),
        ethernet(0x86dd, ipv6(test.protocol, test.payload)),
        ethernet(0x8100, "0005 0800" + ipv4(test.protocol, test.payload))}) {
    const OwnedFrame owned(frame);
    Packet packet;
    ASSERT_EQ(decode_packet(owned.frame, Limits{}, packet), test.status) << frame;
    if (test.status != DecodeStatus::ok) continue;
    EXPECT_EQ(packet.payload_length, test.payload_length) << frame;
    EXPECT_EQ(packet.payload.size(), test.payload_length) << frame;
  }
}

INSTANTIATE_TEST_SUITE_P(Wire, TransportTest, testing::ValuesIn(kTransportCases),
                         [](const auto& test) { return std::string(test.param.name); });

struct FlagCase {
  std::uint8_t flags;
  bool is_syn;
  bool is_syn_ack;
};

TEST(Packet, TellsTheOpeningSegmentsApart) {
  constexpr FlagCase kCases[] = {{0x02, true, false},  {0x12, false, true}, {0x10, false, false},
                                 {0x18, false, false}, {0xc2, true, false}, {0x52, false, true}};
  for (const FlagCase& row : kCases) {
    const TcpSegmentHeader header{0, 0, row.flags};
    EXPECT_EQ(header.is_syn(), row.is_syn) << int{row.flags};
    EXPECT_EQ(header.is_syn_ack(), row.is_syn_ack) << int{row.flags};
  }
}

void expect_equal(const Packet& a, const Packet& b) {
  EXPECT_EQ(a.transport, b.transport);
  EXPECT_EQ(a.source, b.source);
  EXPECT_EQ(a.destination, b.destination);
  EXPECT_EQ(a.source_port, b.source_port);
  EXPECT_EQ(a.destination_port, b.destination_port);
  EXPECT_EQ(a.ip_version, b.ip_version);
  EXPECT_EQ(a.transport_header_size, b.transport_header_size);
  EXPECT_EQ(a.payload.data(), b.payload.data());
  EXPECT_EQ(a.payload.size(), b.payload.size());
  EXPECT_EQ(a.payload_length, b.payload_length);
  if (a.transport != Transport::tcp) return;
  EXPECT_EQ(a.tcp.sequence, b.tcp.sequence);
  EXPECT_EQ(a.tcp.acknowledgment, b.tcp.acknowledgment);
  EXPECT_EQ(a.tcp.flags, b.tcp.flags);
}

// The short way may refuse a frame, but what it takes it reads as the long way does.
TEST(Packet, BothWaysAgree) {
  const std::string seeds[] = {
      ethernet(0x0800, ipv4(6, tcp())), ethernet(0x0800, ipv4(17, udp("aabbcc", 135))),
      ethernet(0x86dd, ipv6(6, tcp())), ethernet(0x8100, "0005 0800" + ipv4(6, tcp()))};
  std::mt19937 random(7);
  std::size_t taken = 0;
  for (int round = 0; round < 200'000; ++round) {
    OwnedFrame owned(seeds[random() % std::size(seeds)]);
    const std::size_t changes = random() % 3;
    for (std::size_t i = 0; i < changes; ++i) {
      owned.bytes[random() % owned.bytes.size()] = static_cast<std::byte>(random());
    }
    if (random() % 4 == 0) owned.cut(random() % owned.bytes.size());
    Packet plain;
    if (!detail::decode_plain(owned.frame.bytes, plain)) continue;
    ++taken;
    Packet any;
    ASSERT_EQ(detail::decode_any(owned.frame, Limits{}, any), DecodeStatus::ok);
    expect_equal(plain, any);
    if (testing::Test::HasFailure()) return;
  }
  EXPECT_GT(taken, 100'000u);
}

Tins::EthernetII random_tins_frame(std::mt19937& random) {
  Tins::TCP segment(static_cast<std::uint16_t>(random()), static_cast<std::uint16_t>(random()));
  segment.seq(static_cast<std::uint32_t>(random()));
  segment.ack_seq(static_cast<std::uint32_t>(random()));
  segment.flags(static_cast<Tins::small_uint<12>>(random() & 0x1f));
  if (random() % 2 == 0) segment.timestamp(1, 2);
  std::vector<std::uint8_t> payload(random() % 100, 0x55);
  Tins::PDU* packet = nullptr;
  if (random() % 2 == 0) {
    packet = new Tins::IP(Tins::IPv4Address(static_cast<std::uint32_t>(random())),
                          Tins::IPv4Address(static_cast<std::uint32_t>(random())));
  } else {
    packet = new Tins::IPv6("fe80::2", "2001:db8::1");
  }
  packet->inner_pdu(segment / Tins::RawPDU(payload));
  Tins::EthernetII ethernet_frame("00:11:22:33:44:55", "66:77:88:99:aa:bb");
  if (random() % 3 == 0) {
    Tins::Dot1Q tag(7);
    ethernet_frame.inner_pdu(tag);
    ethernet_frame.inner_pdu()->inner_pdu(packet);
  } else {
    ethernet_frame.inner_pdu(packet);
  }
  return ethernet_frame;
}

TEST(Packet, ReadsWhatLibtinsWrites) {
  std::mt19937 random(11);
  for (int round = 0; round < 2'000; ++round) {
    Tins::EthernetII written = random_tins_frame(random);
    const std::vector<std::uint8_t> bytes = written.serialize();
    Frame frame;
    frame.bytes = std::as_bytes(std::span(bytes));
    frame.original_length = static_cast<std::uint32_t>(bytes.size());
    Packet packet;
    ASSERT_EQ(decode_packet(frame, Limits{}, packet), DecodeStatus::ok);
    const Tins::TCP& segment = written.rfind_pdu<Tins::TCP>();
    EXPECT_EQ(packet.source_port, segment.sport());
    EXPECT_EQ(packet.destination_port, segment.dport());
    EXPECT_EQ(packet.tcp.sequence, segment.seq());
    EXPECT_EQ(packet.tcp.acknowledgment, segment.ack_seq());
    EXPECT_EQ(packet.tcp.flags, static_cast<std::uint8_t>(segment.flags()));
    const Tins::RawPDU* raw = written.find_pdu<Tins::RawPDU>();
    EXPECT_EQ(packet.payload_length, raw == nullptr ? 0 : raw->payload_size());
    if (const Tins::IP* ip = written.find_pdu<Tins::IP>()) {
      EXPECT_EQ(to_string(packet.source.address()), ip->src_addr().to_string());
      EXPECT_EQ(to_string(packet.destination.address()), ip->dst_addr().to_string());
    } else {
      EXPECT_EQ(to_string(packet.source.address()), "2001:db8::1");
      EXPECT_EQ(to_string(packet.destination.address()), "fe80::2");
    }
    EXPECT_EQ(verify_transport_checksum(packet), ChecksumResult::good);
    if (testing::Test::HasFailure()) return;
  }
}

TEST(Checksum, FindsEveryChangedByte) {
  const Tins::EthernetII written = Tins::EthernetII() / Tins::IP("10.1.2.3", "10.4.5.6") /
                                   Tins::TCP(135, 49152) / Tins::RawPDU("an odd number of bytes.");
  Tins::EthernetII copy = written;
  std::vector<std::uint8_t> bytes = copy.serialize();
  EXPECT_TRUE(is_ipv4_checksum_good(std::as_bytes(std::span(bytes)).subspan(14, 20)));
  for (std::size_t i = 26; i < bytes.size(); ++i) {
    if (i == 46 || i == 47) continue;  // the offset moves the payload; flags are tried by others
    bytes[i] ^= 0x10;
    Frame frame;
    frame.bytes = std::as_bytes(std::span(bytes));
    frame.original_length = static_cast<std::uint32_t>(bytes.size());
    Packet packet;
    ASSERT_EQ(decode_packet(frame, Limits{}, packet), DecodeStatus::ok);
    EXPECT_EQ(verify_transport_checksum(packet), ChecksumResult::bad) << i;
    bytes[i] ^= 0x10;
  }
}

TEST(Checksum, MayBeAbsentOrUnknown) {
  const OwnedFrame datagram(ethernet(0x0800, ipv4(17, udp("aabbcc", 135))));
  Packet packet;
  ASSERT_EQ(decode_packet(datagram.frame, Limits{}, packet), DecodeStatus::ok);
  EXPECT_EQ(verify_transport_checksum(packet), ChecksumResult::absent);
  OwnedFrame segment(ethernet(0x0800, ipv4(6, tcp())));
  segment.cut(56);
  ASSERT_EQ(decode_packet(segment.frame, Limits{}, packet), DecodeStatus::ok);
  EXPECT_EQ(verify_transport_checksum(packet), ChecksumResult::unknown);
}

TEST(Checksum, SumsAnyLength) {
  EXPECT_EQ(ones_complement_sum({}), 0);
  EXPECT_EQ(ones_complement_sum(hex("01")), 0x0100);
  EXPECT_EQ(ones_complement_sum(hex("0102")), 0x0102);
  EXPECT_EQ(ones_complement_sum(hex("ffff 0001")), 0x0001);
  // RFC 1071 3.
  EXPECT_EQ(ones_complement_sum(hex("0001 f203 f4f5 f6f7")), 0xddf2);
}

}  // namespace
}  // namespace rpcaudit::dissect
