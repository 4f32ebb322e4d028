#include "dissect/net/ip_fragments.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <random>
#include <vector>

#include "tests/dissect/net/packet_text.h"

namespace rpcaudit::dissect {
namespace {

using ByteVector = std::vector<std::byte>;

constexpr Timestamp kNow{1'700'000'000 * kNanosecondsPerSecond};

Timestamp later(std::int64_t milliseconds) { return {kNow.nanoseconds + milliseconds * 1'000'000}; }

ByteVector some_bytes(std::size_t size, unsigned seed = 1) {
  std::mt19937 random(seed);
  ByteVector bytes(size);
  for (std::byte& byte : bytes) byte = static_cast<std::byte>(random());
  return bytes;
}

struct Datagrams {
  ByteVector bytes;
  std::uint32_t identification = 7;
  std::uint8_t ip_version = 4;
  std::uint8_t protocol = 17;

  [[nodiscard]] Packet fragment(std::size_t begin, std::size_t end) const {
    Packet packet;
    packet.source = AddressWords::v4(1);
    packet.destination = AddressWords::v4(2);
    packet.ip_version = ip_version;
    packet.transport = Transport::fragment;
    packet.payload = Bytes(bytes).subspan(begin, end - begin);
    packet.payload_length = static_cast<std::uint32_t>(end - begin);
    packet.fragment = {identification, static_cast<std::uint32_t>(begin), protocol,
                       end != bytes.size()};
    return packet;
  }
};

ByteVector copy(Bytes bytes) { return {bytes.begin(), bytes.end()}; }

TEST(IpFragments, PutsADatagramTogether) {
  const Datagrams whole{some_bytes(3000)};
  IpFragments fragments(Limits{}, 1);
  EXPECT_FALSE(fragments.add(whole.fragment(0, 1480), kNow));
  EXPECT_FALSE(fragments.add(whole.fragment(1480, 2960), kNow));
  EXPECT_EQ(fragments.size(), 1u);
  const std::optional<Datagram> datagram = fragments.add(whole.fragment(2960, 3000), kNow);
  ASSERT_TRUE(datagram);
  EXPECT_EQ(copy(datagram->payload), whole.bytes);
  EXPECT_EQ(datagram->payload_length, 3000u);
  EXPECT_EQ(datagram->protocol, 17);
  EXPECT_EQ(datagram->source, AddressWords::v4(1));
  EXPECT_EQ(fragments.size(), 0u);
  EXPECT_EQ(fragments.counters().datagrams, 1u);
}

// Whatever the sizes, the order and the repetitions, the same bytes come out, and once.
TEST(IpFragments, OrderAndRepetitionDoNotMatter) {
  std::mt19937 random(4);
  IpFragments fragments(Limits{}, 1);
  for (std::uint32_t round = 0; round < 500; ++round) {
    Datagrams whole{some_bytes(1 + random() % 9000, round), round};
    whole.ip_version = round % 2 == 0 ? 4 : 6;
    std::vector<Packet> parts;
    for (std::size_t at = 0; at < whole.bytes.size();) {
      const std::size_t end = std::min(whole.bytes.size(), at + 8 * (1 + random() % 200));
      parts.push_back(whole.fragment(at, end));
      if (random() % 4 == 0) parts.push_back(whole.fragment(at, end));
      const std::size_t back = std::min(at, std::size_t{8} * (random() % 3));
      if (random() % 4 == 0) parts.push_back(whole.fragment(at - back, end));
      at = end;
    }
    std::shuffle(parts.begin(), parts.end(), random);
    int completed = 0;
    for (const Packet& part : parts) {
      const std::optional<Datagram> datagram = fragments.add(part, later(round));
      if (!datagram) continue;
      ++completed;
      ASSERT_EQ(copy(datagram->payload), whole.bytes);
    }
    ASSERT_EQ(completed, 1);
    ASSERT_EQ(fragments.size(), 0u);
  }
}

TEST(IpFragments, TheFirstBytesWin) {
  const Datagrams first{ByteVector(32, std::byte{1})};
  const Datagrams second{ByteVector(32, std::byte{2})};
  IpFragments fragments(Limits{}, 1);
  (void)fragments.add(first.fragment(8, 16), kNow);
  (void)fragments.add(second.fragment(0, 24), kNow);
  const std::optional<Datagram> datagram = fragments.add(first.fragment(16, 32), kNow);
  ASSERT_TRUE(datagram);
  EXPECT_EQ(copy(datagram->payload),
            hex("0202020202020202 0101010101010101 0202020202020202 0101010101010101"));
  EXPECT_EQ(fragments.counters().overlaps, 2u);
}

TEST(IpFragments, SaysWhenCopiesDiffer) {
  const Datagrams first{ByteVector(32, std::byte{1})};
  const Datagrams second{ByteVector(32, std::byte{2})};
  struct Row {
    const char* name;
    std::vector<Packet> parts;
    bool conflicts;
  };
  const Row rows[] = {
      {"the same bytes", {first.fragment(0, 16), first.fragment(8, 24), first.fragment(16, 32)}, 0},
      {"other bytes", {first.fragment(0, 16), second.fragment(8, 24), first.fragment(16, 32)}, 1},
      {"around", {first.fragment(8, 16), second.fragment(0, 24), first.fragment(16, 32)}, 1},
      {"side by side", {first.fragment(0, 16), second.fragment(16, 32)}, 0},
      {"other end",
       {first.fragment(0, 16), first.fragment(24, 32), Datagrams{ByteVector(48)}.fragment(40, 48),
        first.fragment(16, 24)},
       1},
  };
  for (const Row& row : rows) {
    IpFragments fragments(Limits{}, 1);
    std::optional<Datagram> datagram;
    for (const Packet& part : row.parts) {
      const std::optional<Datagram> added = fragments.add(part, kNow);
      if (added) datagram = added;
    }
    ASSERT_TRUE(datagram) << row.name;
    EXPECT_EQ(datagram->doubts.contains(Doubt::fragment_conflict), row.conflicts) << row.name;
  }
}

TEST(IpFragments, ReturnsTheOtherReadingOfALateCopy) {
  const Datagrams first{ByteVector(24, std::byte{1})};
  const Datagrams second{ByteVector(24, std::byte{2})};
  IpFragments fragments(Limits{}, 1);
  (void)fragments.add(first.fragment(0, 8), kNow);
  const std::optional<Datagram> before = fragments.add(first.fragment(8, 24), kNow);
  ASSERT_TRUE(before);
  EXPECT_FALSE(before->doubts.any());
  EXPECT_FALSE(fragments.add(first.fragment(0, 8), later(1)));
  const std::optional<Datagram> after = fragments.add(second.fragment(0, 8), later(2));
  ASSERT_TRUE(after);
  EXPECT_EQ(copy(after->payload), hex("0202020202020202 0101010101010101 0101010101010101"));
  EXPECT_TRUE(after->doubts.contains(Doubt::fragment_conflict));
  EXPECT_EQ(fragments.counters().conflicts, 1u);
  EXPECT_EQ(fragments.size(), 0u);
}

TEST(IpFragments, TunnelsAreApart) {
  const Datagrams whole{some_bytes(16)};
  Packet inside = whole.fragment(8, 16);
  inside.tunnel = 3;
  IpFragments fragments(Limits{}, 1);
  (void)fragments.add(whole.fragment(0, 8), kNow);
  EXPECT_FALSE(fragments.add(inside, kNow));
  EXPECT_EQ(fragments.size(), 2u);
}

TEST(IpFragments, KeepsDatagramsApart) {
  const Datagrams a{some_bytes(16, 1), 1};
  const Datagrams b{some_bytes(16, 2), 2};
  Datagrams other_protocol{some_bytes(16, 3), 1};
  other_protocol.protocol = 6;
  IpFragments fragments(Limits{}, 1);
  (void)fragments.add(a.fragment(0, 8), kNow);
  (void)fragments.add(b.fragment(0, 8), kNow);
  (void)fragments.add(other_protocol.fragment(0, 8), kNow);
  EXPECT_EQ(copy(fragments.add(b.fragment(8, 16), kNow)->payload), b.bytes);
  EXPECT_EQ(copy(fragments.add(a.fragment(8, 16), kNow)->payload), a.bytes);
  EXPECT_EQ(copy(fragments.add(other_protocol.fragment(8, 16), kNow)->payload),
            other_protocol.bytes);
}

// RFC 8200 4.5: only the first fragment says what an IPv6 datagram holds.
TEST(IpFragments, TheProtocolIsThatOfTheFirstFragment) {
  Datagrams whole{some_bytes(16)};
  whole.ip_version = 6;
  Packet last = whole.fragment(8, 16);
  last.fragment.protocol = 60;
  IpFragments fragments(Limits{}, 1);
  (void)fragments.add(last, kNow);
  const std::optional<Datagram> datagram = fragments.add(whole.fragment(0, 8), kNow);
  ASSERT_TRUE(datagram);
  EXPECT_EQ(datagram->protocol, 17);
}

TEST(IpFragments, EndsWhereTheCaptureWasCut) {
  const Datagrams whole{some_bytes(40)};
  Packet cut = whole.fragment(8, 24);
  cut.payload = cut.payload.first(5);
  IpFragments fragments(Limits{}, 1);
  (void)fragments.add(whole.fragment(0, 8), kNow);
  (void)fragments.add(whole.fragment(24, 40), kNow);
  const std::optional<Datagram> datagram = fragments.add(cut, kNow);
  ASSERT_TRUE(datagram);
  EXPECT_EQ(copy(datagram->payload), copy(Bytes(whole.bytes).first(13)));
  EXPECT_EQ(datagram->payload_length, 40u);
}

struct BadFragment {
  const char* name;
  std::uint32_t offset;
  std::uint32_t length;
  bool more;
};

TEST(IpFragments, RefusesWhatContradictsItself) {
  const ByteVector bytes(70000);
  constexpr BadFragment kCases[] = {{"empty", 0, 0, true},
                                    {"partial_unit", 0, 12, true},
                                    {"beyond_the_largest_datagram", 65528, 16, false},
                                    {"shorter_than_what_came", 8, 8, false},
                                    {"another_end", 24, 16, false},
                                    {"beyond_the_end", 32, 8, true}};
  for (const BadFragment& row : kCases) {
    IpFragments fragments(Limits{}, 1);
    const Datagrams whole{some_bytes(32)};
    (void)fragments.add(whole.fragment(16, 32), kNow);
    Packet packet = whole.fragment(0, 8);
    packet.payload = Bytes(bytes).first(row.length);
    packet.payload_length = row.length;
    packet.fragment.offset = row.offset;
    packet.fragment.more = row.more;
    EXPECT_FALSE(fragments.add(packet, kNow)) << row.name;
    EXPECT_EQ(fragments.counters().malformed, 1u) << row.name;
    EXPECT_TRUE(fragments.add(whole.fragment(0, 16), kNow)) << row.name;
  }
}

TEST(IpFragments, SwallowsLateCopies) {
  const Datagrams whole{some_bytes(32)};
  IpFragments fragments(Limits{}, 1);
  (void)fragments.add(whole.fragment(0, 16), kNow);
  EXPECT_TRUE(fragments.add(whole.fragment(16, 32), kNow));
  EXPECT_FALSE(fragments.add(whole.fragment(16, 32), later(1)));
  EXPECT_EQ(fragments.size(), 0u);
  // Much later, the identification is used again.
  EXPECT_FALSE(fragments.add(whole.fragment(16, 32), later(1000)));
  EXPECT_TRUE(fragments.add(whole.fragment(0, 16), later(1000)));
}

TEST(IpFragments, ForgetsByAge) {
  const Datagrams whole{some_bytes(32)};
  IpFragments fragments(Limits{}, 1);
  (void)fragments.add(whole.fragment(0, 16), kNow);
  EXPECT_FALSE(fragments.add(whole.fragment(16, 32), later(31'000)));
  EXPECT_EQ(fragments.counters().expired, 1u);
  EXPECT_EQ(fragments.counters().unfinished(), 1u);
  EXPECT_EQ(fragments.size(), 1u);
}

TEST(IpFragments, ForgetsTheOldestForRoom) {
  Limits limits;
  limits.ip_fragment_chains = 4;
  IpFragments fragments(limits, 1);
  std::vector<Datagrams> datagrams;
  for (std::uint32_t i = 0; i < 5; ++i) datagrams.push_back({some_bytes(16, i), i});
  for (const Datagrams& whole : datagrams) (void)fragments.add(whole.fragment(0, 8), kNow);
  EXPECT_EQ(fragments.counters().evicted, 1u);
  EXPECT_EQ(fragments.size(), 4u);
  EXPECT_TRUE(fragments.add(datagrams[1].fragment(8, 16), kNow));
  EXPECT_FALSE(fragments.add(datagrams[0].fragment(8, 16), kNow));
}

TEST(IpFragments, StaysWithinItsBytes) {
  Limits limits;
  limits.ip_fragment_bytes = 16 * kPieceBytesMax;
  IpFragments fragments(limits, 1);
  for (std::uint32_t i = 0; i < 1000; ++i) {
    const Datagrams whole{some_bytes(6000, i), i};
    (void)fragments.add(whole.fragment(1480, 2960), kNow);
    (void)fragments.add(whole.fragment(2960, 4440), kNow);
    EXPECT_LE(fragments.size(), 8u);
  }
  EXPECT_GE(fragments.counters().evicted, 990u);
  const Datagrams too_large{some_bytes(60000), 5000};
  for (std::size_t at = 0; at < 60000; at += 1480) {
    EXPECT_FALSE(
        fragments.add(too_large.fragment(at, std::min<std::size_t>(60000, at + 1480)), kNow));
  }
}

// The way through the decoder: a TCP segment in fragments, in a tunnel whose packets are fragments.
TEST(IpFragments, DecodeToTheSegmentInside) {
  using namespace test;
  const std::string inner = ipv4(6, tcp(std::string(128, 'a')));
  const std::string outer = "0000 0800" + inner;  // GRE
  const ByteVector payload = hex(outer);
  std::string clean;
  for (const char c : outer) {
    if (c != ' ') clean += c;
  }
  IpFragments fragments(Limits{}, 1);
  std::optional<Datagram> datagram;
  for (std::size_t at = 0; at < payload.size(); at += 40) {
    const bool more = at + 40 < payload.size();
    const unsigned place = (more ? 0x2000u : 0u) | static_cast<unsigned>(at / 8);
    const OwnedFrame owned(ethernet(0x0800, ipv4(47, clean.substr(2 * at, 80), {.place = place})));
    Packet packet;
    ASSERT_EQ(decode_packet(owned.frame, Limits{}, packet), DecodeStatus::fragment);
    datagram = fragments.add(packet, kNow);
  }
  ASSERT_TRUE(datagram);
  Packet packet;
  ASSERT_EQ(decode_datagram(*datagram, Limits{}, packet), DecodeStatus::ok);
  EXPECT_EQ(packet.transport, Transport::tcp);
  EXPECT_EQ(packet.payload_length, 64u);
  EXPECT_EQ(packet.depth, 1);
}

TEST(IpFragments, OfAnIpv6DatagramMayBeginWithOptions) {
  using namespace test;
  const std::string segment = tcp("0102030405060708");
  Datagram datagram;
  datagram.ip_version = 6;
  datagram.protocol = 60;
  const ByteVector bytes = hex("0600 0102 00000000" + segment);
  datagram.payload = bytes;
  datagram.payload_length = static_cast<std::uint32_t>(bytes.size());
  Packet packet;
  ASSERT_EQ(decode_datagram(datagram, Limits{}, packet), DecodeStatus::ok);
  EXPECT_EQ(packet.payload_length, 8u);

  const ByteVector nested = hex("0600 0001 00000007" + segment);
  datagram.protocol = 44;
  datagram.payload = nested;
  EXPECT_EQ(decode_datagram(datagram, Limits{}, packet), DecodeStatus::malformed);
}

}  // namespace
}  // namespace rpcaudit::dissect
