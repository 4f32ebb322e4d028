// The same bytes are the same calls, however the network cut, repeated or shuffled them.

#include <gtest/gtest.h>

#include <algorithm>
#include <cstdlib>
#include <random>

#include "dissect/dissector.h"
#include "tests/support/recording_observer.h"
#include "tests/support/rpc_bytes.h"
#include "tests/support/tcp_frames.h"

namespace rpcaudit {
namespace {

using namespace test;

std::size_t cases() {
  const char* wanted = std::getenv("RPCAUDIT_PROPERTY_CASES");
  const std::size_t count = wanted == nullptr ? 100'000 : std::strtoull(wanted, nullptr, 10);
  return std::max<std::size_t>(20, count / 200);  // one conversation stands for many frames
}

struct Message {
  bool client = true;
  ByteVector bytes;
};

using Random = std::mt19937_64;

std::size_t up_to(Random& random, std::size_t most) {
  return std::uniform_int_distribution<std::size_t>(0, most)(random);
}

// A conversation with binds, alter_contexts, pipelined, fragmented and signed calls.
std::vector<Message> make_conversation(Random& random) {
  const std::endian order = up_to(random, 3) == 0 ? std::endian::big : std::endian::little;
  std::vector<Message> messages;
  std::uint32_t call_id = 1;
  std::optional<AuthNumbers> auth;
  if (up_to(random, 1) == 0)
    auth = AuthNumbers{10, static_cast<std::uint8_t>(2 + up_to(random, 4)), 7};
  messages.push_back({true, make_bind({{0, kSamr}, {1, kDrsuapi}, {2, kEpm}},
                                      {.call_id = call_id, .order = order, .auth = auth})});
  messages.push_back({false, make_bind_ack({{}, {2, 1}, {}}, {.call_id = call_id, .auth = auth})});
  const std::size_t rounds = 1 + up_to(random, 5);
  for (std::size_t round = 0; round < rounds; ++round) {
    ByteVector requests;
    ByteVector answers;
    const std::size_t pipelined = 1 + up_to(random, 2);
    for (std::size_t i = 0; i < pipelined; ++i) {
      PduShape shape{.call_id = ++call_id, .order = order, .auth = auth};
      const Request request{static_cast<std::uint16_t>(up_to(random, 3)),
                            static_cast<std::uint16_t>(up_to(random, 40)),
                            up_to(random, 4) == 0 ? std::optional(kEpm.uuid) : std::nullopt,
                            up_to(random, 2000)};
      if (up_to(random, 3) == 0) {
        shape.flags = kPfcFirstFragment;
        requests = join({requests, make_request(request, shape)});
        shape.flags = kPfcLastFragment;
      }
      requests = join({requests, make_request(request, shape)});
      if (up_to(random, 5) == 0) continue;
      answers = join({answers, up_to(random, 3) == 0
                                   ? make_fault(5, {.call_id = call_id, .order = order})
                                   : make_response(0, {.call_id = call_id}, up_to(random, 3000))});
    }
    messages.push_back({true, requests});
    if (!answers.empty()) messages.push_back({false, answers});
    if (up_to(random, 3) != 0) continue;
    ++call_id;
    messages.push_back({true, make_bind({{3, kEpm}}, {.call_id = call_id, .order = order},
                                        PduType::alter_context)});
    messages.push_back(
        {false, make_bind_ack({{}}, {.call_id = call_id}, PduType::alter_context_response)});
  }
  return messages;
}

std::string lines_of(const FrameList& list, std::size_t batch) {
  RecordingObserver observer;
  Limits limits;
  limits.flows = 1024;
  Dissector dissector(limits, observer, 1);
  for (std::span<const Frame> rest = list.frames(); !rest.empty();) {
    const std::size_t count = std::min(batch, rest.size());
    dissector.process(rest.first(count));
    dissector.advance(rest.first(count));
    rest = rest.subspan(count);
  }
  dissector.finish();
  EXPECT_EQ(observer.complaints(), "");
  return observer.sorted_text();
}

void add_all(FrameList& list, const std::vector<Segment>& segments) {
  for (const Segment& segment : segments) list.add(segment);
}

FrameList begin(TcpPeers& peers, bool handshake) {
  FrameList list;
  if (!handshake) return list;
  list.add(peers.syn());
  list.add(peers.syn_ack());
  return list;
}

std::string whole(const std::vector<Message>& messages) {
  TcpPeers peers;
  FrameList list = begin(peers, true);
  for (const Message& message : messages) {
    add_all(list, peers.say(message.client, message.bytes, 60'000));
  }
  return lines_of(list, 1);
}

class SegmentationProperty : public testing::Test {
 protected:
  template <class Transform>
  void hold_for_all(Transform&& transform) {
    for (std::size_t i = 0; i < cases(); ++i) {
      Random random(i);
      const std::vector<Message> messages = make_conversation(random);
      ASSERT_EQ(transform(messages, random), whole(messages)) << "conversation " << i;
    }
  }
};

TEST_F(SegmentationProperty, AnySegmentationGivesTheSameCalls) {
  hold_for_all([](const std::vector<Message>& messages, Random& random) {
    TcpPeers peers(40000, static_cast<std::uint32_t>(random()), 0xffff'fff0);
    FrameList list = begin(peers, up_to(random, 1) == 0);
    const std::size_t piece = up_to(random, 9) == 0 ? 1 : 1 + up_to(random, 1460);
    for (const Message& message : messages) {
      add_all(list, peers.say(message.client, message.bytes, piece));
    }
    return lines_of(list, 1 + up_to(random, 64));
  });
}

// Segments of one message arrive in any order, some of them twice, some overlapping.
TEST_F(SegmentationProperty, AnyOrderWithinTheWindowGivesTheSameCalls) {
  hold_for_all([](const std::vector<Message>& messages, Random& random) {
    TcpPeers peers(40000, static_cast<std::uint32_t>(random()), 77);
    FrameList list = begin(peers, true);
    for (const Message& message : messages) {
      auto segments = peers.say(message.client, message.bytes, 100 + up_to(random, 1360));
      const std::size_t count = segments.size();
      for (std::size_t i = 0; i < count; ++i) {
        if (up_to(random, 3) == 0) segments.push_back(segments[i]);
        if (up_to(random, 5) == 0 && segments[i].payload.size() > 2) {
          Segment tail = segments[i];  // a retransmission that begins in the middle
          const std::size_t cut = up_to(random, tail.payload.size() - 1);
          tail.payload.erase(tail.payload.begin(),
                             tail.payload.begin() + static_cast<std::ptrdiff_t>(cut));
          tail.sequence += static_cast<std::uint32_t>(cut);
          segments.push_back(tail);
        }
      }
      std::shuffle(segments.begin(), segments.end(), random);
      add_all(list, segments);
    }
    return lines_of(list, 1 + up_to(random, 64));
  });
}

// Frames of both directions leave their order, as capturing on several queues does.
TEST_F(SegmentationProperty, FramesShuffledAcrossDirectionsGiveTheSameCalls) {
  hold_for_all([](const std::vector<Message>& messages, Random& random) {
    TcpPeers peers(40000, static_cast<std::uint32_t>(random()), 77);
    FrameList list = begin(peers, true);
    std::vector<Segment> all;
    for (const Message& message : messages) {
      const auto segments = peers.say(message.client, message.bytes, 400 + up_to(random, 1000));
      all.insert(all.end(), segments.begin(), segments.end());
    }
    for (std::size_t i = 0; i + 1 < all.size(); ++i) {
      std::swap(all[i], all[i + up_to(random, std::min<std::size_t>(3, all.size() - 1 - i))]);
    }
    add_all(list, all);
    return lines_of(list, 1 + up_to(random, 64));
  });
}

TEST_F(SegmentationProperty, IpFragmentsInAnyOrderGiveTheSameCalls) {
  hold_for_all([](const std::vector<Message>& messages, Random& random) {
    TcpPeers peers;
    FrameList list = begin(peers, true);
    unsigned identification = 1;
    for (const Message& message : messages) {
      for (const Segment& segment : peers.say(message.client, message.bytes, 1460)) {
        auto pieces = make_ethernet(segment, ++identification, 8 * (1 + up_to(random, 60)));
        const std::size_t count = pieces.size();
        for (std::size_t i = 0; i < count; ++i) {
          if (up_to(random, 4) == 0) pieces.push_back(pieces[i]);
        }
        std::shuffle(pieces.begin(), pieces.end(), random);
        for (ByteVector& piece : pieces) list.add(std::move(piece));
      }
    }
    return lines_of(list, 1 + up_to(random, 64));
  });
}

}  // namespace
}  // namespace rpcaudit
