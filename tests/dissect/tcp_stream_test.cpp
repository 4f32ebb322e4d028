#include "dissect/tcp_stream.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <random>
#include <string>
#include <string_view>
#include <vector>

namespace rpcaudit {
namespace {

constexpr Timestamp kStart{1'700'000'000 * kNanosecondsPerSecond};
constexpr std::uint8_t kData = kTcpPsh | kTcpAck;

// Writes down what a stream tells: bytes as text, `[n lost]` and `[n cut]` for gaps.
struct Recorder {
  std::string told;
  std::vector<std::uint64_t> frames;  // of each byte
  std::uint64_t lost = 0;

  void on_bytes(Bytes bytes, const FrameReference& frame) {
    for (const std::byte byte : bytes) {
      told += static_cast<char>(byte);
      frames.push_back(frame.number);
    }
  }
  void on_gap(std::uint64_t missing, StreamGap kind, const FrameReference&) {
    told += "[" + std::to_string(missing) + (kind == StreamGap::lost ? " lost]" : " cut]");
    if (kind == StreamGap::lost) lost += missing;
  }
};

class TcpStreamTest : public testing::Test {
 protected:
  explicit TcpStreamTest(const Limits& limits = {}) : pool_(limits) {}
  ~TcpStreamTest() override {
    stream_.reset(pool_);
    EXPECT_EQ(pool_.pieces.size(), 0u);
  }

  static TcpSegment segment(std::uint32_t sequence, std::string_view text,
                            std::uint8_t flags = kData) {
    TcpSegment segment;
    segment.header = {sequence, 0, flags};
    segment.payload = std::as_bytes(std::span(text));
    segment.payload_length = static_cast<std::uint32_t>(text.size());
    return segment;
  }
  void add(const TcpSegment& segment, std::int64_t milliseconds = 0) {
    stream_.add(segment, next_frame(milliseconds), pool_, recorder_);
  }
  void add(std::uint32_t sequence, std::string_view text, std::uint8_t flags = kData,
           std::int64_t milliseconds = 0) {
    add(segment(sequence, text, flags), milliseconds);
  }
  void acknowledge(std::uint32_t number, std::int64_t milliseconds = 0) {
    stream_.acknowledged(number, next_frame(milliseconds), pool_, recorder_);
  }
  const FrameReference& next_frame(std::int64_t milliseconds) {
    frame_.sequence = ++frame_.number;
    frame_.timestamp.nanoseconds = kStart.nanoseconds + milliseconds * 1'000'000;
    return frame_;
  }
  const std::string& told() const { return recorder_.told; }
  const TcpStreamCounters& counters() const { return pool_.counters; }

  SegmentPool pool_;
  TcpStream stream_;
  Recorder recorder_;
  FrameReference frame_;
};

TEST_F(TcpStreamTest, TellsWhatIsInOrderAtOnce) {
  add(99, "", kTcpSyn);
  add(100, "abc");
  add(103, "def");
  EXPECT_EQ(told(), "abcdef");
  EXPECT_EQ(recorder_.frames, (std::vector<std::uint64_t>{2, 2, 2, 3, 3, 3}));
}

TEST_F(TcpStreamTest, WaitsForWhatIsMissing) {
  add(99, "", kTcpSyn);
  add(103, "def");
  add(109, "jkl");
  EXPECT_EQ(told(), "");
  EXPECT_TRUE(stream_.holds_segments());
  EXPECT_EQ(stream_.held_since(), 2u);
  add(100, "abc");
  EXPECT_EQ(told(), "abcdef");
  add(106, "ghi");
  EXPECT_EQ(told(), "abcdefghijkl");
  EXPECT_EQ(recorder_.frames, (std::vector<std::uint64_t>{4, 4, 4, 2, 2, 2, 5, 5, 5, 3, 3, 3}));
  EXPECT_FALSE(stream_.holds_segments());
  EXPECT_EQ(counters().out_of_order, 2u);
}

TEST_F(TcpStreamTest, DropsRetransmissions) {
  add(100, "abcdef");
  add(100, "XYZ");
  add(103, "XYZghi");
  EXPECT_EQ(told(), "abcdefghi");
  EXPECT_EQ(counters().retransmitted, 1u);
  EXPECT_EQ(counters().overlapping, 1u);
}

TEST_F(TcpStreamTest, TheFirstBytesHeldWin) {
  add(100, "a");
  add(103, "def");
  add(102, "XXXXXg");
  add(101, "bZ");
  EXPECT_EQ(told(), "abXdefXg");
}

TEST_F(TcpStreamTest, BytesHeldWinOverThoseThatFillTheHole) {
  add(100, "a");
  add(103, "d");
  add(101, "bcXef");
  EXPECT_EQ(told(), "abcdef");
}

TEST_F(TcpStreamTest, SequenceNumbersWrap) {
  add(0xffff'fffc, "", kTcpSyn);
  add(0xffff'fffd, "ab");
  add(1, "ef");
  add(0xffff'ffff, "cd");
  EXPECT_EQ(told(), "abcdef");
}

TEST_F(TcpStreamTest, PayloadOfASynFollowsIt) {
  add(99, "ab", kTcpSyn);
  add(102, "cd");
  EXPECT_EQ(told(), "abcd");
}

TEST_F(TcpStreamTest, ASynRepeatedChangesNothing) {
  add(99, "", kTcpSyn);
  add(100, "ab");
  add(99, "", kTcpSyn);
  add(102, "cd");
  EXPECT_EQ(told(), "abcd");
  EXPECT_FALSE(stream_.is_new_connection(segment(99, "", kTcpSyn).header));
  EXPECT_TRUE(stream_.is_new_connection(segment(98, "", kTcpSyn).header));
}

TEST_F(TcpStreamTest, BeginsWhereItIsTold) {
  stream_.begin_at(100);
  add(102, "cd");
  add(100, "ab");
  EXPECT_EQ(told(), "abcd");
}

TEST_F(TcpStreamTest, JoinedMidwayTheFirstPayloadIsTheBeginning) {
  add(500, "", kTcpAck);
  EXPECT_FALSE(stream_.has_started());
  add(500, "ab");
  add(502, "cd");
  EXPECT_EQ(told(), "abcd");
}

// Its byte was sent before; a reader would take it for the first of a PDU.
TEST_F(TcpStreamTest, AKeepAliveIsNoBeginning) {
  add(499, "x", kTcpAck);
  add(500, "ab");
  EXPECT_EQ(told(), "ab");
  add(501, "x", kTcpAck);
  EXPECT_EQ(told(), "ab");
  EXPECT_EQ(counters().keep_alives, 2u);
}

TEST_F(TcpStreamTest, AFinEndsIt) {
  add(100, "ab");
  EXPECT_FALSE(stream_.is_finished());
  add(104, "ef", kData | kTcpFin);
  EXPECT_FALSE(stream_.is_finished());
  add(102, "cd");
  EXPECT_TRUE(stream_.is_finished());
  EXPECT_EQ(told(), "abcdef");
  add(104, "ef", kData | kTcpFin);
  EXPECT_TRUE(stream_.is_finished());
}

TEST_F(TcpStreamTest, AFinThatIsNotTheEndIsNone) {
  add(100, "ab");
  add(102, "", kTcpAck | kTcpFin);
  EXPECT_TRUE(stream_.is_finished());
  add(102, "cd");
  EXPECT_FALSE(stream_.is_finished());
  EXPECT_EQ(told(), "abcd");
}

struct ResetCase {
  std::uint32_t sequence;
  bool heeded;
};

TEST_F(TcpStreamTest, OnlyAResetInItsPlaceIsHeeded) {
  for (const ResetCase& row :
       {ResetCase{102, true}, {107, true}, {101, false}, {103, false}, {0x8000'0000, false}}) {
    stream_.reset(pool_);
    add(100, "ab");
    add(104, "efg");
    add(row.sequence, "because", kTcpRst);
    EXPECT_EQ(stream_.is_reset(), row.heeded) << row.sequence;
  }
  EXPECT_EQ(told(), "ababababab");
}

TEST_F(TcpStreamTest, TellsWhatTheSnapLengthTook) {
  add(100, "ab");
  TcpSegment cut = segment(102, "cd");
  cut.payload_length = 10;
  add(cut);
  add(112, "ef");
  EXPECT_EQ(told(), "abcd[8 cut]ef");
  EXPECT_EQ(counters().cut_bytes, 8u);
  EXPECT_EQ(counters().gaps, 0u);
}

TEST_F(TcpStreamTest, HoldsACutSegmentToo) {
  add(100, "ab");
  TcpSegment cut = segment(104, "ef");
  cut.payload_length = 10;
  add(cut);
  add(114, "op");
  add(102, "cd");
  EXPECT_EQ(told(), "abcdef[8 cut]op");
}

TEST_F(TcpStreamTest, GivesUpAnAcknowledgedHoleAfterSomeSegments) {
  add(100, "ab");
  add(104, "e");
  acknowledge(104);
  for (std::uint32_t i = 0; i < 6; ++i) add(105 + i, "f");
  EXPECT_EQ(told(), "ab");
  add(111, "g");
  EXPECT_EQ(told(), "ab[2 lost]effffffg");
}

TEST_F(TcpStreamTest, GivesUpAnAcknowledgedHoleAfterSomeTime) {
  add(100, "ab");
  add(104, "ef");
  acknowledge(106, 10);
  EXPECT_EQ(told(), "ab");
  acknowledge(106, 100);
  EXPECT_EQ(told(), "ab[2 lost]ef");
  add(102, "cd");  // too late
  EXPECT_EQ(told(), "ab[2 lost]ef");
}

// It would be retransmitted; a forged segment must not make the stream jump over what follows.
TEST_F(TcpStreamTest, WaitsForWhatWasNotAcknowledged) {
  add(100, "ab");
  acknowledge(102);
  for (std::uint32_t i = 0; i < 100; ++i) add(10'000 + i, "x");
  acknowledge(102, 5'000);
  EXPECT_EQ(told(), "ab");
  add(102, "cd", kData, 6'000);
  EXPECT_EQ(told(), "abcd");
}

TEST_F(TcpStreamTest, OneSidedItGivesUpAfterManySegments) {
  add(100, "ab");
  for (std::uint32_t i = 0; i < 63; ++i) add(103 + i, "x");
  EXPECT_EQ(told(), "ab");
  add(166, "y");
  EXPECT_EQ(told(), "ab[1 lost]" + std::string(63, 'x') + "y");
}

TEST_F(TcpStreamTest, OneSidedItGivesUpAfterSeconds) {
  add(100, "ab");
  add(103, "x", kData, 1'000);
  add(104, "y", kData, 3'900);
  EXPECT_EQ(told(), "ab");
  add(105, "z", kData, 4'000);
  EXPECT_EQ(told(), "ab[1 lost]xyz");
}

TEST_F(TcpStreamTest, TheEndTellsWhatIsHeldAndMissing) {
  add(100, "ab");
  add(104, "ef");
  add(110, "kl", kData | kTcpFin);
  stream_.finish(next_frame(0), pool_, recorder_);
  EXPECT_EQ(told(), "ab[2 lost]ef[4 lost]kl");
  EXPECT_TRUE(stream_.is_finished());
}

TEST_F(TcpStreamTest, TheEndTellsWhatWasOnlyAcknowledged) {
  add(100, "ab");
  acknowledge(103);  // perhaps a FIN
  stream_.finish(next_frame(0), pool_, recorder_);
  EXPECT_EQ(told(), "ab");
  acknowledge(107);
  stream_.finish(next_frame(0), pool_, recorder_);
  EXPECT_EQ(told(), "ab[4 lost]");
}

TEST_F(TcpStreamTest, IgnoresStraySegments) {
  add(100, "ab");
  add(0x7000'0000, "xx");
  add(0x9000'0000, "yy");
  add(102, "cd");
  EXPECT_EQ(told(), "abcd");
  EXPECT_EQ(counters().out_of_window, 2u);
}

TEST_F(TcpStreamTest, BelievesStraysThatFollowOneAnother) {
  add(100, "ab");
  for (std::uint32_t i = 0; i < 4; ++i) add(0x7000'0000 + 2 * i, std::to_string(10 + i));
  const std::uint64_t missing = 0x7000'0006 - 102;
  EXPECT_EQ(told(), "ab[" + std::to_string(missing) + " lost]13");
  add(0x7000'0008, "cd");
  EXPECT_EQ(told(), "ab[" + std::to_string(missing) + " lost]13cd");
}

class SmallTcpStreamTest : public TcpStreamTest {
 protected:
  static Limits limits() {
    Limits limits;
    limits.reorder_segments_per_stream = 4;
    limits.reorder_bytes_per_stream = 4000;
    limits.reorder_bytes = 5 * kPieceBytesMax;
    return limits;
  }
  SmallTcpStreamTest() : TcpStreamTest(limits()) {}
};

TEST_F(SmallTcpStreamTest, GivesUpTheFirstHoleWhenTooManyAreHeld) {
  add(100, "a");
  for (std::uint32_t i = 0; i < 5; ++i) add(102 + 2 * i, "x");
  EXPECT_EQ(told(), "a[1 lost]x");
  EXPECT_EQ(counters().no_room, 1u);
}

TEST_F(SmallTcpStreamTest, GivesUpTheFirstHoleWhenTooMuchIsHeld) {
  add(100, "a");
  add(102, std::string(3000, 'x'));
  add(3102, std::string(2000, 'y'));
  EXPECT_EQ(told(), "a[1 lost]" + std::string(3000, 'x') + std::string(2000, 'y'));
}

TEST_F(SmallTcpStreamTest, GoesOnWithoutAnyRoom) {
  TcpStream other;
  const std::string large(4 * kPieceBytesMax, 'o');
  TcpStream more;
  Recorder others;
  other.begin_at(0);
  other.add(segment(10, large.substr(0, 4000)), next_frame(0), pool_, others);
  more.begin_at(0);
  more.add(segment(10, large.substr(0, 4000)), next_frame(0), pool_, others);
  TcpStream last;
  last.begin_at(0);
  last.add(segment(10, "x"), next_frame(0), pool_, others);
  EXPECT_EQ(others.told, "");
  add(100, "a");
  add(102, "x");
  EXPECT_EQ(told(), "a[1 lost]x");
  other.reset(pool_);
  more.reset(pool_);
  last.reset(pool_);
}

// Cuts `text` into segments that may overlap and repeat, and shuffles them a little.
std::vector<TcpSegment> any_segments(const std::string& text, std::uint32_t first_sequence,
                                     std::size_t shuffle_distance, std::mt19937& random) {
  std::vector<TcpSegment> segments;
  const auto push = [&](std::size_t begin, std::size_t end) {
    TcpSegment segment;
    segment.header = {first_sequence + static_cast<std::uint32_t>(begin), 0, kData};
    segment.payload = std::as_bytes(std::span(text)).subspan(begin, end - begin);
    segment.payload_length = static_cast<std::uint32_t>(end - begin);
    segments.push_back(segment);
  };
  const std::size_t size_max = random() % 4 == 0 ? 1 : 1 + random() % 5000;
  for (std::size_t at = 0; at < text.size();) {
    const std::size_t end = std::min(text.size(), at + 1 + random() % size_max);
    const std::size_t begin = random() % 3 == 0 ? at - random() % (at + 1) : at;
    push(begin, end);
    if (random() % 4 == 0) push(at, end);
    at = end;
  }
  for (std::size_t i = 0; i + 1 < segments.size(); ++i) {
    const std::size_t other = std::min(segments.size() - 1, i + random() % (shuffle_distance + 1));
    std::swap(segments[i], segments[other]);
  }
  return segments;
}

// However the bytes are cut, repeated and shuffled, they come out once and in order.
TEST_F(TcpStreamTest, AnyWayOfSendingReadsTheSame) {
  std::mt19937 random(12);
  for (int round = 0; round < 300; ++round) {
    std::string text(1 + random() % 3000, ' ');
    for (char& c : text) c = static_cast<char>('a' + random() % 26);
    const auto first_sequence = static_cast<std::uint32_t>(round % 3 == 0 ? 0xffff'ff00 : random());
    const std::size_t distance = random() % 12;
    stream_.reset(pool_);
    stream_.begin_at(first_sequence);
    recorder_ = {};
    for (const TcpSegment& segment : any_segments(text, first_sequence, distance, random)) {
      add(segment);
    }
    ASSERT_EQ(told(), text) << "round " << round;
    ASSERT_FALSE(stream_.holds_segments());
  }
}

// With segments lost, what is told and what is said to be lost make up the whole.
TEST_F(TcpStreamTest, GapsAndBytesMakeUpTheWhole) {
  std::mt19937 random(13);
  for (int round = 0; round < 300; ++round) {
    const std::string text(1 + random() % 20'000, 'x');
    const std::uint32_t first_sequence = static_cast<std::uint32_t>(random());
    stream_.reset(pool_);
    stream_.begin_at(first_sequence);
    recorder_ = {};
    const auto end = first_sequence + static_cast<std::uint32_t>(text.size());
    for (const TcpSegment& segment : any_segments(text, first_sequence, 5, random)) {
      if (random() % 10 != 0) add(segment, round);
      if (random() % 10 == 0) {
        acknowledge(stream_.next_sequence() + static_cast<std::uint32_t>(random() % 100), round);
      }
    }
    add(end, "", kTcpFin | kTcpAck);
    stream_.finish(next_frame(round), pool_, recorder_);
    const std::uint64_t bytes = recorder_.frames.size();
    ASSERT_GE(bytes + recorder_.lost, text.size());
    ASSERT_LE(bytes + recorder_.lost, text.size() + 100);  // as far as was acknowledged
  }
}

}  // namespace
}  // namespace rpcaudit
