// Streams share few buffers: what one of them holds may make room for another, and that is told.

#include "dissect/rpc/pdu_stream.h"

#include <gtest/gtest.h>

#include <deque>
#include <string>
#include <vector>

#include "tests/support/rpc_bytes.h"

namespace rpcaudit::dissect {
namespace {

using namespace test;

// Streams over one pool, and what they tell by the call ids of their PDUs.
class Streams {
 public:
  explicit Streams(std::size_t buffers) : pool_(buffers) {}

  // Returns the bytes that were read.
  Bytes say(std::size_t stream, Bytes bytes) {
    ++frame_.sequence;
    return of(stream).stream.consume(bytes, frame_, pool_, 32, of(stream).sink);
  }
  void lose(std::size_t stream, std::uint64_t bytes) {
    of(stream).stream.gap(bytes, pool_, of(stream).sink);
  }
  void finish(std::size_t stream) { of(stream).stream.finish(pool_, of(stream).sink); }
  [[nodiscard]] const std::string& told(std::size_t stream) { return of(stream).sink.told; }

 private:
  struct Sink final : PduSink {
    void on_pdu(const Pdu& pdu) noexcept override {
      told += std::to_string(pdu.header.call_id) + ' ';
    }
    void on_undecodable(const FrameReference&, std::size_t) noexcept override {
      told += "undecodable ";
    }
    void on_resynchronised() noexcept override { told += "found "; }
    void on_evicted(const FrameReference& frame) noexcept override {
      told += "evicted-of-frame-" + std::to_string(frame.sequence) + ' ';
    }
    std::string told;
  };
  struct Entry {
    PduStream stream;
    Sink sink;
  };

  Entry& of(std::size_t stream) {
    while (entries_.size() <= stream) entries_.emplace_back();
    return entries_[stream];
  }

  PduBufferPool pool_;
  std::deque<Entry> entries_;
  FrameReference frame_;
};

ByteVector request(std::uint32_t call_id) { return make_request({0, 1}, {.call_id = call_id}); }

struct Halves {
  explicit Halves(const ByteVector& pdu, std::size_t at = 30)
      : front(pdu.begin(), pdu.begin() + static_cast<std::ptrdiff_t>(at)),
        back(pdu.begin() + static_cast<std::ptrdiff_t>(at), pdu.end()) {}
  ByteVector front;
  ByteVector back;
};

// Which bytes of what is said were read: from where, and how many.
struct ReadCase {
  const char* name;
  ByteVector before;  // said first
  ByteVector said;
  std::size_t begin;
  std::size_t size;
};

class ReadPartTest : public testing::TestWithParam<ReadCase> {};

TEST_P(ReadPartTest, IsAllButWhatIsPassedOver) {
  Streams streams(4);
  if (!GetParam().before.empty()) streams.say(0, GetParam().before);
  const Bytes said(GetParam().said);
  const Bytes read = streams.say(0, said);
  EXPECT_EQ(read.size(), GetParam().size);
  if (read.empty()) return;
  EXPECT_EQ(read.data() - said.data(), static_cast<std::ptrdiff_t>(GetParam().begin));
}

std::vector<ReadCase> read_cases() {
  // The header, an object UUID if any, and what shows whether a call is one of DCOM.
  constexpr std::size_t kRead = 24 + 16 + 32;
  const ByteVector long_call = make_request({0, 1, {}, 900}, {.call_id = 1});
  const ByteVector short_call = request(2);
  const auto with = [](ByteVector first, const ByteVector& second) {
    first.insert(first.end(), second.begin(), second.end());
    return first;
  };
  const ByteVector front(long_call.begin(), long_call.begin() + 100);
  const ByteVector rest(long_call.begin() + 100, long_call.end());
  return {
      {"front_of_a_long_stub", {}, long_call, 0, kRead},
      {"nothing_of_its_rest", front, rest, 0, 0},
      {"what_follows_the_rest", front, with(rest, short_call), rest.size(), short_call.size()},
      {"all_up_to_the_last_call",
       {},
       with(long_call, short_call),
       0,
       long_call.size() + short_call.size()},
      {"front_of_the_last_call", {}, with(short_call, long_call), 0, short_call.size() + kRead},
      {"header_of_a_response", {}, make_response(0, {.call_id = 1}), 0, 24},
      {"all_where_no_pdu_is_found", {}, ByteVector(200, std::byte{7}), 0, 200},
  };
}

INSTANTIATE_TEST_SUITE_P(Pdu, ReadPartTest, testing::ValuesIn(read_cases()),
                         [](const auto& tested) { return tested.param.name; });

TEST(PduStream, TheLongestIdleFrontMakesRoom) {
  Streams streams(2);
  const Halves first(request(1));
  const Halves second(request(2));
  const Halves third(request(3));
  streams.say(0, first.front);
  streams.say(1, second.front);
  streams.say(2, third.front);
  streams.say(2, third.back);
  streams.say(1, second.back);
  EXPECT_EQ(streams.told(2), "3 ");
  EXPECT_EQ(streams.told(1), "2 ");
  streams.say(0, first.back);
  streams.say(0, request(4));
  EXPECT_EQ(streams.told(0), "evicted-of-frame-1 4 ");
}

// Whoever adds to a front keeps it.
TEST(PduStream, AFrontThatGrowsIsNotIdle) {
  Streams streams(2);
  const ByteVector pdu = request(1);
  streams.say(0, Bytes(pdu).first(20));
  streams.say(1, Halves(request(2)).front);
  streams.say(0, Bytes(pdu).subspan(20, 5));
  streams.say(2, Halves(request(3)).front);
  streams.say(0, Bytes(pdu).subspan(25));
  EXPECT_EQ(streams.told(0), "1 ");
  streams.finish(1);
  EXPECT_EQ(streams.told(1), "evicted-of-frame-2 ");
}

TEST(PduStream, GoesOnBehindAnEvictedFrontOfAHeader) {
  Streams streams(1);
  const Halves first(request(1), 7);
  streams.say(0, first.front);
  streams.say(1, Halves(request(2)).front);
  streams.say(0, first.back);
  streams.say(0, request(3));
  EXPECT_EQ(streams.told(0), "evicted-of-frame-1 found 3 ");
}

TEST(PduStream, TellsAnEvictedFrontBeforeAHole) {
  Streams streams(1);
  const Halves first(request(1));
  streams.say(0, first.front);
  streams.say(1, Halves(request(2)).front);
  streams.lose(0, first.back.size());
  streams.say(0, request(3));
  EXPECT_EQ(streams.told(0), "evicted-of-frame-1 3 ");
}

TEST(PduStream, NobodyKeepsNewcomersOut) {
  constexpr std::size_t kHalves = 500;
  Streams streams(8);
  for (std::size_t i = 1; i <= kHalves; ++i) streams.say(i, Halves(request(9)).front);
  const Halves newcomer(request(1));
  streams.say(0, newcomer.front);
  streams.say(0, newcomer.back);
  EXPECT_EQ(streams.told(0), "1 ");
  std::size_t lost = 0;
  for (std::size_t i = 1; i <= kHalves; ++i) {
    streams.finish(i);
    lost += streams.told(i).starts_with("evicted") ? 1u : 0u;
  }
  EXPECT_EQ(lost, kHalves - 8 + 1) << "each loss is told for its own stream";
}

}  // namespace
}  // namespace rpcaudit::dissect
