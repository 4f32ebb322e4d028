#include "dissect/rpc/presentation_contexts.h"

#include <gtest/gtest.h>

#include <random>

#include "dissect/rpc/rpc_session.h"
#include "tests/support/recording_observer.h"
#include "tests/support/rpc_bytes.h"

namespace rpcaudit::dissect {
namespace {

using namespace test;

// What several clients say to a server, with tables of a few entries.
class PresentationContextsTest : public testing::Test {
 protected:
  PresentationContextsTest() {
    for (int i = 0; i < 4; ++i) open();
  }

  static Limits small_limits() {
    Limits limits;
    limits.contexts = 24;
    limits.contexts_per_connection = 8;
    limits.pending_calls = 6;
    limits.pending_proposals = 4;
    limits.pdu_buffers = 2;
    return limits;
  }
  void open() { slots_.push_back(sessions_.open(ProtocolSequence::ncacn_ip_tcp, {}, nullptr)); }
  void client(const ByteVector& bytes, std::size_t at = 0) { say(at, Direction::forward, bytes); }
  void server(const ByteVector& bytes, std::size_t at = 0) { say(at, Direction::reverse, bytes); }
  std::string text() {
    for (const Slot<RpcSession> slot : slots_) sessions_.close(slot);
    slots_.clear();
    EXPECT_EQ(observer_.complaints(), "");
    EXPECT_TRUE(observer_.all_closed());
    return observer_.text();
  }

  static constexpr PduType kAlter = PduType::alter_context;
  static constexpr PduType kAltered = PduType::alter_context_response;

  explicit PresentationContextsTest(const Limits& limits) : limits_(limits) {
    for (int i = 0; i < 4; ++i) open();
  }

  const Limits limits_ = small_limits();
  RecordingObserver observer_;
  DissectStatistics statistics_;
  std::vector<Slot<RpcSession>> slots_;

  void say(std::size_t at, Direction direction, const ByteVector& bytes) {
    FrameReference frame;
    frame.number = frame.sequence = ++frames_;
    sessions_.consume(slots_[at], direction, bytes, frame);
  }
  void restart(std::size_t at) {
    sessions_.close(slots_[at]);
    slots_[at] = sessions_.open(ProtocolSequence::ncacn_ip_tcp, {}, nullptr);
  }

 private:
  RpcSessions sessions_{limits_, observer_, statistics_, 1};
  std::uint64_t frames_ = 0;
};

// As many as one likes, each under an id of its own.
TEST_F(PresentationContextsTest, RefusedOnesDoNotEvictTheOneInUse) {
  client(make_bind({{0, kDrsuapi}}));
  server(make_bind_ack({{}}));
  for (std::uint16_t id = 1; id < 100; ++id) {
    client(make_bind({{id, kSamr}, {id, kEpm}}, {.call_id = id}, kAlter));
    server(make_bind_ack({{2, 1}, {2, 1}}, {.call_id = id}, kAltered));
  }
  client(make_request({0, 3}, {.call_id = 200}));
  EXPECT_NE(text().find("call 200 context 0 e3514235/4.0 opnum 3"), std::string::npos);
}

// Accepted ones that were not used for the longest time make room, not those proposed first.
TEST_F(PresentationContextsTest, TheLeastRecentlyUsedMakesRoom) {
  client(make_bind({{0, kDrsuapi}}));
  server(make_bind_ack({{}}));
  for (std::uint16_t id = 1; id < 20; ++id) {
    client(make_bind({{id, kSamr}}, {.call_id = id}, kAlter));
    server(make_bind_ack({{}}, {.call_id = id}, kAltered));
    client(make_request({0, 3}, {.call_id = id}));
    server(make_response(0, {.call_id = id}));
  }
  client(make_request({0, 3}, {.call_id = 200}));
  client(make_request({1, 3}, {.call_id = 201}));
  const std::string told = text();
  EXPECT_NE(told.find("call 200 context 0 e3514235/4.0 opnum 3"), std::string::npos);
  EXPECT_NE(told.find("call 201 context 1 implied opnum 3"), std::string::npos);
}

class SharedContextsTest : public PresentationContextsTest {
 protected:
  SharedContextsTest() : PresentationContextsTest(shared_limits()) {}

  static Limits shared_limits() {
    Limits limits = small_limits();
    limits.contexts = 256;
    limits.contexts_per_connection = 1024;
    return limits;
  }
  void propose_many(std::uint16_t first, std::uint16_t count, std::size_t at) {
    for (std::uint16_t id = first; id < first + count; ++id) {
      client(make_bind({{id, kSamr}}, {.call_id = id}, kAlter), at);
      server(make_bind_ack({{}}, {.call_id = id}, kAltered), at);
    }
  }
};

// Whoever fills the table makes room among its own contexts.
TEST_F(SharedContextsTest, AFewAssociationsDoNotPushOutTheOthers) {
  for (std::size_t hog = 0; hog < 3; ++hog) propose_many(1, 400, hog);
  client(make_bind({{0, kDrsuapi}}), 3);
  server(make_bind_ack({{}}), 3);
  for (std::size_t hog = 0; hog < 3; ++hog) propose_many(500, 400, hog);
  client(make_request({0, 3}, {.call_id = 7}), 3);
  const std::string told = text();
  EXPECT_NE(told.find("e3514235/4.0 opnum 3"), std::string::npos);
  EXPECT_EQ(told.find("implied"), std::string::npos);
}

// Two items of one id in one proposal: the last that was accepted is meant.
TEST_F(PresentationContextsTest, OneProposalMayNameAnIdTwice) {
  client(make_bind({{0, kSamr}, {0, kDrsuapi}}));
  server(make_bind_ack({{}, {}}));
  client(make_request({0, 3}, {.call_id = 2}));
  EXPECT_NE(text().find("call 2 context 0 e3514235/4.0 opnum 3"), std::string::npos);
}

// Whatever is said in whatever order, each context and call is told and ended once.
TEST_F(PresentationContextsTest, KeepsItsPromisesWhateverIsSaid) {
  std::mt19937_64 random(7);
  const auto up_to = [&](std::uint64_t most) {
    return std::uniform_int_distribution<std::uint64_t>(0, most)(random);
  };
  const SyntaxId interfaces[] = {kSamr, kDrsuapi, kEpm};
  for (int step = 0; step < 40'000; ++step) {
    const std::size_t at = up_to(slots_.size() - 1);
    const PduShape shape{.call_id = static_cast<std::uint32_t>(up_to(7))};
    std::vector<Item> items(up_to(4));
    for (Item& item : items) item = {static_cast<std::uint16_t>(up_to(5)), interfaces[up_to(2)]};
    std::vector<Result> results(up_to(4));
    for (Result& result : results) result.result = static_cast<unsigned>(up_to(3));
    switch (up_to(7)) {
      case 0: client(make_bind(items, shape, up_to(3) == 0 ? PduType::bind : kAlter), at); break;
      case 1: server(make_bind_ack(results, shape, kAltered), at); break;
      case 2: server(make_bind_ack(results, shape), at); break;
      case 3: server(make_pdu(PduType::bind_nak, shape, ByteVector(4)), at); break;
      case 4: server(make_fault(5, shape), at); break;
      case 5: server(make_response(0, shape), at); break;
      case 6: client(make_request({static_cast<std::uint16_t>(up_to(5)), 1}, shape), at); break;
      default:
        if (up_to(50) == 0) restart(at);
        break;
    }
    ASSERT_EQ(observer_.complaints(), "") << step;
  }
  text();
  EXPECT_GT(statistics_.contexts_evicted, 100u);
  EXPECT_GT(statistics_.outcomes_given_up, 100u);
}

}  // namespace
}  // namespace rpcaudit::dissect
