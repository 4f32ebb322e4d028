#include "dissect/tcp/tcp_conversation.h"

#include <gtest/gtest.h>

#include <string>

#include "tests/support/rpc_bytes.h"

namespace rpcaudit::dissect {
namespace {

using test::ByteVector;

constexpr Direction kClient = Direction::forward;
constexpr Direction kServer = Direction::reverse;
constexpr std::uint8_t kFin = 0x01;
constexpr std::uint8_t kAck = 0x10;

// Writes down what is delivered: bytes as they are, `<3>` for a gap of three, `|` between sides.
struct Transcript final : TcpStreamSink {
  Doubts doubts;
  std::string text;
  Direction last = kClient;

  void turn(Direction direction) {
    if (direction != last && !text.empty()) text += "|";
    last = direction;
  }
  Bytes on_bytes(Direction direction, Bytes bytes, const FrameReference&) noexcept override {
    turn(direction);
    for (const std::byte byte : bytes) text += static_cast<char>(byte);
    return bytes;
  }
  void on_doubt(Direction, Doubt doubt, const FrameReference&) noexcept override {
    doubts.add(doubt);
  }
  void on_gap(Direction direction, std::uint64_t missing, GapKind kind,
              const FrameReference&) noexcept override {
    turn(direction);
    text += (kind == GapKind::lost ? "<" : "{") + std::to_string(missing) +
            (kind == GapKind::lost ? ">" : "}");
  }
};

class TcpConversationTest : public testing::Test {
 protected:
  TcpConversationTest() {
    conversation_.open(kClient, 1000);
    conversation_.open(kServer, 5000);
  }

  // Bytes at an offset from the side's first; `acknowledged` counts the other side's bytes.
  void say(Direction direction, std::uint32_t offset, const std::string& bytes,
           std::uint32_t acknowledged = 0, std::uint8_t flags = kAck, std::uint32_t cut = 0) {
    storage_.push_back(test::ByteWriter().text(bytes).take());
    Packet packet;
    packet.transport = Transport::tcp;
    packet.payload = storage_.back();
    packet.payload_length = static_cast<std::uint32_t>(bytes.size()) + cut;
    packet.tcp.sequence = (direction == kClient ? 1000 : 5000) + offset;
    packet.tcp.acknowledgment = (direction == kClient ? 5000 : 1000) + acknowledged;
    packet.tcp.flags = flags;
    FrameReference frame;
    frame.number = frame.sequence = ++frames_;
    frame.timestamp.nanoseconds = milliseconds_ * 1'000'000;
    conversation_.add(direction, packet, frame, shared_, transcript_);
  }
  const std::string& text() { return transcript_.text; }
  std::string flushed() {
    conversation_.finish(shared_, transcript_);
    return transcript_.text;
  }

  Limits limits_ = [] {
    Limits limits;
    limits.reorder_segments_per_stream = 100;
    return limits;
  }();
  TcpShared shared_{limits_};
  TcpConversation conversation_;
  Transcript transcript_;
  std::vector<ByteVector> storage_;
  std::uint64_t frames_ = 0;
  std::int64_t milliseconds_ = 0;
};

TEST_F(TcpConversationTest, DeliversInOrderAtOnce) {
  say(kClient, 0, "abc");
  say(kClient, 3, "def");
  EXPECT_EQ(text(), "abcdef");
}

TEST_F(TcpConversationTest, HoldsWhatIsEarly) {
  say(kClient, 3, "def");
  EXPECT_EQ(text(), "");
  say(kClient, 0, "abc");
  EXPECT_EQ(text(), "abcdef");
}

TEST_F(TcpConversationTest, KeepsTheFirstCapturedOfOverlappingBytes) {
  say(kClient, 2, "CDE");
  say(kClient, 4, "xyz");
  say(kClient, 0, "abcd");
  EXPECT_EQ(text(), "abCDEyz");
}

TEST_F(TcpConversationTest, FillsAHoleBetweenHeldPieces) {
  say(kClient, 6, "gh");
  say(kClient, 2, "cd");
  say(kClient, 1, "bXXef");
  say(kClient, 0, "a");
  EXPECT_EQ(text(), "abcdefgh");
}

TEST_F(TcpConversationTest, IgnoresKeepAlivesAndRepetitions) {
  say(kClient, 0, "abc");
  say(kClient, 2, "c");
  say(kClient, 0, "abc");
  say(kClient, 1, "bcd");
  EXPECT_EQ(text(), "abcd");
  EXPECT_EQ(shared_.counters.retransmitted, 2u);
}

TEST_F(TcpConversationTest, LetsNoAnswerOvertakeWhatItAnswers) {
  say(kServer, 0, "answer", 8);
  EXPECT_EQ(text(), "");
  say(kClient, 0, "question");
  EXPECT_EQ(text(), "question|answer");
}

TEST_F(TcpConversationTest, WaitsLongForBytesThatTheReceiverLacksToo) {
  say(kClient, 3, "def");
  milliseconds_ = 5000;
  say(kClient, 6, "ghi");
  EXPECT_EQ(text(), "");
  say(kClient, 0, "abc");
  EXPECT_EQ(text(), "abcdefghi");
}

TEST_F(TcpConversationTest, GivesUpAHoleThatTheReceiverDoesNotHave) {
  say(kClient, 3, "def");
  say(kServer, 0, "ok", 6);
  milliseconds_ = 1500;
  say(kClient, 6, "ghi");
  EXPECT_EQ(text(), "<3>defghi|ok");
}

TEST_F(TcpConversationTest, GivesUpAHoleAfterManyPieces) {
  say(kServer, 0, "ok", 100);
  for (std::uint32_t i = 0; i < 70; ++i) say(kClient, 100 + i, "x", 2);
  EXPECT_TRUE(text().starts_with("<100>|ok|x")) << text();
}

TEST_F(TcpConversationTest, TellsBytesCutByTheSnapLength) {
  say(kClient, 0, "abc", 0, kAck, 5);
  say(kClient, 8, "def");
  EXPECT_EQ(text(), "abc{5}def");
}

TEST_F(TcpConversationTest, RemembersACutWhileItIsHeld) {
  say(kClient, 2, "cde", 0, kAck, 5);
  say(kClient, 0, "ab");
  say(kClient, 10, "f");
  EXPECT_EQ(text(), "abcde{5}f");
}

TEST_F(TcpConversationTest, IsOverWhenBothSidesHaveFinishedInOrder) {
  say(kServer, 0, "", 0, kAck | kFin);
  say(kClient, 3, "", 0, kAck | kFin);
  EXPECT_FALSE(conversation_.is_over());
  say(kClient, 0, "abc");
  EXPECT_TRUE(conversation_.is_over());
}

TEST_F(TcpConversationTest, DoubtsAFinThatDataFollow) {
  say(kClient, 0, "abc", 0, kAck | kFin);
  say(kServer, 0, "", 0, kAck | kFin);
  EXPECT_TRUE(conversation_.is_over());
  EXPECT_FALSE(transcript_.doubts.any());
  say(kClient, 3, "def");
  EXPECT_EQ(text(), "abcdef");
  EXPECT_FALSE(conversation_.is_over());
  EXPECT_TRUE(transcript_.doubts.contains(Doubt::tcp_conflict));
}

TEST_F(TcpConversationTest, IgnoresAStrayButFollowsAJump) {
  say(kClient, 0, "abc");
  say(kClient, 1u << 28, "stray");
  EXPECT_EQ(text(), "abc");
  say(kClient, 1u << 29, "one");
  say(kClient, (1u << 29) + 3, "two");
  say(kClient, (1u << 29) + 6, "three");
  EXPECT_EQ(text(), "abc<536870915>three");
  EXPECT_EQ(shared_.counters.out_of_window, 4u);
}

// Segments longer than a piece, early, with room for less than one of them.
TEST_F(TcpConversationTest, EndsWhenOneSegmentIsMoreThanAllRoom) {
  Limits small;
  small.reorder_segments_per_stream = 2;
  small.reorder_bytes = 3 * HeldPiece::kBytes;
  TcpShared little(small);
  const std::string large(9000, 'x');
  storage_.push_back(test::ByteWriter().text(large).take());
  Packet packet;
  packet.transport = Transport::tcp;
  packet.payload = storage_.back();
  packet.payload_length = 9000;
  packet.tcp.sequence = 1010;
  packet.tcp.acknowledgment = 5000;
  packet.tcp.flags = kAck;
  conversation_.add(kClient, packet, {}, little, transcript_);
  conversation_.finish(little, transcript_);
  EXPECT_EQ(text(), "<10>" + large);
}

TEST_F(TcpConversationTest, FlushesEverythingHeldWithItsGaps) {
  say(kClient, 3, "def");
  say(kServer, 7, "late", 9);
  EXPECT_EQ(flushed(), "<3>def<3>|<7>late");
}

}  // namespace
}  // namespace rpcaudit::dissect
