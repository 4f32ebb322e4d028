#include "dissect/tcp_flows.h"

#include <gtest/gtest.h>

#include "dissect/dissector.h"
#include "tests/support/hex.h"
#include "tests/support/recording_observer.h"
#include "tests/support/rpc_bytes.h"
#include "tests/support/smb_bytes.h"
#include "tests/support/tcp_frames.h"

// Which flows are dissected, whatever comes before what they carry.
namespace rpcaudit::dissect {
namespace {

using namespace test;

constexpr bool kClient = true;
constexpr bool kServer = false;
constexpr std::uint32_t kClientFirst = 1001;
constexpr std::uint32_t kServerFirst = 5001;

const ByteVector kGarbage = hex("16030100a5010000a1030352362c101366");

// A conversation and what a dissector makes of it.
class Talk {
 public:
  void connect() {
    list.add(peers.syn());
    list.add(peers.syn_ack());
  }
  void say(bool client, const ByteVector& message, std::size_t piece = SIZE_MAX) {
    for (const Segment& segment : peers.say(client, message, piece)) list.add(segment);
  }
  // One call with its bind, whole.
  void call(std::size_t piece = SIZE_MAX) {
    say(kClient, make_bind({{0, kSamr}}), piece);
    say(kServer, make_bind_ack({{}}), piece);
    request_and_response(2, piece);
  }
  void request_and_response(std::uint32_t call_id, std::size_t piece = SIZE_MAX) {
    say(kClient, make_request({0, 1}, {.call_id = call_id}), piece);
    say(kServer, make_response(0, {.call_id = call_id}), piece);
  }
  // A segment that does not advance the conversation.
  void inject(bool client, std::uint32_t sequence, const ByteVector& payload) {
    Segment segment = peers.ack(client);
    segment.sequence = sequence;
    segment.flags = 0x18;
    segment.payload = payload;
    list.add(segment);
  }

  std::string text() {
    Dissector dissector(limits, observer, 1);
    for (const Frame& frame : list.frames()) {
      dissector.process({&frame, 1});
      dissector.advance({&frame, 1});
    }
    dissector.finish();
    statistics = dissector.statistics();
    EXPECT_EQ(observer.complaints(), "");
    return observer.text();
  }

  Limits limits;
  RecordingObserver observer;
  TcpPeers peers;
  FrameList list;
  DissectStatistics statistics;
};

constexpr const char* kOneCall =
    "context 0 12345778/1.0 accepted call 1\n"
    "call 2 context 0 12345778/1.0 opnum 1 body 32 -> response\n";
constexpr const char* kCallWithoutBind = "call 2 context 0 implied opnum 1 body 32 -> response\n";

TEST(TcpFlows, FollowsTheClientsFirstBytesBehindADecoyOfThem) {
  Talk talk;
  talk.connect();
  talk.inject(kClient, kClientFirst, kGarbage);
  talk.call();
  EXPECT_EQ(talk.text(), kOneCall);
  EXPECT_EQ(talk.statistics.flows_joined_late, 0u);
  EXPECT_EQ(talk.statistics.flows_taken_up, 1u);
}

TEST(TcpFlows, FollowsThemByteByByteToo) {
  Talk talk;
  talk.connect();
  talk.inject(kClient, kClientFirst, kGarbage);
  talk.call(1);
  EXPECT_EQ(talk.text(), kOneCall);
}

TEST(TcpFlows, FollowsTheClientBehindADecoyOfTheServer) {
  Talk talk;
  talk.connect();
  talk.inject(kServer, kServerFirst + 77, kGarbage);
  talk.call();
  EXPECT_EQ(talk.text(), kOneCall);
}

TEST(TcpFlows, FollowsTheClientBehindManyDecoys) {
  Talk talk;
  talk.connect();
  for (int i = 0; i < 2000; ++i) talk.inject(kClient, kClientFirst, kGarbage);
  talk.call();
  EXPECT_EQ(talk.text(), kOneCall);
}

TEST(TcpFlows, FollowsAConnectionWhoseSynWasForged) {
  for (const std::uint32_t forged : {7u, kClientFirst - 100, kClientFirst + 100, 0x9000'0000u}) {
    Talk talk;
    talk.list.add(talk.peers.syn());
    Segment syn = talk.peers.ack(kClient);
    syn.flags = 0x02;
    syn.acknowledgment = 0;
    syn.sequence = forged;
    talk.list.add(syn);
    talk.list.add(talk.peers.syn_ack());
    talk.call();
    EXPECT_EQ(talk.text(), kOneCall) << forged;
  }
}

// A keep-alive repeats one byte below the window, whatever that was (RFC 9293 3.8.4).
TEST(TcpFlows, JoinsBehindAKeepAlive) {
  for (const char* byte : {"00", "05", "41"}) {
    Talk talk;
    talk.inject(kClient, 999, hex(byte));
    talk.request_and_response(2);
    EXPECT_EQ(talk.text(), kCallWithoutBind) << byte;
    EXPECT_EQ(talk.statistics.flows_joined_late, 1u);
  }
}

TEST(TcpFlows, JoinsBehindALongTransferInEitherDirection) {
  for (const bool sender : {kClient, kServer}) {
    Talk talk;
    for (int i = 0; i < 5000; ++i) talk.say(sender, kGarbage);
    talk.request_and_response(2);
    EXPECT_EQ(talk.text(), kCallWithoutBind);
    EXPECT_EQ(talk.statistics.flows_joined_late, 1u);
  }
}

TEST(TcpFlows, FollowsAProtocolThatChanges) {
  Talk talk;
  talk.connect();
  talk.say(kClient, kGarbage);
  talk.say(kServer, kGarbage);
  talk.call();
  EXPECT_EQ(talk.text(), kOneCall);
  EXPECT_EQ(talk.statistics.flows_joined_late, 0u) << "its start was captured";
}

TEST(TcpFlows, TakesUpSmbAsWell) {
  Talk talk;
  talk.connect();
  talk.inject(kClient, kClientFirst, kGarbage);
  talk.say(kClient, framed(make_smb2({}, {})));
  (void)talk.text();
  EXPECT_EQ(talk.statistics.flows_smb, 1u);
}

TEST(TcpFlows, TakesNothingUpForWhatAServerSaysAlone) {
  Talk talk;
  talk.connect();
  talk.say(kClient, kGarbage);
  talk.say(kServer, make_response(0, {.call_id = 2}));
  EXPECT_EQ(talk.text(), "");
  EXPECT_EQ(talk.statistics.flows_rpc, 0u);
}

TEST(TcpFlows, ForgetsNoIdleConnectionWhileThereIsRoom) {
  Talk talk;
  talk.connect();
  talk.call();
  const std::size_t before = talk.list.size();
  talk.request_and_response(3);
  for (std::size_t i = before; i < talk.list.size(); ++i) {
    talk.list.set_time(i, {100 * 24 * 3600 * kNanosecondsPerSecond});
  }
  EXPECT_EQ(talk.text(),
            std::string(kOneCall) + "call 3 context 0 12345778/1.0 opnum 1 body 32 -> response\n");
  EXPECT_EQ(talk.statistics.connections_evicted, 0u);
  EXPECT_EQ(talk.statistics.flows_joined_late, 0u);
}

TEST(TcpFlows, AnEvictedConnectionDidNotBeginBeforeTheCapture) {
  Talk talk;
  talk.limits.rpc_connections = 1;
  talk.connect();
  talk.call();
  TcpPeers other(40001);
  for (const Segment& segment : other.say(kClient, make_bind({{0, kSamr}}))) talk.list.add(segment);
  talk.request_and_response(3);
  (void)talk.text();
  EXPECT_EQ(talk.statistics.connections_evicted, 2u);
  EXPECT_EQ(talk.observer.blind(BlindnessKind::table_eviction), 2u);
  EXPECT_EQ(talk.statistics.flows_joined_late, 1u) << "the other one, whose start is missing";
}

TEST(TcpFlows, TellsAnHttpProxyOnce) {
  Talk talk;
  talk.connect();
  for (int i = 0; i < 3; ++i)
    talk.say(kClient, ByteWriter().text("RPC_IN_DATA /rpc/rpcproxy.dll HTTP/1.1\r\n").take());
  talk.call();
  EXPECT_EQ(talk.text(), "");
  EXPECT_EQ(talk.statistics.flows_http, 1u);
  EXPECT_EQ(talk.observer.blind(BlindnessKind::http_not_dissected), 1u);
}

TEST(TcpFlows, CountsFramesOfEncapsulationsThatAreNotFollowed) {
  Talk talk;
  for (int i = 0; i < 3; ++i) {
    talk.list.add(
        hex("001122334455 66778899aabb 0800"
            "4500 0024 0001 0000 40 32 0000 0a010203 0a040506"
            "00000001 00000002 0102030405060708"));
  }
  EXPECT_EQ(talk.text(), "");
  EXPECT_EQ(talk.statistics.frames_encapsulated, 3u);
  EXPECT_EQ(talk.observer.blind(BlindnessKind::encapsulated), 1u);
}

}  // namespace
}  // namespace rpcaudit::dissect
