#include "dissect/dissector.h"

#include <gtest/gtest.h>

#include "tests/support/hex.h"
#include "tests/support/recording_observer.h"
#include "tests/support/rpc_bytes.h"
#include "tests/support/tcp_frames.h"

namespace rpcaudit::dissect {
namespace {

using namespace test;

constexpr bool kClient = true;
constexpr bool kServer = false;

const ByteVector kBind = make_bind({{0, kSamr}});
const ByteVector kBindAck = make_bind_ack({{}});

ByteVector request(std::uint32_t call_id, std::uint16_t opnum = 1) {
  return make_request({0, opnum}, {.call_id = call_id});
}
ByteVector response(std::uint32_t call_id) { return make_response(0, {.call_id = call_id}); }

// A dissector, fed with segments one by one or as frames.
class DissectorTest : public testing::Test {
 protected:
  void feed(const std::vector<Segment>& segments) {
    for (const Segment& segment : segments) list_.add(segment);
  }
  void feed(const Segment& segment) { list_.add(segment); }
  void say(bool client, const ByteVector& message, std::size_t piece = SIZE_MAX) {
    feed(peers_.say(client, message, piece));
  }
  void connect() {
    feed(peers_.syn());
    feed(peers_.syn_ack());
  }

  std::string text() {
    Dissector dissector(limits_, observer_, 1);
    for (const Frame& frame : list_.frames()) {
      dissector.process({&frame, 1});
      dissector.advance({&frame, 1});
    }
    dissector.finish();
    statistics_ = dissector.statistics();
    EXPECT_EQ(observer_.complaints(), "");
    EXPECT_TRUE(observer_.all_closed());
    return observer_.text();
  }

  Limits limits_;
  RecordingObserver observer_;
  TcpPeers peers_;
  FrameList list_;
  DissectStatistics statistics_;
};

constexpr const char* kOneCall =
    "context 0 12345778/1.0 accepted call 1\n"
    "call 2 context 0 12345778/1.0 opnum 1 body 32 -> response\n";

TEST_F(DissectorTest, FindsRpcOnAnyPort) {
  connect();
  say(kClient, kBind);
  say(kServer, kBindAck);
  say(kClient, request(2));
  say(kServer, response(2));
  EXPECT_EQ(text(), kOneCall);
  EXPECT_EQ(statistics_.flows_rpc, 1u);
  EXPECT_EQ(statistics_.flows_joined_late, 0u);
}

TEST_F(DissectorTest, NeedsNoHandshake) {
  say(kClient, kBind);
  say(kServer, kBindAck);
  say(kClient, request(2));
  say(kServer, response(2));
  EXPECT_EQ(text(), kOneCall);
  EXPECT_EQ(statistics_.flows_joined_late, 1u);
}

TEST_F(DissectorTest, ReadsByteByByte) {
  connect();
  say(kClient, kBind, 1);
  say(kServer, kBindAck, 1);
  say(kClient, request(2), 1);
  say(kServer, response(2), 1);
  EXPECT_EQ(text(), kOneCall);
}

// The middle of a stream tells nothing; the first PDU that begins with a segment does.
TEST_F(DissectorTest, JoinsInTheMiddleOfAPdu) {
  const ByteVector big = make_request({0, 1, {}, 4000}, {.call_id = 1});
  feed(peers_.say(kClient, ByteVector(big.begin() + 100, big.end()), 1000));
  say(kServer, response(1));
  say(kClient, request(2));
  say(kServer, response(2));
  EXPECT_EQ(text(), "call 2 context 0 implied opnum 1 body 32 -> response\n");
}

TEST_F(DissectorTest, PutsSegmentsInOrder) {
  connect();
  say(kClient, kBind);
  say(kServer, kBindAck);
  auto segments = peers_.say(kClient, join({request(2), request(3, 7)}), 20);
  std::reverse(segments.begin(), segments.end());
  feed(segments);
  // In the order of the frames they began in, which is not the order in which they were said.
  EXPECT_EQ(text(),
            "context 0 12345778/1.0 accepted call 1\n"
            "call 3 context 0 12345778/1.0 opnum 7 body 32 -> unanswered\n"
            "call 2 context 0 12345778/1.0 opnum 1 body 32 -> unanswered\n");
}

// A capture may show an answer before its request: two queues, one connection.
TEST_F(DissectorTest, WaitsForTheRequestThatAResponseAnswers) {
  connect();
  say(kClient, kBind);
  say(kServer, kBindAck);
  const auto call = peers_.say(kClient, request(2));
  const auto answer = peers_.say(kServer, response(2));
  feed(answer);
  feed(call);
  EXPECT_EQ(text(), kOneCall);
}

TEST_F(DissectorTest, CountsRetransmissionsOnce) {
  connect();
  say(kClient, kBind);
  say(kServer, kBindAck);
  const auto call = peers_.say(kClient, request(2));
  feed(call);
  feed(call);
  say(kServer, response(2));
  feed(call);
  EXPECT_EQ(text(), kOneCall);
  EXPECT_EQ(statistics_.segments_retransmitted, 2u);
}

TEST_F(DissectorTest, GoesOnAfterALostSegment) {
  connect();
  say(kClient, kBind);
  say(kServer, kBindAck);
  (void)peers_.say(kClient, request(2));
  say(kServer, response(2));
  say(kClient, request(3, 9));
  say(kServer, response(3));
  EXPECT_EQ(text(),
            "context 0 12345778/1.0 accepted call 1\n"
            "call 3 context 0 12345778/1.0 opnum 9 body 32 -> response\n");
  EXPECT_EQ(observer_.blind(BlindnessKind::gap), 1u);
}

TEST_F(DissectorTest, FollowsSequenceNumbersOverTheirWrap) {
  peers_ = TcpPeers(40000, 0xffff'ffe0, 0xffff'fff0);
  connect();
  say(kClient, kBind, 30);
  say(kServer, kBindAck, 30);
  say(kClient, request(2), 30);
  say(kServer, response(2), 30);
  EXPECT_EQ(text(), kOneCall);
}

TEST_F(DissectorTest, StartsAnewWhenPortsAreReused) {
  for (std::uint32_t round = 0; round < 2; ++round) {
    peers_ = TcpPeers(40000, 1000 + round * 900'000, 5000);
    connect();
    say(kClient, kBind);
    say(kServer, kBindAck);
  }
  EXPECT_EQ(text(),
            "context 0 12345778/1.0 accepted call 1\n"
            "context 0 12345778/1.0 accepted call 1\n");
  EXPECT_EQ(statistics_.flows_rpc, 2u);
}

TEST_F(DissectorTest, FollowsAConnectionThatGoesOnAfterAReset) {
  connect();
  say(kClient, kBind);
  say(kServer, kBindAck);
  say(kClient, request(2));
  feed(peers_.rst(kServer));
  say(kClient, request(3));
  EXPECT_EQ(text(),
            "context 0 12345778/1.0 accepted call 1\n"
            "call 2 context 0 12345778/1.0 opnum 1 body 32 -> unanswered\n"
            "call 3 context 0 12345778/1.0 opnum 1 body 32 -> unanswered\n");
}

TEST_F(DissectorTest, ReadsWhatASnapLengthLeaves) {
  connect();
  say(kClient, kBind);
  say(kServer, kBindAck);
  const auto frames =
      make_ethernet(peers_.say(kClient, make_request({0, 4, {}, 900}, {.call_id = 2}))[0]);
  list_.add(frames[0], 98);
  say(kClient, request(3));
  EXPECT_EQ(text(),
            "context 0 12345778/1.0 accepted call 1\n"
            "call 2 context 0 12345778/1.0 opnum 4 body 20 -> unanswered\n"
            "call 3 context 0 12345778/1.0 opnum 1 body 32 -> unanswered\n");
  EXPECT_EQ(observer_.blind(BlindnessKind::snap_length_cut), 1u);
}

TEST_F(DissectorTest, ReadsIpFragments) {
  connect();
  say(kClient, kBind);
  say(kServer, kBindAck);
  for (ByteVector& piece : make_ethernet(peers_.say(kClient, request(2))[0], 7, 24)) {
    list_.add(std::move(piece));
  }
  say(kServer, response(2));
  EXPECT_EQ(text(), kOneCall);
}

TEST_F(DissectorTest, SeesRpcBehindTheHttpBanner) {
  connect();
  say(kServer, hex("6e6361636e5f687474702f312e30"));
  say(kClient, kBind);
  say(kServer, kBindAck);
  say(kClient, request(2));
  say(kServer, response(2));
  EXPECT_EQ(text(), kOneCall);
}

TEST_F(DissectorTest, LooksIntoSmb) {
  connect();
  say(kClient, hex("00000054 fe534d42 4000 0000"));
  say(kServer, hex("00000054 fe534d42 4000 0000"));
  EXPECT_EQ(text(), "");
  EXPECT_EQ(statistics_.flows_smb, 1u);
}

TEST_F(DissectorTest, EndsAnSmbConnectionThatWasOverLongAgo) {
  connect();
  say(kClient, hex("00000054 fe534d42 4000 0000"));
  feed(peers_.rst(kClient));
  peers_ = TcpPeers(40001);
  const std::size_t later = list_.size();
  connect();
  for (std::size_t i = later; i < list_.size(); ++i) {
    list_.set_time(i, {60 * kNanosecondsPerSecond});
  }
  EXPECT_EQ(text(), "");
  EXPECT_EQ(statistics_.flows_smb, 1u);
}

// What others have been seen to take for RPC.
TEST_F(DissectorTest, ClaimsNothingThatOnlyBeginsLikeRpc) {
  const char* const kStreams[] = {
      "05 01 00",                                             // SOCKS5 greeting
      "0500 0100 00000000 0000 0000 00000000 0000",           // Oracle TNS
      "0500 0b03 10000000 0500 0000 01000000 00000000 0000",  // a length below the header's
      "05",
  };
  std::uint16_t port = 41000;
  for (const char* stream : kStreams) {
    peers_ = TcpPeers(port++);
    connect();
    say(kClient, hex(stream));
    say(kServer, hex("0500"));
    say(kClient, hex("00112233445566778899"));
    feed(peers_.fin(kClient));
    feed(peers_.fin(kServer));
  }
  EXPECT_EQ(text(), "");
  EXPECT_EQ(statistics_.flows_rpc, 0u);
}

// A damaged timestamp ends what waits at that moment, and nothing after it.
TEST_F(DissectorTest, GetsOverAFrameFromTheFuture) {
  connect();
  say(kClient, kBind);
  say(kServer, kBindAck);
  const std::size_t before = list_.size();
  feed(peers_.ack(kClient));
  list_.set_time(before, {std::int64_t{1} << 62});
  say(kClient, request(2));
  feed(peers_.ack(kServer));
  say(kServer, response(2));
  EXPECT_EQ(text(), kOneCall);
  EXPECT_EQ(statistics_.outcomes_given_up, 0u);
}

TEST_F(DissectorTest, EvictsTheIdlestConnectionAndSaysSo) {
  limits_.rpc_connections = 4;
  for (std::uint16_t port = 1; port <= 10; ++port) {
    peers_ = TcpPeers(port);
    connect();
    say(kClient, kBind);
  }
  text();
  EXPECT_EQ(statistics_.flows_rpc, 10u);
  EXPECT_EQ(statistics_.connections_evicted, 6u);
  EXPECT_EQ(observer_.blind(BlindnessKind::table_eviction), 6u);
}

}  // namespace
}  // namespace rpcaudit::dissect
