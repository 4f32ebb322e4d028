#include "dissect/tcp/flow_table.h"

#include <gtest/gtest.h>

#include <map>
#include <random>
#include <set>
#include <unordered_map>
#include <vector>

namespace rpcaudit::dissect {
namespace {

constexpr Timestamp kNow{1'700'000'000 * kNanosecondsPerSecond};

Timestamp later(std::int64_t seconds) {
  return {kNow.nanoseconds + seconds * kNanosecondsPerSecond};
}

Packet packet_of(std::uint32_t source, std::uint16_t source_port, std::uint32_t destination,
                 std::uint16_t destination_port, Transport transport = Transport::tcp) {
  Packet packet;
  packet.source = AddressWords::v4(source);
  packet.destination = AddressWords::v4(destination);
  packet.source_port = source_port;
  packet.destination_port = destination_port;
  packet.transport = transport;
  packet.ip_version = 4;
  return packet;
}

Packet reversed(Packet packet) {
  std::swap(packet.source, packet.destination);
  std::swap(packet.source_port, packet.destination_port);
  return packet;
}

Limits limits_of(std::size_t flows) {
  Limits limits;
  limits.flows = flows;
  return limits;
}

TEST(FlowKey, IsTheSameInBothDirections) {
  const FlowTable table(limits_of(64), 1);
  std::mt19937 random(3);
  for (int round = 0; round < 10'000; ++round) {
    const auto some = [&random] { return static_cast<std::uint32_t>(random()); };
    Packet packet = packet_of(some(), static_cast<std::uint16_t>(some()), some(),
                              static_cast<std::uint16_t>(some()));
    if (round % 2 == 0) {
      packet.ip_version = 6;
      packet.source = {random(), random()};
      packet.destination = {round % 4 == 0 ? packet.source.high : random(), random()};
    }
    const FlowKey there = table.key(packet);
    const FlowKey back = table.key(reversed(packet));
    EXPECT_EQ(there.tag, back.tag);
    EXPECT_NE(there.direction, back.direction);
    EXPECT_NE(there.tag, 0u);
  }
}

TEST(FlowKey, DependsOnEveryPartAndOnTheSeed) {
  const FlowTable table(limits_of(64), 1);
  const FlowTable other(limits_of(64), 2);
  Packet v6 = packet_of(1, 2, 3, 4);
  v6.ip_version = 6;
  Packet v6_high = v6;
  v6_high.source.high = 1;
  const std::set<std::uint64_t> tags{
      table.key(packet_of(1, 2, 3, 4)).tag,
      table.key(packet_of(1, 2, 3, 5)).tag,
      table.key(packet_of(1, 4, 3, 2)).tag,  // the ports the other way around
      table.key(packet_of(1, 2, 4, 4)).tag,
      table.key(packet_of(2, 2, 3, 4)).tag,
      table.key(packet_of(1, 2, 3, 4, Transport::udp)).tag,
      table.key(v6).tag,
      table.key(v6_high).tag,
      other.key(packet_of(1, 2, 3, 4)).tag,
  };
  EXPECT_EQ(tags.size(), 9u);
}

TEST(FlowKey, OfOneEndpointWithItselfIsForward) {
  const FlowTable table(limits_of(64), 1);
  EXPECT_EQ(table.key(packet_of(1, 2, 1, 2)).direction, Direction::forward);
}

// Few bits differ between neighbours; all of the tag must, or lines fill unevenly.
TEST(FlowKey, SpreadsNeighboursEvenly) {
  const FlowTable table(limits_of(64), 1);
  std::vector<unsigned> lines(4096);
  for (std::uint32_t host = 0; host < 64; ++host) {
    for (std::uint16_t port = 0; port < 1024; ++port) {
      ++lines[table.key(packet_of(0x0a000000 + host, port, 0x0b000000, 135)).tag % lines.size()];
    }
  }
  for (const unsigned count : lines) {  // 16 on average, standard deviation 4
    EXPECT_LT(count, 16u + 7 * 4);
  }
}

TEST(HostPairHash, KnowsHostsOnly) {
  const std::uint64_t hash = host_pair_hash(packet_of(1, 2, 3, 4));
  EXPECT_EQ(hash, host_pair_hash(packet_of(3, 9, 1, 8, Transport::fragment)));
  EXPECT_NE(hash, host_pair_hash(packet_of(1, 2, 4, 4)));
}

TEST(FlowTable, FindsWhatItInserted) {
  FlowTable table(limits_of(1024), 1);
  const FlowLookup first = table.find_or_insert(42, kNow);
  EXPECT_TRUE(first.inserted);
  EXPECT_FALSE(first.evicted);
  EXPECT_EQ(first.entry->state(), 0u);
  EXPECT_EQ(first.entry->value, 0u);
  first.entry->value = 7;
  first.entry->set_state(FlowEntry::kStateMax);
  first.entry->set_valuable(true);

  const FlowLookup again = table.find_or_insert(42, later(5));
  EXPECT_FALSE(again.inserted);
  EXPECT_EQ(again.entry->value, 7u);
  EXPECT_EQ(again.entry->state(), FlowEntry::kStateMax);
  EXPECT_TRUE(again.entry->is_valuable());
  EXPECT_EQ(table.find(42), again.entry);
  EXPECT_EQ(table.size(), 1u);

  table.erase(42);
  EXPECT_EQ(table.find(42), nullptr);
  EXPECT_EQ(table.size(), 0u);
  EXPECT_EQ(table.find_or_insert(42, later(6)).entry->state(), 0u);
}

// Tags that share their low bits share a line.
TEST(FlowTable, ForgetsTheLongestIdle) {
  FlowTable table(limits_of(32), 1);  // one window
  for (std::uint64_t tag = 1; tag <= 32; ++tag) {
    table.find_or_insert(tag, later(static_cast<std::int64_t>(tag) * 2)).entry->value =
        static_cast<std::uint32_t>(tag);
  }
  (void)table.find_or_insert(1, later(100));  // so 2 is the one idle the longest
  const FlowLookup lookup = table.find_or_insert(33, later(101));
  EXPECT_TRUE(lookup.inserted);
  ASSERT_TRUE(lookup.evicted);
  EXPECT_EQ(lookup.evicted->tag, 2u);
  EXPECT_EQ(lookup.evicted->value, 2u);
  EXPECT_EQ(table.find(2), nullptr);
  EXPECT_EQ(table.counters().evicted, 1u);
  EXPECT_EQ(table.size(), 32u);
}

TEST(FlowTable, KeepsTheValuableWhileItCan) {
  FlowTable table(limits_of(32), 1);
  for (std::uint64_t tag = 1; tag <= 31; ++tag) {
    table.find_or_insert(tag, kNow).entry->set_valuable(true);
  }
  (void)table.find_or_insert(32, later(10));
  EXPECT_EQ(table.find_or_insert(33, later(20)).evicted->tag, 32u);
  table.find(33)->set_valuable(true);
  const FlowLookup lookup = table.find_or_insert(34, later(30));
  ASSERT_TRUE(lookup.evicted);
  EXPECT_TRUE(lookup.evicted->is_valuable());
  EXPECT_LE(lookup.evicted->tag, 31u);
}

TEST(FlowTable, ReplacesTheExpiredFirst) {
  Limits limits = limits_of(32);
  limits.flow_idle = {60 * kNanosecondsPerSecond};
  FlowTable table(limits, 1);
  (void)table.find_or_insert(16, kNow);
  const FlowLookup lookup = table.find_or_insert(24, later(100));
  ASSERT_TRUE(lookup.evicted);
  EXPECT_EQ(lookup.evicted->tag, 16u);
  EXPECT_EQ(table.counters().evicted, 0u);
  EXPECT_EQ(table.counters().expired, 1u);
}

TEST(FlowTable, TheValuableDoNotExpire) {
  Limits limits = limits_of(32);
  limits.flow_idle = {60 * kNanosecondsPerSecond};
  FlowTable table(limits, 1);
  table.find_or_insert(8, kNow).entry->set_valuable(true);
  (void)table.find_or_insert(16, later(1'000'000));
  EXPECT_NE(table.find(8), nullptr);
  EXPECT_EQ(table.counters().expired, 0u);
}

TEST(FlowTable, WhatComesOutOfATunnelIsAnotherFlow) {
  const FlowTable table(limits_of(32), 1);
  Packet packet = packet_of(1, 2, 3, 4);
  const std::uint64_t outside = table.key(packet).tag;
  packet.tunnel = 5;
  const std::uint64_t inside = table.key(packet).tag;
  EXPECT_NE(inside, outside);
  packet.tunnel = 7;
  EXPECT_NE(table.key(packet).tag, inside);
}

TEST(FlowTable, TimeMayGoBack) {
  FlowTable table(limits_of(32), 1);
  for (std::uint64_t tag = 1; tag <= 32; ++tag) (void)table.find_or_insert(tag, later(1000));
  EXPECT_EQ(table.find_or_insert(33, kNow).evicted.has_value(), true);
  EXPECT_EQ(table.counters().evicted, 1u);
  EXPECT_EQ(table.counters().expired, 0u);
}

// While nothing has to be forgotten, it is a map.
TEST(FlowTable, BehavesLikeAMap) {
  FlowTable table(limits_of(1 << 12), 1);
  std::unordered_map<std::uint64_t, std::uint32_t> model;
  std::mt19937_64 random(5);
  std::vector<std::uint64_t> tags(3000);
  for (std::uint64_t& tag : tags) tag = random() | 1u << 20;
  for (std::uint32_t round = 1; round < 200'000; ++round) {
    const std::uint64_t tag = tags[random() % tags.size()];
    if (random() % 2 == 0 && model.size() < 2048) {
      const FlowLookup lookup = table.find_or_insert(tag, kNow);
      ASSERT_FALSE(lookup.evicted);
      ASSERT_EQ(lookup.inserted, model.find(tag) == model.end());
      if (!lookup.inserted) {
        ASSERT_EQ(lookup.entry->value, model[tag]);
      }
      lookup.entry->value = round;
      model[tag] = round;
    } else if (random() % 2 == 0) {
      table.erase(tag);
      model.erase(tag);
    } else {
      const FlowEntry* entry = table.find(tag);
      const auto expected = model.find(tag);
      ASSERT_EQ(entry != nullptr, expected != model.end());
      if (entry != nullptr) {
        ASSERT_EQ(entry->value, expected->second);
      }
    }
    ASSERT_EQ(table.size(), model.size());
  }
  EXPECT_EQ(table.counters().evicted, 0u);
}

TEST(FlowTable, HalfFullForgetsNothing) {
  FlowTable table(limits_of(1 << 17), 9);
  std::mt19937_64 random(6);
  std::vector<std::uint64_t> tags(1 << 16);
  for (std::uint64_t& tag : tags) {
    tag = random();
    (void)table.find_or_insert(tag, kNow);
  }
  EXPECT_EQ(table.counters().evicted, 0u);
  for (const std::uint64_t tag : tags) EXPECT_NE(table.find(tag), nullptr);
}

}  // namespace
}  // namespace rpcaudit::dissect
