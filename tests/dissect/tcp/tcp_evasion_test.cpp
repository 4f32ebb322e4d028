// Segments that make a sensor read something else than the receiver does: what is delivered, what
// is told as a doubt, and what is counted.

#include <gtest/gtest.h>

#include <deque>
#include <string>
#include <vector>

#include "dissect/tcp/tcp_conversation.h"
#include "dissect/tcp/tcp_header.h"
#include "tests/support/rpc_bytes.h"

namespace rpcaudit::dissect {
namespace {

using test::ByteVector;
using test::ByteWriter;

constexpr Direction kClient = Direction::forward;
constexpr Direction kServer = Direction::reverse;
constexpr std::uint32_t kFirst[] = {1000, 5000};  // sequence numbers of the first bytes
constexpr std::uint8_t kAck = kTcpAck;

// A segment. Sequence numbers count from the first byte of each side.
struct Said {
  Direction direction = kClient;
  std::uint32_t offset = 0;
  std::string bytes = {};
  std::uint32_t acknowledged = 0;
  std::uint8_t flags = kAck;
  std::uint16_t window = 65535;
  std::uint32_t timestamp = 0;  // 0: no such option
  std::uint16_t urgent = 0;
  std::int64_t seconds = 0;  // since the segment before
};

struct EvasionCase {
  const char* name;
  std::vector<Said> said;
  std::string delivered;  // `|` between sides, <3> for a gap
  bool is_conflict = false;
  bool is_urgent = false;
  std::uint64_t out_of_window = 0;
  std::uint64_t not_taken = 0;
};

class Listener final : public TcpStreamSink {
 public:
  Bytes on_bytes(Direction direction, Bytes bytes, const FrameReference&) noexcept override {
    turn(direction);
    for (const std::byte byte : bytes) text += static_cast<char>(byte);
    return bytes;
  }
  void on_gap(Direction direction, std::uint64_t missing, GapKind,
              const FrameReference&) noexcept override {
    turn(direction);
    text += missing == kGapOfUnknownSize ? "<?>" : "<" + std::to_string(missing) + ">";
  }
  void on_doubt(Direction, Doubt doubt, const FrameReference&) noexcept override {
    doubts.add(doubt);
  }

  std::string text;
  Doubts doubts;

 private:
  void turn(Direction direction) {
    if (direction != last_ && !text.empty()) text += "|";
    last_ = direction;
  }
  Direction last_ = kClient;
};

ByteVector to_tcp(const Said& said) {
  ByteWriter writer(std::endian::big);
  const std::size_t side = static_cast<std::size_t>(said.direction);
  writer.u16(1).u16(2).u32(kFirst[side] + said.offset).u32(kFirst[1 - side] + said.acknowledged);
  writer.u8(said.timestamp == 0 ? 0x50 : 0x80).u8(said.flags).u16(said.window);
  writer.u16(0).u16(said.urgent);
  if (said.timestamp != 0) writer.u32(0x0101'080a).u32(said.timestamp).u32(0);
  return writer.text(said.bytes).take();
}

class Conversation {
 public:
  void say(const Said& said) {
    segments_.push_back(to_tcp(said));
    const ByteVector& bytes = segments_.back();
    const std::size_t header = said.timestamp == 0 ? 20 : 32;
    const std::size_t side = static_cast<std::size_t>(said.direction);
    Packet packet;
    packet.transport = Transport::tcp;
    packet.transport_header_size = static_cast<std::uint8_t>(header);
    packet.payload = Bytes(bytes).subspan(header);
    packet.payload_length = static_cast<std::uint32_t>(said.bytes.size());
    packet.tcp = {kFirst[side] + said.offset, kFirst[1 - side] + said.acknowledged, said.flags};
    FrameReference frame;
    frame.number = frame.sequence = segments_.size();
    now_.nanoseconds += said.seconds * kNanosecondsPerSecond;
    frame.timestamp = now_;
    reopening = conversation.reopened_by(said.direction, packet);
    if (!reopening) conversation.add(said.direction, packet, frame, shared, listener);
  }

  static Limits limits() {
    Limits limits;
    limits.recent_bytes = std::size_t{4} * RecentBytes::kLargeBytes;
    return limits;
  }

  TcpShared shared{limits()};
  TcpConversation conversation;
  Listener listener;
  std::optional<TcpReopening> reopening;

 private:
  std::deque<ByteVector> segments_;
  Timestamp now_;
};

constexpr std::uint8_t kNone = 0;
constexpr std::uint8_t kPush = kTcpPsh;
constexpr std::uint8_t kFin = kTcpFin | kTcpAck;
constexpr std::uint8_t kRst = kTcpRst;
constexpr std::uint8_t kSyn = kTcpSyn;
constexpr std::uint8_t kUrgent = kTcpUrg | kTcpAck;
constexpr std::uint32_t kFar = 0x3000'0000;

std::vector<EvasionCase> evasion_cases() {
  const Said ask{.bytes = "ask"};
  const Said answer{.direction = kServer, .bytes = "yes", .acknowledged = 3};
  const std::string more(3000, 'm');
  return {
      // A segment without ACK is dropped (RFC 9293 3.10.7.4, fifth check).
      {"NoAckFlag",
       {{.bytes = "###", .flags = kPush}, {.bytes = "YYY", .flags = kNone}, ask},
       "ask",
       false,
       false,
       0,
       2},
      {"NoAckFlagWithFin", {{.flags = kTcpFin}, ask}, "ask", false, false, 0, 1},

      // RFC 5961 3.2: a reset outside of the window is dropped.
      {"ResetFarAway",
       {ask, {.offset = kFar, .flags = kRst}, {.offset = 3, .bytes = "more"}},
       "askmore",
       false,
       false,
       1},
      {"ResetInThePast",
       {ask, {.offset = 1, .flags = kRst}, {.offset = 3, .bytes = "more"}},
       "askmore",
       false,
       false,
       1},
      {"ResetInTheWindow",
       {ask, {.offset = 99, .flags = kRst}, {.offset = 3, .bytes = "more"}},
       "askmore"},
      {"ResetInSequence",
       {ask, {.offset = 3, .flags = kRst}, {.offset = 3, .bytes = "more"}},
       "askmore"},
      {"ResetOfBothSidesInSequence",
       {ask, {.direction = kServer, .flags = kRst}, {.offset = 3, .flags = kRst}, answer},
       "ask|yes"},

      // RFC 5961 4.2: a SYN in the midst is answered by a challenge, and changes nothing.
      {"SynFarAway",
       {ask, answer, {.offset = kFar, .flags = kSyn}, {.offset = 3, .bytes = "more"}},
       "ask|yes|more",
       false,
       false,
       0,
       1},
      {"SynInTheWindow",
       {ask, answer, {.offset = 9, .flags = kSyn}, {.offset = 3, .bytes = "more"}},
       "ask|yes|more",
       false,
       false,
       0,
       1},
      {"SynBeforeAnAnswer",
       {ask, {.offset = kFar, .flags = kSyn}, answer},
       "ask|yes",
       false,
       false,
       0,
       1},
      {"SynWithData",
       {ask, {.offset = 2, .bytes = "###", .flags = kSyn}, answer},
       "ask|yes",
       false,
       false,
       0,
       1},
      {"SynAckAlone",
       {ask,
        answer,
        {.direction = kServer, .offset = kFar, .acknowledged = 77, .flags = kSyn | kAck},
        {.offset = 3, .bytes = "more"}},
       "ask|yes|more",
       false,
       false,
       0,
       1},

      // A FIN counts in order only; what comes in its place leaves two readings.
      {"FinFarAway",
       {ask, {.offset = kFar, .flags = kFin}, {.offset = 3, .bytes = "more"}},
       "askmore",
       false,
       false,
       1},
      {"FinOfBothSidesAhead",
       {ask,
        {.offset = 9, .flags = kFin},
        {.direction = kServer, .offset = 9, .flags = kFin},
        answer,
        {.offset = 3, .bytes = "more", .acknowledged = 3}},
       "ask|yes|more"},
      {"FinThatDataFollow",
       {ask, {.offset = 3, .flags = kFin}, {.offset = 3, .bytes = "more"}},
       "askmore",
       true},
      {"FinThatDataCover",
       {ask, {.offset = 3, .flags = kFin}, {.offset = 1, .bytes = "skmore"}},
       "askmore",
       true},
      {"FinRepeated",
       {ask, {.offset = 3, .flags = kFin}, ask, {.offset = 3, .flags = kFin}},
       "ask"},

      // RFC 7323 5.3: a timestamp from long ago.
      {"OldTimestamp",
       {{.bytes = "ask", .timestamp = 90'000},
        {.direction = kServer, .bytes = "yes", .acknowledged = 3, .timestamp = 500},
        {.offset = 3, .bytes = "####", .acknowledged = 3, .timestamp = 80'000},
        {.offset = 3, .bytes = "more", .acknowledged = 3, .timestamp = 90'001}},
       "ask|yes|more",
       false,
       false,
       0,
       1},
      {"OldTimestampThatWraps",
       {{.bytes = "ask", .timestamp = 5},
        {.direction = kServer, .bytes = "yes", .acknowledged = 3, .timestamp = 500},
        {.offset = 3, .bytes = "####", .acknowledged = 3, .timestamp = 0xffff'fff0},
        {.offset = 3, .bytes = "more", .acknowledged = 3, .timestamp = 6}},
       "ask|yes|more",
       false,
       false,
       0,
       1},
      {"TimestampsNotAgreedUpon",
       {{.bytes = "ask", .timestamp = 90'000},
        answer,
        {.offset = 3, .bytes = "more", .acknowledged = 3, .timestamp = 80'000}},
       "ask|yes|more"},

      // RFC 9293 3.10.7.4, first check: the window.
      {"DataFarAhead",
       {ask, {.offset = kFar, .bytes = "###"}, {.offset = 3, .bytes = "more"}},
       "askmore",
       false,
       false,
       1},
      {"DataFarBehind",
       {ask, {.offset = 0 - kFar, .bytes = "###"}, {.offset = 3, .bytes = "more"}},
       "askmore",
       false,
       false,
       1},
      {"ManyDataFarAhead",
       {ask,
        answer,
        {.offset = kFar, .bytes = "###"},
        {.offset = kFar + 3, .bytes = "###"},
        {.offset = kFar + 6, .bytes = "###"},
        {.offset = 3, .bytes = "more"}},
       "ask|yes|more",
       false,
       false,
       3},
      {"DataAheadThatNobodyAcknowledges",
       {ask,
        answer,
        {.offset = 5000, .bytes = "###"},
        {.offset = 3, .bytes = "more"},
        {.offset = 7, .acknowledged = 3, .seconds = 11},
        {.offset = 7, .bytes = "end"}},
       "ask|yes|moreend",
       false,
       false,
       0,
       1},

      // RFC 9293 3.8.4: a keep-alive holds any byte.
      {"KeepAlive",
       {ask,
        answer,
        {.offset = 2, .bytes = "X", .acknowledged = 3},
        {.offset = 3, .bytes = "more"}},
       "ask|yes|more"},
      {"KeepAliveBeforeAnything", {{.offset = 0xffff'ffff, .bytes = "X"}, ask}, "ask"},

      // Copies that differ from what was delivered before.
      {"Copy",
       {ask, ask, {.offset = 1, .bytes = "skmore"}, {.offset = 2, .bytes = "kmo"}},
       "askmore"},
      {"CopyThatDiffers", {ask, {.bytes = "###"}}, "ask", true},
      {"CopyOfOneByteThatDiffers",
       {{.bytes = "as"},
        {.offset = 2, .bytes = "k"},
        answer,
        {.offset = 1, .bytes = "X", .acknowledged = 3}},
       "ask|yes",
       true},
      {"LastByteThatNobodyHas",
       {{.bytes = "as"},
        {.direction = kServer, .acknowledged = 2},
        {.offset = 2, .bytes = "k"},
        {.offset = 2, .bytes = "X"}},
       "ask",
       true},
      {"CopyThatDiffersAndGoesOn", {ask, {.offset = 2, .bytes = "Xmore"}}, "askmore", true},
      {"CopyThatDiffersAfterMuch",
       {ask, {.offset = 3, .bytes = more}, {.offset = 1, .bytes = "X"}},
       "ask" + more,
       true},

      // Copies that differ from what is held.
      {"HeldCopy",
       {{.offset = 3, .bytes = "more"}, {.offset = 4, .bytes = "oreover"}, ask},
       "askmoreover"},
      {"HeldCopyThatDiffers",
       {{.offset = 3, .bytes = "more"}, {.offset = 3, .bytes = "less"}, ask},
       "askmore",
       true},
      {"HeldCopyThatDiffersAtItsEnd",
       {{.offset = 5, .bytes = "re"}, {.offset = 3, .bytes = "moXX"}, ask},
       "askmore",
       true},
      {"HeldCopyThatDiffersFromTheGap",
       {{.offset = 4, .bytes = "ore"}, {.bytes = "askmXre"}},
       "askmore",
       true},

      // What a segment acknowledges may be made up: it waits, and what follows does not.
      {"AcknowledgesTooMuch",
       {ask,
        {.offset = 3, .bytes = "####", .acknowledged = 900},
        {.offset = 3, .bytes = "more"},
        answer},
       "askmore|yes",
       true},
      {"FirstSegmentAcknowledgesTooMuch",
       {{.bytes = "ask", .acknowledged = 900}, ask, answer},
       "ask|yes"},

      // RFC 6093: the urgent byte is in line or out of line.
      {"UrgentByte",
       {ask, {.offset = 3, .bytes = "moXre", .flags = kUrgent, .urgent = 3}},
       "askmore",
       false,
       true},
      {"UrgentByteAlone",
       {ask,
        {.offset = 3, .bytes = "X", .flags = kUrgent, .urgent = 1},
        {.offset = 4, .bytes = "more"}},
       "askmore",
       false,
       true},
      {"UrgentByteToCome",
       {ask,
        {.offset = 3, .bytes = "mo", .flags = kUrgent, .urgent = 4},
        {.offset = 5, .bytes = "rXe"}},
       "askmore",
       false,
       true},
      {"UrgentByteHeld",
       {{.offset = 3, .bytes = "moXre", .flags = kUrgent, .urgent = 3}, ask},
       "askmore",
       false,
       true},
      {"UrgentByteInACopy",
       {ask, {.bytes = "ask", .flags = kUrgent, .urgent = 1}},
       "ask",
       false,
       true},
      {"UrgentPointerWithoutItsFlag", {{.bytes = "ask", .urgent = 1}}, "ask"},
  };
}

// Nothing of the handshake was captured.
std::vector<EvasionCase> late_cases() {
  const Said answer{.direction = kServer, .bytes = "yes", .acknowledged = 3};
  return {
      // Whether the first byte is one of the stream, only what carries it can tell.
      {"KeepAliveFirst",
       {{.offset = 0xffff'ffff, .bytes = "#"}, {.bytes = "ask"}, answer},
       "#ask|yes"},
      {"KeepAlivesFirst",
       {{.offset = 0xffff'ffff, .bytes = "#"},
        {.direction = kServer},
        {.offset = 0xffff'ffff, .bytes = "#"},
        {.bytes = "ask"},
        answer},
       "#ask|yes"},
      // The receiver lacks bytes that lie before the first ones seen.
      {"FirstSegmentAhead",
       {{.direction = kServer, .acknowledged = 0},
        {.offset = 5000, .bytes = "###"},
        {.bytes = "ask"},
        answer,
        {.offset = 3, .bytes = "more"}},
       "###ask|yes|more",
       true},
      // The receiver has them, so they came before the capture began.
      {"FirstSegmentRepeated",
       {{.offset = 3, .bytes = "more"},
        {.direction = kServer, .acknowledged = 7},
        {.bytes = "ask"},
        {.offset = 7, .bytes = "end"}},
       "moreend"},
      {"ConnectionThatWentOnElsewhere",
       {{.bytes = "ask"},
        {.offset = kFar, .bytes = "a"},
        {.offset = kFar + 1, .bytes = "b"},
        {.offset = kFar + 2, .bytes = "c"},
        {.offset = kFar + 3, .bytes = "d"}},
       "ask<805306367>cd",
       false,
       false,
       3},
      {"ConnectionThatWentOnBefore",
       {{.bytes = "ask"},
        {.offset = 0 - kFar, .bytes = "a"},
        {.offset = 1 - kFar, .bytes = "b"},
        {.offset = 2 - kFar, .bytes = "c"},
        {.offset = 3 - kFar, .bytes = "d"}},
       "ask<?>cd",
       true,
       false,
       3},
  };
}

void play(const EvasionCase& evasion, Conversation& talk) {
  for (const Said& said : evasion.said) talk.say(said);
  EXPECT_EQ(talk.listener.text, evasion.delivered);
  EXPECT_EQ(talk.listener.doubts.contains(Doubt::tcp_conflict), evasion.is_conflict);
  EXPECT_EQ(talk.listener.doubts.contains(Doubt::urgent_data), evasion.is_urgent);
  EXPECT_EQ(talk.shared.counters.out_of_window, evasion.out_of_window);
  EXPECT_EQ(talk.shared.counters.not_taken, evasion.not_taken);
}

class TcpEvasionTest : public testing::TestWithParam<EvasionCase> {};

TEST_P(TcpEvasionTest, IsReadAsTheReceiverReadsItOrTold) {
  Conversation talk;
  talk.conversation.open(kClient, kFirst[0]);
  play(GetParam(), talk);
}

INSTANTIATE_TEST_SUITE_P(Evasions, TcpEvasionTest, testing::ValuesIn(evasion_cases()),
                         [](const auto& test) { return std::string(test.param.name); });

class TcpLateEvasionTest : public testing::TestWithParam<EvasionCase> {};

TEST_P(TcpLateEvasionTest, IsReadAsTheReceiverReadsItOrTold) {
  Conversation talk;
  play(GetParam(), talk);
}

INSTANTIATE_TEST_SUITE_P(Evasions, TcpLateEvasionTest, testing::ValuesIn(late_cases()),
                         [](const auto& test) { return std::string(test.param.name); });

struct ReopeningCase {
  const char* name;
  std::vector<Said> said;
  bool is_reopened = false;
};

class TcpReopeningTest : public testing::TestWithParam<ReopeningCase> {};

TEST_P(TcpReopeningTest, TakesAHandshakeToOpenAnotherConnection) {
  Conversation talk;
  talk.conversation.open(kClient, kFirst[0]);
  for (const Said& said : GetParam().said) {
    ASSERT_FALSE(talk.reopening);
    talk.say(said);
  }
  ASSERT_EQ(talk.reopening.has_value(), GetParam().is_reopened);
  if (!talk.reopening) return;
  EXPECT_EQ(talk.reopening->opener, kClient);
  EXPECT_EQ(talk.reopening->first, kFirst[0] + 70'001);
}

std::vector<ReopeningCase> reopening_cases() {
  const Said ask{.bytes = "ask"};
  const Said answer{.direction = kServer, .bytes = "yes", .acknowledged = 3};
  const Said syn{.offset = 70'000, .flags = kSyn};
  const Said syn_ack{
      .direction = kServer, .offset = 1, .acknowledged = 70'001, .flags = kSyn | kAck};
  const Said data{.offset = 70'001, .bytes = "new"};
  const Said reset{.offset = 3, .flags = kRst};
  return {
      {"SynAlone", {ask, answer, syn}},
      {"SynAckAlone", {ask, answer, syn_ack}},
      {"SynAndItsAnswer", {ask, answer, syn, syn_ack}, true},
      {"SynBehindItsAnswer", {ask, answer, syn_ack, syn}, true},
      {"SynAndTheAnswerToAnother",
       {ask,
        answer,
        syn,
        {.direction = kServer, .offset = 1, .acknowledged = 9, .flags = kSyn | kAck}}},
      {"SynAndData", {ask, answer, syn, data}},
      {"SynAndDataOfOneSide", {ask, syn, data}, true},
      {"SynRepeated", {ask, answer, {.offset = 0xffff'ffff, .flags = kSyn}}},
      {"SynAfterAReset", {ask, answer, reset, syn}},
      {"SynAndItsAnswerAfterAReset", {ask, answer, reset, syn, syn_ack}, true},
      {"SynAndDataAfterAReset", {ask, answer, reset, syn, data}, true},
      {"AnswerAndDataAfterAReset", {ask, answer, reset, syn_ack, data}, true},
      {"SynThatNobodyAnsweredAfterAReset",
       {ask, answer, reset, syn, {.offset = 3, .bytes = "more", .acknowledged = 3}}},
      {"SynAfterAResetFarAway", {ask, answer, {.offset = kFar, .flags = kRst}, syn}},
      {"SynAfterBothHaveFinished",
       {ask,
        answer,
        {.offset = 3, .acknowledged = 3, .flags = kFin},
        {.direction = kServer, .offset = 3, .acknowledged = 4, .flags = kFin},
        syn,
        data},
       true},
  };
}

INSTANTIATE_TEST_SUITE_P(Openings, TcpReopeningTest, testing::ValuesIn(reopening_cases()),
                         [](const auto& test) { return std::string(test.param.name); });

}  // namespace
}  // namespace rpcaudit::dissect
