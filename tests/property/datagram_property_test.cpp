// The same datagrams are the same calls, in whatever order they come and however often; one that is
// lost takes nothing but itself.

#include <gtest/gtest.h>

#include <algorithm>
#include <cstdlib>
#include <random>

#include "dissect/dissector.h"
#include "tests/support/datagram_frames.h"
#include "tests/support/recording_observer.h"

namespace rpcaudit {
namespace {

using namespace test;

using Random = std::mt19937_64;

std::size_t cases() {
  const char* wanted = std::getenv("RPCAUDIT_PROPERTY_CASES");
  const std::size_t count = wanted == nullptr ? 100'000 : std::strtoull(wanted, nullptr, 10);
  return std::max<std::size_t>(20, count / 100);  // one exchange stands for many datagrams
}

std::size_t up_to(Random& random, std::size_t most) {
  return std::uniform_int_distribution<std::size_t>(0, most)(random);
}

Uuid activity_of(std::size_t number) {
  Uuid uuid = kActivity;
  uuid.bytes[0] = static_cast<std::uint8_t>(number);
  return uuid;
}

// A message of `count` fragments.
std::vector<ByteVector> fragments(DatagramShape shape, std::size_t count) {
  std::vector<ByteVector> pieces;
  for (std::size_t i = 0; i < count; ++i) {
    if (count > 1) {
      shape.flags1 =
          dissect::kDatagramFragment | (i + 1 == count ? dissect::kDatagramLastFragment : 0u);
      shape.fragment = static_cast<unsigned>(i);
    }
    pieces.push_back(make_datagram(shape, ByteVector(i + 1 == count ? 40 : 400)));
  }
  return pieces;
}

struct Exchange {
  std::vector<std::vector<UdpDatagram>> questions;  // by call
  std::vector<std::vector<UdpDatagram>> answers;
};

// Calls of several activities, some in fragments, all answered.
Exchange make_exchange(Random& random) {
  Exchange exchange;
  const std::size_t activities = 1 + up_to(random, 3);
  for (std::size_t activity = 0; activity < activities; ++activity) {
    const auto order = up_to(random, 1) == 0 ? std::endian::big : std::endian::little;
    const std::size_t calls = 1 + up_to(random, 4);
    for (std::size_t sequence = 0; sequence < calls; ++sequence) {
      DatagramShape shape{.activity = activity_of(activity),
                          .sequence = static_cast<std::uint32_t>(sequence),
                          .opnum = static_cast<std::uint16_t>(up_to(random, 20)),
                          .order = order};
      UdpDatagram to_server;
      to_server.source_port = static_cast<std::uint16_t>(40000 + activity);
      auto& question = exchange.questions.emplace_back();
      for (ByteVector& piece : fragments(shape, 1 + up_to(random, 3))) {
        to_server.payload = std::move(piece);
        question.push_back(to_server);
      }
      shape.type = dissect::DatagramType::response;
      auto& answer = exchange.answers.emplace_back();
      for (ByteVector& piece : fragments(shape, 1 + up_to(random, 3))) {
        answer.push_back(answer_to(to_server, std::move(piece)));
        if (up_to(random, 2) == 0) answer.back().source_port = 50000;  // from another port
      }
    }
  }
  return exchange;
}

// What is told of these datagrams, bodies left out: they are those of the first fragment, if it is
// the first to come.
std::string told(const std::vector<UdpDatagram>& datagrams) {
  FrameList list;
  for (const UdpDatagram& datagram : datagrams) list.add(make_udp_frame(datagram));
  RecordingObserver observer;
  dissect::Dissector dissector(dissect::Limits{}, observer, 1);
  dissector.process(list.frames());
  dissector.advance(list.frames());
  dissector.finish();
  EXPECT_EQ(observer.complaints(), "");
  EXPECT_TRUE(observer.all_closed());
  std::string text = observer.sorted_text();
  for (std::size_t at = 0; (at = text.find(" body ", at)) != std::string::npos;) {
    text.erase(at, text.find(" ->", at) - at);
  }
  return text;
}

std::vector<UdpDatagram> in_order(const Exchange& exchange) {
  std::vector<UdpDatagram> all;
  for (std::size_t i = 0; i < exchange.questions.size(); ++i) {
    all.insert(all.end(), exchange.questions[i].begin(), exchange.questions[i].end());
    all.insert(all.end(), exchange.answers[i].begin(), exchange.answers[i].end());
  }
  return all;
}

TEST(DatagramProperty, OrderAndRepetitionChangeNoCall) {
  for (std::size_t seed = 0; seed < cases(); ++seed) {
    Random random(seed);
    const Exchange exchange = make_exchange(random);
    const std::string expected = told(in_order(exchange));

    // All fragments of all requests in any order, some of them twice, then the answers likewise.
    std::vector<UdpDatagram> shuffled;
    for (const auto* side : {&exchange.questions, &exchange.answers}) {
      const std::size_t begin = shuffled.size();
      for (const auto& message : *side) {
        for (const UdpDatagram& datagram : message) {
          for (std::size_t copies = 1 + up_to(random, 1); copies > 0; --copies) {
            shuffled.push_back(datagram);
          }
        }
      }
      std::shuffle(shuffled.begin() + static_cast<std::ptrdiff_t>(begin), shuffled.end(), random);
    }
    ASSERT_EQ(told(shuffled), expected) << "seed " << seed;
  }
}

TEST(DatagramProperty, ACallIsToldAsLongAsOneOfItsFragmentsArrives) {
  for (std::size_t seed = 0; seed < cases(); ++seed) {
    Random random(seed);
    const Exchange exchange = make_exchange(random);
    const std::string expected = told(in_order(exchange));
    std::vector<UdpDatagram> kept;
    for (std::size_t i = 0; i < exchange.questions.size(); ++i) {
      for (const auto* message : {&exchange.questions[i], &exchange.answers[i]}) {
        const std::size_t survivor = up_to(random, message->size() - 1);
        for (std::size_t j = 0; j < message->size(); ++j) {
          if (j == survivor || up_to(random, 1) == 0) kept.push_back((*message)[j]);
        }
      }
    }
    ASSERT_EQ(told(kept), expected) << "seed " << seed;
  }
}

}  // namespace
}  // namespace rpcaudit
