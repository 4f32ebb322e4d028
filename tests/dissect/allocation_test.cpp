#include <gtest/gtest.h>

#include "dissect/dissector.h"
#include "tests/support/allocation_counter.h"
#include "tests/support/datagram_frames.h"
#include "tests/support/rpc_bytes.h"
#include "tests/support/silent_observer.h"
#include "tests/support/smb_conversation.h"
#include "tests/support/tcp_frames.h"

namespace rpcaudit::dissect {
namespace {

using namespace test;

class CallCounter : public SilentObserver {
 public:
  void on_call(const RpcContext&, const RpcCall&) override { ++calls; }

  std::uint64_t calls = 0;
};

// Connections that come and go, calls whole and in pieces, some of them out of order, and traffic
// that is not RPC.
FrameList traffic() {
  FrameList list;
  for (std::uint16_t port = 1; port <= 40; ++port) {
    TcpPeers peers(port);
    const auto feed = [&](const std::vector<Segment>& segments) {
      for (const Segment& segment : segments) list.add(segment);
    };
    list.add(peers.syn());
    list.add(peers.syn_ack());
    if (port % 4 == 0) {
      feed(peers.say(true, ByteVector(600, std::byte{0x47}), 100));
      continue;
    }
    feed(peers.say(true, make_bind({{0, kSamr}, {1, kDrsuapi}}), 50));
    feed(peers.say(false, make_bind_ack({{}, {}})));
    for (std::uint32_t id = 2; id < 30; ++id) {
      auto segments = peers.say(true, make_request({0, 1, {}, 300}, {.call_id = id}), 90);
      if (id % 3 == 0) std::reverse(segments.begin(), segments.end());
      feed(segments);
      feed(peers.say(false, make_response(0, {.call_id = id})));
    }
    list.add(peers.fin(true));
    list.add(peers.fin(false));
  }
  for (std::uint32_t sequence = 0; sequence < 50; ++sequence) {
    UdpDatagram request;
    request.payload = make_datagram({.sequence = sequence}, ByteVector(200));
    list.add(make_udp_frame(request));
    list.add(make_udp_frame(
        answer_to(request, make_datagram({.type = DatagramType::response, .sequence = sequence}))));
  }
  return list;
}

// Pipes of both versions, many at once, with file traffic between them.
FrameList pipe_traffic() {
  FrameList list;
  for (std::uint16_t port = 1; port <= 40; ++port) {
    TcpPeers peers(port);
    Random random(port);
    list.add(peers.syn());
    list.add(peers.syn_ack());
    const std::vector<Message> messages =
        port % 2 == 0 ? make_smb1_conversation(random) : make_smb2_conversation(random);
    for (const Message& message : messages) {
      for (const Segment& segment : peers.say(message.client, message.bytes, 300)) {
        list.add(segment);
      }
    }
    list.add(peers.fin(true));
    list.add(peers.fin(false));
  }
  return list;
}

// Everything is taken at construction: from the first frame on, no frame and no call allocates.
TEST(Dissector, AllocatesNothingPerFrameOrCall) {
  if (!allocations_are_counted()) GTEST_SKIP() << "a sanitizer owns the allocator";
  const FrameList list = traffic();
  CallCounter observer;
  Dissector dissector(Limits{}, observer, 1);
  const std::uint64_t before = allocations();
  dissector.process(list.frames());
  dissector.advance(list.frames());
  dissector.finish();
  EXPECT_EQ(allocations() - before, 0u);
  EXPECT_EQ(observer.calls, 30u * 28u + 50u);
}

TEST(Dissector, AllocatesNothingPerSmbMessage) {
  if (!allocations_are_counted()) GTEST_SKIP() << "a sanitizer owns the allocator";
  const FrameList list = pipe_traffic();
  CallCounter observer;
  Dissector dissector(Limits{}, observer, 1);
  const std::uint64_t before = allocations();
  dissector.process(list.frames());
  dissector.advance(list.frames());
  dissector.finish();
  EXPECT_EQ(allocations() - before, 0u);
  EXPECT_GT(observer.calls, 40u);
}

}  // namespace
}  // namespace rpcaudit::dissect
