#include "dissect/rpc/rpc_session.h"

#include <gtest/gtest.h>

#include <random>

#include "tests/support/activation_bytes.h"
#include "tests/support/hex.h"
#include "tests/support/recording_observer.h"
#include "tests/support/rpc_bytes.h"
#include "tests/support/silent_observer.h"

namespace rpcaudit::dissect {
namespace {

using namespace test;

constexpr Direction kToServer = Direction::forward;
constexpr Direction kToClient = Direction::reverse;

// A conversation with one server, message by message.
class Conversation {
 public:
  explicit Conversation(Limits limits = {}) : limits_(limits) {
    slot_ = sessions_.open(
        ProtocolSequence::ncacn_ip_tcp,
        {Endpoint{IpAddress::v4(0x0a4d0002), 40000}, Endpoint{IpAddress::v4(0x0a4d0001), 135}},
        nullptr);
  }

  Conversation& client(const ByteVector& bytes) { return say(kToServer, bytes); }
  Conversation& server(const ByteVector& bytes) { return say(kToClient, bytes); }
  Conversation& lose(Direction direction, std::uint64_t bytes) {
    sessions_.gap(slot_, direction, bytes, BlindnessKind::gap, frame());
    return *this;
  }
  Conversation& doubt(Doubt doubt) {
    Doubts doubts;
    doubts.add(doubt);
    sessions_.doubt(slot_, doubts, frame());
    return *this;
  }
  Conversation& wait(std::int64_t seconds) {
    seconds_ += seconds;
    sessions_.expire(frame().timestamp);
    return *this;
  }
  // Cuts everything said from here on into pieces of `size` bytes.
  Conversation& piecewise(std::size_t size) {
    piece_ = size;
    return *this;
  }

  // Ends the conversation and returns what was told.
  std::string text() {
    if (slot_) sessions_.close(slot_);
    slot_ = {};
    EXPECT_EQ(observer_.complaints(), "");
    EXPECT_TRUE(observer_.all_closed());
    return observer_.text();
  }

  RecordingObserver& observer() { return observer_; }
  const DissectStatistics& statistics() const { return statistics_; }

 private:
  FrameReference frame() {
    FrameReference reference;
    reference.number = reference.sequence = ++frames_;
    reference.timestamp.nanoseconds = seconds_ * kNanosecondsPerSecond;
    return reference;
  }
  Conversation& say(Direction direction, Bytes bytes) {
    while (!bytes.empty()) {
      const std::size_t size = piece_ == 0 ? bytes.size() : std::min(piece_, bytes.size());
      sessions_.consume(slot_, direction, bytes.first(size), frame());
      bytes = bytes.subspan(size);
    }
    return *this;
  }

  Limits limits_;
  RecordingObserver observer_;
  DissectStatistics statistics_;
  RpcSessions sessions_{limits_, observer_, statistics_, 1};
  Slot<RpcSession> slot_;
  std::uint64_t frames_ = 0;
  std::int64_t seconds_ = 0;
  std::size_t piece_ = 0;
};

TEST(RpcSession, TellsABindACallAndItsResponse) {
  Conversation talk;
  talk.client(make_bind({{0, kSamr}})).server(make_bind_ack({{}}));
  talk.client(make_request({0, 5}, {.call_id = 2})).server(make_response(0, {.call_id = 2}));
  EXPECT_EQ(talk.text(),
            "context 0 12345778/1.0 accepted call 1\n"
            "call 2 context 0 12345778/1.0 opnum 5 body 32 -> response\n");
}

// [MS-DCOM] 3.1.2.5.2.3.3: of an activation in clear the class is told; in NDR64 it is not read.
TEST(RpcSession, TellsTheClassThatAnActivationAsksFor) {
  const ByteVector stub = make_activation({uuid("4991d34b-80a1-4291-83b6-3328366b9097")});
  const auto activate = [&stub](const SyntaxId& transfer, std::optional<AuthNumbers> auth) {
    ByteWriter body;
    body.u32(static_cast<std::uint32_t>(stub.size())).u16(0).u16(4).bytes(stub);
    Conversation talk;
    talk.client(make_bind({{0, kRemoteScmActivator, {transfer}}}));
    talk.server(make_bind_ack({{0, 0, transfer}}));
    talk.client(make_pdu(PduType::request, {.call_id = 2, .auth = auth}, body.take()));
    return talk.text().find("class 4991d34b-80a1-4291-83b6-3328366b9097") != std::string::npos;
  };
  EXPECT_TRUE(activate(kNdr, std::nullopt));
  EXPECT_TRUE(activate(kNdr, AuthNumbers{10, 5, 0}));
  EXPECT_FALSE(activate(kNdr, AuthNumbers{10, 6, 0}));
  EXPECT_FALSE(activate(kNdr64, std::nullopt));
}

// The results stand in the order of the items, not of their ids (C706 12.6.4.4).
TEST(RpcSession, MatchesResultsToItemsByPosition) {
  Conversation talk;
  talk.client(make_bind({{7, kSamr}, {3, kDrsuapi}, {9, kEpm}}));
  talk.server(make_bind_ack({{2, 1}, {0, 0}}));
  talk.client(make_request({3, 1}, {.call_id = 2})).client(make_request({7, 1}, {.call_id = 3}));
  talk.client(make_request({9, 1}, {.call_id = 4}));
  EXPECT_EQ(talk.text(),
            "context 7 12345778/1.0 rejected call 1\n"
            "context 3 e3514235/4.0 accepted call 1\n"
            "context 9 e1af8308/3.0 unanswered call 1\n"
            "call 2 context 3 e3514235/4.0 opnum 1 body 32 -> unanswered\n"
            "call 3 context 7 12345778/1.0rejected opnum 1 body 32 -> unanswered\n"
            "call 4 context 9 e1af8308/3.0provisional opnum 1 body 32 -> unanswered\n");
}

// Several transfer syntaxes in one item must not shift the items after it.
TEST(RpcSession, ReadsItemsWithSeveralTransferSyntaxes) {
  Conversation talk;
  talk.client(make_bind({{0, kSamr, {kNdr, kNdr64}}, {1, kDrsuapi, {kNdr64, kNdr}}}));
  talk.server(make_bind_ack({{}, {}}));
  EXPECT_EQ(talk.text(),
            "context 0 12345778/1.0 accepted call 1\n"
            "context 1 e3514235/4.0 accepted call 1\n");
}

// MS-RPCE 2.2.2.14: a negotiate_ack makes no usable context.
TEST(RpcSession, KeepsBindTimeFeaturesApart) {
  Conversation talk;
  talk.client(make_bind({{0, kSamr}, {1, kSamr, {kFeatures}}}));
  talk.server(make_bind_ack({{}, {3, 3, {}}}));
  EXPECT_EQ(talk.text(),
            "context 0 12345778/1.0 accepted call 1\n"
            "context 1 12345778/1.0 negotiated call 1\n");
}

TEST(RpcSession, RejectsEveryContextOfARefusedBind) {
  Conversation talk;
  talk.client(make_bind({{0, kSamr}, {1, kDrsuapi}}));
  talk.server(make_pdu(PduType::bind_nak, {}, hex("0400 01 0500")));
  EXPECT_EQ(talk.text(),
            "context 0 12345778/1.0 rejected call 1\n"
            "context 1 e3514235/4.0 rejected call 1\n");
}

TEST(RpcSession, ReadsBigEndianPeers) {
  const PduShape big{.call_id = 1, .order = std::endian::big};
  const PduShape big2{.call_id = 2, .order = std::endian::big};
  Conversation talk;
  talk.client(make_bind({{0, kSamr}}, big)).server(make_bind_ack({{}}));
  talk.client(make_request({0, 513}, big2));
  talk.server(make_fault(0x1c010002, big2));
  EXPECT_EQ(talk.text(),
            "context 0 12345778/1.0 accepted call 1\n"
            "call 2 context 0 12345778/1.0 opnum 513 body 32 -> fault 469827586\n");
}

TEST(RpcSession, MatchesInterleavedCallsByCallId) {
  Conversation talk;
  talk.client(make_bind({{0, kSamr}})).server(make_bind_ack({{}}));
  talk.client(join({make_request({0, 1}, {.call_id = 2}), make_request({0, 2}, {.call_id = 3})}));
  talk.server(make_fault(5, {.call_id = 3})).server(make_response(0, {.call_id = 2}));
  EXPECT_EQ(talk.text(),
            "context 0 12345778/1.0 accepted call 1\n"
            "call 2 context 0 12345778/1.0 opnum 1 body 32 -> response\n"
            "call 3 context 0 12345778/1.0 opnum 2 body 32 -> fault 5\n");
}

TEST(RpcSession, TellsAFragmentedCallOnce) {
  Conversation talk;
  talk.client(make_bind({{0, kSamr}})).server(make_bind_ack({{}}));
  talk.client(make_request({0, 1}, {.call_id = 2, .flags = kPfcFirstFragment}));
  talk.client(make_request({0, 1}, {.call_id = 2, .flags = 0}));
  talk.client(make_request({0, 2}, {.call_id = 2, .flags = kPfcLastFragment}));
  talk.server(make_response(0, {.call_id = 2, .flags = kPfcFirstFragment}));
  talk.server(make_response(0, {.call_id = 2, .flags = kPfcLastFragment}));
  EXPECT_EQ(talk.text(),
            "context 0 12345778/1.0 accepted call 1\n"
            "call 2 context 0 12345778/1.0 opnum 1 body 32 since pdu_conflict -> response\n");
  EXPECT_EQ(talk.statistics().fragments_contradicting, 1u);
  EXPECT_EQ(talk.statistics().answers_unmatched, 0u);
  EXPECT_EQ(talk.observer().blind(BlindnessKind::conflict), 1u);
}

// Only where bytes are missing can a call have lost its first fragment, and only under an id above
// those that were told: other fragments are of calls that are over.
TEST(RpcSession, TellsACallWhoseFirstFragmentWasLost) {
  const ByteVector first = make_request({0, 3}, {.call_id = 3, .flags = 0x01});
  const ByteVector middle = make_request({0, 3}, {.call_id = 3, .flags = 0x00});
  const ByteVector last = make_request({0, 3}, {.call_id = 3, .flags = 0x02});
  struct Case {
    const char* name;
    bool lost;
    std::vector<ByteVector> said;
    std::uint64_t calls;
  };
  const Case kCases[] = {
      {"all_seen", false, {middle, last}, 1},
      {"lost", true, {middle, last}, 2},
      {"last_alone", true, {last}, 2},
      {"not_lost", true, {first, middle, last}, 2},
      {"of_a_call_that_is_over", true, {make_request({0, 1}, {.call_id = 2, .flags = 0x02})}, 1},
  };
  for (const Case& row : kCases) {
    Conversation talk;
    talk.client(make_bind({{0, kSamr}})).server(make_bind_ack({{}}));
    talk.client(make_request({0, 1}, {.call_id = 2})).server(make_response(0, {.call_id = 2}));
    if (row.lost) talk.lose(kToServer, 100'000);
    for (const ByteVector& bytes : row.said) talk.client(bytes);
    talk.server(make_response(0, {.call_id = 3}));
    const std::string told = talk.text();
    EXPECT_EQ(talk.statistics().calls, row.calls) << row.name << "\n" << told;
    EXPECT_EQ(told.find("call 3 context 0 12345778/1.0 opnum 3") != std::string::npos,
              row.calls == 2)
        << row.name << "\n"
        << told;
  }
}

// A version 5.0 peer may send a bind with neither FIRST nor LAST set (C706 12.6.2).
TEST(RpcSession, ReadsABindWithoutFragmentFlags) {
  Conversation talk;
  talk.client(make_bind({{0, kSamr}}, {.flags = 0})).server(make_bind_ack({{}}));
  EXPECT_EQ(talk.text(), "context 0 12345778/1.0 accepted call 1\n");
}

TEST(RpcSession, KeepsEarlierContextsAfterAlterContext) {
  Conversation talk;
  talk.client(make_bind({{0, kSamr}})).server(make_bind_ack({{}}));
  talk.client(make_bind({{1, kDrsuapi}}, {.call_id = 2}, PduType::alter_context));
  talk.server(make_bind_ack({{}}, {.call_id = 2}, PduType::alter_context_response, ""));
  talk.client(make_request({0, 1}, {.call_id = 3})).client(make_request({1, 3}, {.call_id = 4}));
  EXPECT_EQ(talk.text(),
            "context 0 12345778/1.0 accepted call 1\n"
            "context 1 e3514235/4.0 accepted call 2\n"
            "call 3 context 0 12345778/1.0 opnum 1 body 32 -> unanswered\n"
            "call 4 context 1 e3514235/4.0 opnum 3 body 32 -> unanswered\n");
}

TEST(RpcSession, GivesAReusedIdItsNewInterfaceOnceAccepted) {
  Conversation talk;
  talk.client(make_bind({{0, kSamr}})).server(make_bind_ack({{}}));
  talk.client(make_bind({{0, kDrsuapi}}, {.call_id = 2}, PduType::alter_context));
  talk.server(make_bind_ack({{}}, {.call_id = 2}, PduType::alter_context_response));
  talk.client(make_request({0, 3}, {.call_id = 3}));
  EXPECT_EQ(talk.text(),
            "context 0 12345778/1.0 accepted call 1\n"
            "context 0 e3514235/4.0 accepted call 2\n"
            "call 3 context 0 e3514235/4.0 opnum 3 body 32 -> unanswered\n");
}

TEST(RpcSession, KeepsTheAcceptedInterfaceWhenAReuseIsRejected) {
  Conversation talk;
  talk.client(make_bind({{0, kSamr}})).server(make_bind_ack({{}}));
  talk.client(make_bind({{0, kDrsuapi}}, {.call_id = 2}, PduType::alter_context));
  talk.server(make_bind_ack({{2, 1}}, {.call_id = 2}, PduType::alter_context_response));
  talk.client(make_request({0, 3}, {.call_id = 3}));
  EXPECT_EQ(talk.text(),
            "context 0 12345778/1.0 accepted call 1\n"
            "context 0 e3514235/4.0 rejected call 2\n"
            "call 3 context 0 12345778/1.0 opnum 3 body 32 -> unanswered\n");
}

// A fault in answer to an alter_context refuses it: nothing was accepted, so the id still means
// what it meant before (C706 12.6.4.2). Some tools give calls under it the interface refused.
TEST(RpcSession, KeepsTheAcceptedInterfaceWhenAReuseIsAnsweredByAFault) {
  Conversation talk;
  talk.client(make_bind({{0, kSamr}})).server(make_bind_ack({{}}));
  talk.client(make_bind({{0, kDrsuapi}}, {.call_id = 2}, PduType::alter_context));
  talk.server(make_fault(0x1c01000b, {.call_id = 2}));
  talk.client(make_request({0, 3}, {.call_id = 3}));
  EXPECT_EQ(talk.text(),
            "context 0 12345778/1.0 accepted call 1\n"
            "context 0 e3514235/4.0 unanswered call 2\n"
            "call 3 context 0 12345778/1.0 opnum 3 body 32 -> unanswered\n");
}

// What a refusal says of itself, and when the association began.
class RefusalObserver : public SilentObserver {
 public:
  void on_context_result(const RpcContext& context) override {
    constexpr const char* kRefusals[] = {"none", "item", "bind", "fault"};
    told.push_back(
        kRefusals[static_cast<int>(context.refusal)] + std::string(" ") +
        std::to_string(context.reason) + " " + std::to_string(context.refusal_status) +
        (context.association ? " since " + std::to_string(context.association->nanoseconds) : ""));
  }

  std::vector<std::string> told;
};

TEST(RpcSession, TellsHowAProposalWasRefusedAndSinceWhenTheAssociationIs) {
  const ByteVector bind = make_bind({{0, kSamr}, {1, kDrsuapi}});
  const ByteVector alter = make_bind({{2, kDrsuapi}}, {.call_id = 2}, PduType::alter_context);
  struct Case {
    std::vector<std::pair<bool, ByteVector>> messages;  // whether the client says it
    std::vector<std::string> told;
  };
  const Case kCases[] = {
      {{{true, bind}, {false, make_bind_ack({{}, {2, 1}})}},
       {"none 0 0 since 7", "item 1 0 since 7"}},
      {{{true, bind}, {false, make_pdu(PduType::bind_nak, {}, hex("0800 01 0500"))}},
       {"bind 8 0 since 7", "bind 8 0 since 7"}},
      {{{true, make_bind({{0, kSamr}})},
        {false, make_bind_ack({{}})},
        {true, alter},
        {false, make_fault(5, {.call_id = 2})}},
       {"none 0 0 since 7", "fault 0 5 since 7"}},
      {{{true, alter}, {false, make_bind_ack({{2, 0}}, {.call_id = 2})}}, {"item 0 0"}},
  };
  for (const Case& row : kCases) {
    RefusalObserver observer;
    const Limits limits;
    DissectStatistics statistics;
    RpcSessions sessions(limits, observer, statistics, 1);
    const Slot<RpcSession> slot = sessions.open(ProtocolSequence::ncacn_ip_tcp, {}, nullptr);
    FrameReference frame;
    frame.timestamp.nanoseconds = 6;
    for (const auto& [by_client, bytes] : row.messages) {
      ++frame.timestamp.nanoseconds;
      sessions.consume(slot, by_client ? kToServer : kToClient, bytes, frame);
    }
    EXPECT_EQ(observer.told, row.told);
  }
}

// An answer under another call id is for the earliest proposal only while nothing is missing: else
// it may be for one that was not seen, as where answers were lost.
TEST(RpcSession, LetsNoAnswerDecideAboutAnotherProposalWhereBytesAreMissing) {
  const ByteVector bind = make_bind({{0, kSamr}});
  const ByteVector alter = make_bind({{1, kDrsuapi}}, {.call_id = 2}, PduType::alter_context);
  const ByteVector refusal =
      make_bind_ack({{2, 1}}, {.call_id = 3}, PduType::alter_context_response);
  struct Case {
    const char* name;
    bool bind_seen;
    bool gap;
    const char* result;
  };
  constexpr Case kCases[] = {
      {"nothing_missing", true, false, "rejected"},
      {"gap", true, true, "unanswered"},
      {"joined_late", false, false, "unanswered"},
  };
  for (const Case& row : kCases) {
    Conversation talk;
    if (row.bind_seen) talk.client(bind).server(make_bind_ack({{}}));
    talk.client(alter);
    if (row.gap) talk.lose(kToClient, 56);
    talk.server(refusal);
    const std::string told = talk.text();
    EXPECT_NE(told.find("context 1 e3514235/4.0 " + std::string(row.result)), std::string::npos)
        << row.name << "\n"
        << told;
  }
}

// Its results would decide what calls mean, so that they cannot be read is told.
TEST(RpcSession, TellsThatAnAnswerToABindCannotBeRead) {
  ByteVector answer = make_bind_ack({{}});
  answer[32] = std::byte{9};  // more results than there are
  Conversation talk;
  talk.client(make_bind({{0, kSamr}, {1, kDrsuapi}})).server(answer);
  EXPECT_EQ(talk.text(),
            "context 0 12345778/1.0 accepted call 1\n"
            "context 1 e3514235/4.0 unanswered call 1\n");
  EXPECT_EQ(talk.observer().blind(BlindnessKind::undecodable), 1u);
}

TEST(RpcSession, LeavesTheInterfaceOpenWhenTheBindWasMissed) {
  Conversation talk;
  talk.client(make_request({4, 3}, {.call_id = 3})).server(make_response(4, {.call_id = 3}));
  EXPECT_EQ(talk.text(), "call 3 context 4 implied opnum 3 body 32 -> response\n");
  EXPECT_EQ(talk.observer().blind(BlindnessKind::missed_bind), 1u);
}

TEST(RpcSession, TakesTheLevelOfACallFromItsOwnTrailer) {
  const AuthNumbers seal{10, 6, 1};
  const AuthNumbers sign{10, 5, 2};
  Conversation talk;
  talk.client(make_bind({{0, kSamr}}, {.auth = seal})).server(make_bind_ack({{}}, {.auth = seal}));
  talk.client(make_request({0, 1}, {.call_id = 2, .auth = seal}));
  talk.client(make_request({0, 2}, {.call_id = 3, .auth = sign}));
  talk.client(make_request({0, 3}, {.call_id = 4}));
  EXPECT_EQ(talk.text(),
            "context 0 12345778/1.0 accepted auth 10/6 call 1\n"
            "call 2 context 0 12345778/1.0 opnum 1 auth 10/6 body 0 -> unanswered\n"
            "call 3 context 0 12345778/1.0 opnum 2 auth 10/5 body 32 -> unanswered\n"
            "call 4 context 0 12345778/1.0 opnum 3 body 32 -> unanswered\n");
}

// At level CONNECT peers leave the trailer out of their requests.
TEST(RpcSession, NamesTheOnlySecurityContextOfLevelConnect) {
  Conversation talk;
  talk.client(make_bind({{0, kSamr}}, {.auth = AuthNumbers{10, 2, 0}}));
  talk.server(make_bind_ack({{}}));
  talk.client(make_request({0, 1}, {.call_id = 2}));
  EXPECT_EQ(talk.text(),
            "context 0 12345778/1.0 accepted auth 10/2 call 1\n"
            "call 2 context 0 12345778/1.0 opnum 1 connection auth 10/2 body 32 -> unanswered\n");
}

TEST(RpcSession, ReadsTheObjectOfACall) {
  Conversation talk;
  talk.client(make_bind({{0, kSamr}})).server(make_bind_ack({{}}));
  talk.client(make_request({0, 1, kEpm.uuid}, {.call_id = 2}));
  EXPECT_EQ(talk.text(),
            "context 0 12345778/1.0 accepted call 1\n"
            "call 2 context 0 12345778/1.0 opnum 1 object " +
                to_string(kEpm.uuid) + " body 32 -> unanswered\n");
}

TEST(RpcSession, EndsAMaybeCallAtOnce) {
  Conversation talk;
  talk.client(make_bind({{0, kSamr}})).server(make_bind_ack({{}}));
  talk.client(make_request({0, 1}, {.call_id = 2, .flags = 0x43}));
  EXPECT_EQ(talk.text(),
            "context 0 12345778/1.0 accepted call 1\n"
            "call 2 context 0 12345778/1.0 opnum 1 body 32 -> one_way\n");
}

TEST(RpcSession, TellsCancelledAndOrphanedCallsApartFromUnansweredOnes) {
  Conversation talk;
  talk.client(make_bind({{0, kSamr}})).server(make_bind_ack({{}}));
  talk.client(make_request({0, 1}, {.call_id = 2})).client(make_request({0, 2}, {.call_id = 3}));
  talk.client(make_pdu(PduType::co_cancel, {.call_id = 2}, {}));
  talk.client(make_pdu(PduType::orphaned, {.call_id = 3}, {}));
  EXPECT_EQ(talk.text(),
            "context 0 12345778/1.0 accepted call 1\n"
            "call 2 context 0 12345778/1.0 opnum 1 body 32 -> cancelled\n"
            "call 3 context 0 12345778/1.0 opnum 2 body 32 -> orphaned\n");
}

TEST(RpcSession, EndsTheOpenCallWhenItsIdIsUsedAgain) {
  Conversation talk;
  talk.client(make_bind({{0, kSamr}})).server(make_bind_ack({{}}));
  talk.client(make_request({0, 1}, {.call_id = 2})).client(make_request({0, 2}, {.call_id = 2}));
  talk.server(make_response(0, {.call_id = 2}));
  EXPECT_EQ(talk.text(),
            "context 0 12345778/1.0 accepted call 1\n"
            "call 2 context 0 12345778/1.0 opnum 1 body 32 -> unanswered\n"
            "call 2 context 0 12345778/1.0 opnum 2 body 32 -> response\n");
  EXPECT_EQ(talk.statistics().call_ids_reused, 1u);
}

TEST(RpcSession, GivesUpAnOutcomeAfterTheWindow) {
  Conversation talk;
  talk.client(make_bind({{0, kSamr}})).server(make_bind_ack({{}}));
  talk.client(make_request({0, 1}, {.call_id = 2})).wait(31);
  talk.server(make_response(0, {.call_id = 2}));
  EXPECT_EQ(talk.text(),
            "context 0 12345778/1.0 accepted call 1\n"
            "call 2 context 0 12345778/1.0 opnum 1 body 32 -> unanswered\n");
  EXPECT_EQ(talk.statistics().outcomes_given_up, 1u);
  EXPECT_EQ(talk.statistics().answers_unmatched, 1u);
}

TEST(RpcSession, CountsPdusFromTheWrongSide) {
  Conversation talk;
  talk.client(make_bind({{0, kSamr}})).server(make_bind_ack({{}}));
  talk.server(make_request({0, 1}, {.call_id = 2}));
  EXPECT_EQ(talk.text(), "context 0 12345778/1.0 accepted call 1\n");
  EXPECT_EQ(talk.statistics().pdus_unexpected, 1u);
}

// A hole inside a stub leaves the framing in step: the next call is seen.
TEST(RpcSession, StaysInStepWhenAGapEndsInsideAPdu) {
  const ByteVector big = make_request({0, 1, {}, 4000}, {.call_id = 2});
  Conversation talk;
  talk.client(make_bind({{0, kSamr}})).server(make_bind_ack({{}}));
  talk.client(ByteVector(big.begin(), big.begin() + 40)).lose(kToServer, 3000);
  talk.client(ByteVector(big.begin() + 3040, big.end()));
  talk.client(make_request({0, 2}, {.call_id = 3}));
  EXPECT_EQ(talk.text(),
            "context 0 12345778/1.0 accepted call 1\n"
            "call 2 context 0 12345778/1.0 opnum 1 body 16 -> unanswered\n"
            "call 3 context 0 12345778/1.0 opnum 2 body 32 -> unanswered\n");
}

// The trailer behind a hole still tells the level; one inside it is known to be unseen.
TEST(RpcSession, ReadsATrailerBehindAHole) {
  const AuthNumbers sign{10, 5, 0};
  const ByteVector big = make_request({0, 1, {}, 4000}, {.call_id = 2, .auth = sign});
  for (const bool trailer_lost : {false, true}) {
    Conversation talk;
    talk.client(make_bind({{0, kSamr}})).server(make_bind_ack({{}}));
    talk.client(ByteVector(big.begin(), big.begin() + 40));
    const std::size_t lost = trailer_lost ? big.size() - 40 : 3000;
    talk.lose(kToServer, lost);
    const auto rest = static_cast<std::ptrdiff_t>(40 + lost);
    talk.client(ByteVector(big.begin() + rest, big.end()));
    EXPECT_EQ(talk.text(), std::string("context 0 12345778/1.0 accepted call 1\n"
                                       "call 2 context 0 12345778/1.0 opnum 1 ") +
                               (trailer_lost ? "auth unseen body 0" : "auth 10/5 body 16") +
                               " -> unanswered\n");
  }
}

TEST(RpcSession, FindsTheNextPduAfterAGapOfUnknownPlace) {
  const ByteVector lost = make_request({0, 1, {}, 400}, {.call_id = 2});
  for (std::size_t piece : {0u, 1u, 7u}) {
    Conversation talk;
    talk.client(make_bind({{0, kSamr}})).server(make_bind_ack({{}}));
    talk.piecewise(piece).lose(kToServer, 100);
    talk.client(ByteVector(lost.begin() + 100, lost.end()));
    talk.client(make_request({0, 2}, {.call_id = 3}));
    EXPECT_EQ(talk.text(),
              "context 0 12345778/1.0 accepted call 1\n"
              "call 3 context 0 12345778/1.0 opnum 2 body 32 -> unanswered\n")
        << piece;
    EXPECT_EQ(talk.statistics().resynchronisations, 1u);
  }
}

TEST(RpcSession, FindsTheNextPduAfterGarbage) {
  Conversation talk;
  talk.client(make_bind({{0, kSamr}})).server(make_bind_ack({{}}));
  talk.client(hex("0500 0003 ffff ffff ffff ffff ffff ffff ffff"));
  talk.client(make_request({0, 2}, {.call_id = 3}));
  EXPECT_EQ(talk.text(),
            "context 0 12345778/1.0 accepted call 1\n"
            "call 3 context 0 12345778/1.0 opnum 2 body 32 -> unanswered\n");
  EXPECT_EQ(talk.observer().blind(BlindnessKind::undecodable), 1u);
}

TEST(RpcSession, TellsALastPduThatIsNotWhole) {
  ByteVector request = make_request({0, 2, {}, 400}, {.call_id = 3, .auth = AuthNumbers{10, 6, 0}});
  request.resize(200);
  Conversation talk;
  talk.client(make_bind({{0, kSamr}})).server(make_bind_ack({{}})).client(request);
  EXPECT_EQ(talk.text(),
            "context 0 12345778/1.0 accepted call 1\n"
            "call 3 context 0 12345778/1.0 opnum 2 auth unseen body 0 -> unanswered\n");
}

TEST(RpcSession, HoldsNoMoreContextsThanItMay) {
  Limits limits;
  limits.contexts_per_connection = 4;
  Conversation talk(limits);
  for (std::uint16_t id = 0; id < 50; ++id) {
    talk.client(make_bind({{id, kSamr}}, {.call_id = id}, PduType::alter_context));
    talk.server(make_bind_ack({{}}, {.call_id = id}, PduType::alter_context_response));
  }
  talk.text();
  EXPECT_EQ(talk.statistics().contexts, 50u);
  EXPECT_EQ(talk.statistics().contexts_evicted, 46u);
}

// The context that a call names may be one that was replaced and lives for an open call alone. That
// call ends when its id is used again.
TEST(RpcSession, KeepsTheContextOfACallThatTakesTheIdOfAnother) {
  Limits limits;
  limits.contexts_per_connection = 4;
  Conversation talk(limits);
  talk.client(make_bind({{0, kSamr}})).server(make_bind_ack({{}}));
  talk.client(make_request({0, 1}, {.call_id = 2}));
  for (std::uint16_t id = 0; id < 4; ++id) {
    talk.client(make_bind({{id, kDrsuapi}}, {.call_id = 10u + id}, PduType::alter_context));
    talk.server(make_bind_ack({{}}, {.call_id = 10u + id}, PduType::alter_context_response));
  }
  talk.client(make_request({0, 3}, {.call_id = 2})).server(make_response(0, {.call_id = 2}));
  talk.text();
  EXPECT_EQ(talk.statistics().calls, 2u);
  EXPECT_EQ(talk.statistics().call_ids_reused, 1u);
}

TEST(RpcSession, GivesUpTheOldestCallWhenTheTableIsFull) {
  Limits limits;
  limits.pending_calls = 4;
  Conversation talk(limits);
  talk.client(make_bind({{0, kSamr}})).server(make_bind_ack({{}}));
  for (std::uint32_t id = 0; id < 50; ++id) talk.client(make_request({0, 1}, {.call_id = id}));
  talk.text();
  EXPECT_EQ(talk.statistics().calls, 50u);
  EXPECT_EQ(talk.statistics().outcomes_given_up, 46u);
}

TEST(RpcSession, TellsAPduThatMadeRoomForItsConnection) {
  Limits limits;
  limits.pdu_buffers = 1;
  Conversation talk(limits);
  talk.client(make_bind({{0, kSamr}})).server(make_bind_ack({{}}));
  const ByteVector lost = make_request({0, 1, {}, 300}, {.call_id = 2});
  talk.client(ByteVector(lost.begin(), lost.begin() + 50));
  const ByteVector other = make_response(0, {.call_id = 1});
  talk.server(ByteVector(other.begin(), other.begin() + 20));
  talk.client(ByteVector(lost.begin() + 50, lost.end()));
  talk.client(make_request({0, 3}, {.call_id = 3}));
  EXPECT_EQ(talk.observer().blind(BlindnessKind::table_eviction), 1u);
  EXPECT_EQ(talk.statistics().pdus_evicted, 1u);
  EXPECT_EQ(talk.text(),
            "context 0 12345778/1.0 accepted call 1\n"
            "call 3 context 0 12345778/1.0 opnum 3 body 32 -> unanswered\n");
}

// A doubt is of all calls that it may be about: those told later, and those that are open.
TEST(RpcSession, TellsWhichCallsAreInDoubt) {
  Conversation talk;
  talk.client(make_bind({{0, kSamr}})).server(make_bind_ack({{}}));
  talk.client(make_request({0, 1}, {.call_id = 2})).server(make_response(0, {.call_id = 2}));
  talk.client(make_request({0, 2}, {.call_id = 3}));
  talk.doubt(Doubt::tcp_conflict).doubt(Doubt::tcp_conflict).doubt(Doubt::decoy);
  talk.client(make_request({0, 3}, {.call_id = 4}));
  EXPECT_EQ(talk.text(),
            "context 0 12345778/1.0 accepted call 1\n"
            "call 2 context 0 12345778/1.0 opnum 1 body 32 -> response\n"
            "call 3 context 0 12345778/1.0 opnum 2 body 32 since tcp_conflict"
            " since tcp_conflict decoy -> unanswered\n"
            "call 4 context 0 12345778/1.0 opnum 3 body 32 tcp_conflict decoy -> unanswered\n");
  EXPECT_EQ(talk.observer().blind(BlindnessKind::conflict), 1u);
}

// The same bytes in any pieces are the same conversation.
TEST(RpcSession, DoesNotDependOnHowBytesAreCut) {
  const AuthNumbers sign{10, 5, 0};
  const auto run = [&](std::size_t piece) {
    Conversation talk;
    talk.piecewise(piece);
    talk.client(make_bind({{0, kSamr}, {1, kDrsuapi}}, {.auth = sign}));
    talk.server(make_bind_ack({{}, {2, 1}}, {.auth = sign}));
    talk.client(join({make_request({0, 1}, {.call_id = 2, .auth = sign}),
                      make_request({0, 2, kEpm.uuid, 6000}, {.call_id = 3}),
                      make_request({1, 3}, {.call_id = 4, .order = std::endian::big})}));
    talk.server(join({make_response(0, {.call_id = 2}, 3000), make_fault(5, {.call_id = 3})}));
    return talk.text();
  };
  const std::string whole = run(0);
  for (std::size_t piece = 1; piece < 200; ++piece) EXPECT_EQ(run(piece), whole) << piece;
}

}  // namespace
}  // namespace rpcaudit::dissect
