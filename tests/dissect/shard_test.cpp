#include "dissect/shard.h"

#include <gtest/gtest.h>

#include <set>

#include "tests/support/datagram_frames.h"
#include "tests/support/tcp_frames.h"

namespace rpcaudit::dissect {
namespace {

using namespace test;

std::uint32_t shard(const ByteVector& bytes, std::uint32_t shards) {
  Frame frame;
  frame.bytes = bytes;
  return shard_of(frame, Limits{}, shards);
}

TEST(Shard, IsTheSameForBothDirectionsAllPortsAndFragments) {
  for (std::uint32_t host = 1; host < 50; ++host) {
    Segment to{.source = 0x0a000000 + host, .payload = ByteVector(100)};
    Segment back{.source = to.destination, .destination = to.source, .source_port = 1};
    const std::uint32_t expected = shard(make_ethernet(to)[0], 4);
    EXPECT_EQ(shard(make_ethernet(back)[0], 4), expected);
    for (const ByteVector& piece : make_ethernet(to, 7, 40)) EXPECT_EQ(shard(piece, 4), expected);
  }
}

TEST(Shard, SpreadsHostPairs) {
  std::multiset<std::uint32_t> shards;
  for (std::uint32_t host = 1; host <= 1000; ++host) {
    shards.insert(shard(make_ethernet({.source = 0x0a000000 + host})[0], 4));
  }
  for (std::uint32_t i = 0; i < 4; ++i) EXPECT_NEAR(static_cast<double>(shards.count(i)), 250, 60);
}

// Its answers may come from another host.
TEST(Shard, IsTheFirstForConnectionlessRpc) {
  for (std::uint32_t host = 1; host < 50; ++host) {
    const UdpDatagram request{.source = 0x0a000000 + host, .payload = make_datagram({})};
    EXPECT_EQ(shard(make_udp_frame(request), 4), 0u);
  }
}

TEST(Shard, IsTheFirstForFramesWithoutIp) { EXPECT_EQ(shard(ByteVector(60), 4), 0u); }

}  // namespace
}  // namespace rpcaudit::dissect
