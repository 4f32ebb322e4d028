// The same bytes are the same calls, however the network cut, repeated or shuffled them.

#include <gtest/gtest.h>

#include <algorithm>
#include <cstdlib>
#include <random>

#include "dissect/dissector.h"
#include "tests/support/recording_observer.h"
#include "tests/support/rpc_conversation.h"
#include "tests/support/smb_conversation.h"
#include "tests/support/tcp_frames.h"

namespace rpcaudit {
namespace {

using namespace test;

std::size_t cases() {
  const char* wanted = std::getenv("RPCAUDIT_PROPERTY_CASES");
  const std::size_t count = wanted == nullptr ? 100'000 : std::strtoull(wanted, nullptr, 10);
  return std::max<std::size_t>(20, count / 200);  // one conversation stands for many frames
}

std::string lines_of(const FrameList& list, std::size_t batch) {
  RecordingObserver observer;
  dissect::Limits limits;
  limits.flows = 1024;
  limits.outcome_window.nanoseconds *= 1000;  // a byte a frame, an answer takes long
  dissect::Dissector dissector(limits, observer, 1);
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

struct Kind {
  const char* name;
  std::vector<Message> (*make)(Random&);
};

void PrintTo(const Kind& kind, std::ostream* out) { *out << kind.name; }

constexpr Kind kKinds[] = {
    {"tcp", make_rpc_conversation},
    {"smb1", make_smb1_conversation},
    {"smb2", make_smb2_conversation},
};

class SegmentationProperty : public testing::TestWithParam<Kind> {
 protected:
  template <class Transform>
  void hold_for_all(Transform&& transform) {
    for (std::size_t i = 0; i < cases(); ++i) {
      Random random(i);
      const std::vector<Message> messages = GetParam().make(random);
      ASSERT_EQ(transform(messages, random), whole(messages)) << "conversation " << i;
    }
  }
};

TEST_P(SegmentationProperty, AnySegmentationGivesTheSameCalls) {
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
TEST_P(SegmentationProperty, AnyOrderWithinTheWindowGivesTheSameCalls) {
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
TEST_P(SegmentationProperty, FramesShuffledAcrossDirectionsGiveTheSameCalls) {
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

TEST_P(SegmentationProperty, IpFragmentsInAnyOrderGiveTheSameCalls) {
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

INSTANTIATE_TEST_SUITE_P(Kinds, SegmentationProperty, testing::ValuesIn(kKinds),
                         [](const auto& test) { return std::string(test.param.name); });

// Pipes of one connection are each other's noise: told one after the other or all at once, they
// hold the same calls.
class InterleavingProperty : public testing::TestWithParam<SmbVersion> {};

TEST_P(InterleavingProperty, PipesUsedAtOnceGiveTheSameCallsAsOneAfterTheOther) {
  for (std::size_t i = 0; i < cases(); ++i) {
    Random random(i);
    std::vector<PipeScript> pipes;
    const std::size_t count = 2 + up_to(random, 4);
    for (std::size_t pipe = 0; pipe < count; ++pipe)
      pipes.push_back(make_pipe_script(random, pipe));
    const std::string in_turn = whole(play_in_turn(pipes, GetParam()));
    ASSERT_EQ(whole(play_interleaved(pipes, GetParam(), random)), in_turn) << "conversation " << i;
  }
}

INSTANTIATE_TEST_SUITE_P(Versions, InterleavingProperty,
                         testing::Values(SmbVersion::smb1, SmbVersion::smb2));

}  // namespace
}  // namespace rpcaudit
