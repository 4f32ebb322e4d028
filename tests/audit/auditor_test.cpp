#include "engine/audit/auditor.h"

#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "tests/audit/audit_feed.h"
#include "tests/audit/position_sink.h"

namespace rpcaudit::test {
namespace {

// Writes down the order of events and what the auditor says of them.
class OrderSink : public audit::EventSink {
 public:
  void on_context(const audit::ContextInfo& context, const audit::IdentityText&) override {
    lines.push_back("context " + std::to_string(context.frame.number) + " " +
                    std::string(audit::to_string(context.result)));
    last_client = context.client;
  }
  void on_refused_context(const audit::ContextInfo& context, const audit::RefusedContext&,
                          const audit::IdentityText&) override {
    lines.push_back("refused " + std::to_string(context.frame.number));
  }
  void on_connection(const audit::ConnectionEvent& connection) override {
    lines.push_back("connection " + std::to_string(connection.frame.number) + " " +
                    std::string(audit::to_string(connection.answer)));
  }
  void on_call(const audit::ContextInfo& context, const audit::CallEvent& call,
               const audit::IdentityText& identity) override {
    lines.push_back("call " + std::to_string(call.frame.number) + " on " +
                    std::to_string(context.frame.number) + " " +
                    std::string(audit::to_string(call.outcome)) +
                    (identity.user.empty() ? "" : " " + std::string(identity.user)));
  }
  void on_blindness(const dissect::Blindness& blindness) override {
    lines.push_back("blind " + std::to_string(blindness.frame.number));
  }
  void on_statistics(const audit::StatisticsEvent&) override {}

  std::vector<std::string> lines;
  Endpoint last_client;  // of a context
};

using Lines = std::vector<std::string>;

class AuditorTest : public testing::Test {
 protected:
  static audit::AuditOptions options(std::size_t waiting) {
    audit::AuditOptions all;
    all.write_all = true;
    all.write_blindness = true;
    all.records_waiting_max = waiting;
    return all;
  }
  void accept(dissect::RpcContext& proposed) {
    auditor.on_context(proposed);
    proposed.result = dissect::ContextResult::accepted;
    auditor.on_context_result(proposed);
  }

  dissect::Limits limits;
  OrderSink sink;
  audit::Auditor auditor{limits, options(8), sink};
  dissect::RpcContext context = drsuapi_context();
};

TEST_F(AuditorTest, AContextKeepsTheConnectionOfItsProposal) {
  auditor.on_context(context);
  const Endpoint proposer = context.client;
  ++context.client.port;  // the answer came over another connection of the SMB session
  context.result = dissect::ContextResult::accepted;
  auditor.on_context_result(context);
  auditor.on_watermark(kEnd);
  EXPECT_EQ(sink.lines, Lines{"context 10 accepted"});
  EXPECT_EQ(sink.last_client, proposer);
}

TEST_F(AuditorTest, WritesInOrderWhateverTheOrderOfOutcomes) {
  accept(context);
  const dissect::RpcCall first = call_in(20, 0, 0);
  const dissect::RpcCall second = call_in(21, 0, 1);
  auditor.on_call(context, first);
  auditor.on_call(context, second);
  auditor.on_outcome(outcome_of(second, dissect::Outcome::fault, 5));
  auditor.on_watermark(30);
  EXPECT_EQ(sink.lines, Lines{"context 10 accepted"});
  auditor.on_outcome(outcome_of(first, dissect::Outcome::response, 0));
  auditor.on_watermark(30);
  EXPECT_EQ(sink.lines,
            (Lines{"context 10 accepted", "call 20 on 10 response", "call 21 on 10 fault"}));
}

TEST_F(AuditorTest, HoldsBackWhatTheWatermarkHasNotPassed) {
  accept(context);
  const dissect::RpcCall late = call_in(25, 0, 0);
  auditor.on_call(context, late);
  auditor.on_outcome(outcome_of(late, dissect::Outcome::response, 0));
  auditor.on_watermark(25);
  EXPECT_EQ(sink.lines.size(), 1u);
  const dissect::RpcCall early = call_in(24, 0, 1);  // its PDU began before, and ended after
  auditor.on_call(context, early);
  auditor.on_outcome(outcome_of(early, dissect::Outcome::response, 0));
  auditor.on_watermark(kEnd);
  EXPECT_EQ(sink.lines,
            (Lines{"context 10 accepted", "call 24 on 10 response", "call 25 on 10 response"}));
}

TEST_F(AuditorTest, IsSafeOnlyBeforeTheWatermarkWhateverWaitsBehindIt) {
  accept(context);
  const dissect::RpcCall late = call_in(25, 0, 0);
  auditor.on_call(context, late);
  auditor.on_watermark(20);
  EXPECT_EQ(auditor.safe_before(), 20u);
  auditor.on_watermark(30);
  EXPECT_EQ(auditor.safe_before(), 25u);
  auditor.on_outcome(outcome_of(late, dissect::Outcome::response, 0));
  auditor.on_watermark(30);
  EXPECT_EQ(auditor.safe_before(), 30u);
}

TEST_F(AuditorTest, RecordsBehindThePdusOfAFrameWaitForEachOther) {
  PositionSink positions;
  audit::Auditor blind(limits, options(8), positions);
  const dissect::Position first{10, dissect::behind_pdus(1)};
  const dissect::Position second{10, dissect::behind_pdus(2)};
  blind.on_blindness(gap_at(second));
  blind.on_watermark(11);
  blind.on_blindness(gap_at(first));
  blind.on_watermark(12);
  EXPECT_EQ(positions.positions, (std::vector{first, second}));
}

TEST_F(AuditorTest, ContextOutlivesItsClosingForPendingRecords) {
  accept(context);
  dissect::RpcCall call = call_in(20, 0, 0);
  const std::string user = "user1";
  call.identity.user = user;
  auditor.on_call(context, call);
  auditor.on_outcome(outcome_of(call, dissect::Outcome::response, 0));
  auditor.on_context_closed(context.key);

  dissect::RpcContext next = drsuapi_context();  // the same slot
  next.key.generation = 2;
  next.frame = frame_at(22, 0);
  accept(next);
  auditor.on_watermark(kEnd);
  EXPECT_EQ(sink.lines,
            (Lines{"context 10 accepted", "call 20 on 10 response user1", "context 22 accepted"}));
}

TEST_F(AuditorTest, GivesUpTheOldestWhenTooManyWait) {
  accept(context);
  std::vector<dissect::RpcCall> calls;
  for (std::uint32_t i = 0; i < 20; ++i) {
    calls.push_back(call_in(20 + i, 0, i));
    auditor.on_call(context, calls.back());
  }
  EXPECT_EQ(sink.lines.size(), 13u) << "eight may wait";
  EXPECT_EQ(auditor.tally().records_given_up, 12u);
  for (const dissect::RpcCall& call : calls)
    auditor.on_outcome(outcome_of(call, dissect::Outcome::response, 0));
  auditor.on_watermark(kEnd);
  ASSERT_EQ(sink.lines.size(), 21u);
  EXPECT_EQ(sink.lines[1], "call 20 on 10 unanswered");
  EXPECT_EQ(sink.lines[20], "call 39 on 10 response");
  EXPECT_EQ(auditor.tally().count(dissect::Outcome::response), 20u) << "counted all the same";
}

TEST_F(AuditorTest, GivesUpAContextWithoutResult) {
  auditor.on_context(context);
  for (std::uint32_t i = 0; i < 8; ++i) auditor.on_call(context, call_in(20 + i, 0, i));
  EXPECT_EQ(sink.lines, Lines{"context 10 unanswered"});
  context.result = dissect::ContextResult::accepted;
  auditor.on_context_result(context);
  auditor.on_context_closed(context.key);
  for (std::uint32_t i = 0; i < 8; ++i) {
    auditor.on_outcome(outcome_of(call_in(20 + i, 0, i), dissect::Outcome::response, 0));
  }
  auditor.on_watermark(kEnd);
  EXPECT_EQ(sink.lines.size(), 9u);
}

TEST_F(AuditorTest, ManyContextsAndCallsNeverMixUp) {
  for (std::uint64_t round = 0; round < 5000; ++round) {
    dissect::RpcContext one = drsuapi_context();
    one.key = {static_cast<std::uint32_t>(round % 3), static_cast<std::uint32_t>(round)};
    one.frame = frame_at(round * 10 + 1, 0);
    accept(one);
    dissect::RpcCall call = call_in(round * 10 + 2, 0, static_cast<std::uint32_t>(round % 5));
    const std::string user = "user" + std::to_string(round);
    call.identity.user = user;
    auditor.on_call(one, call);
    auditor.on_outcome(outcome_of(call, dissect::Outcome::response, 0));
    auditor.on_context_closed(one.key);
    auditor.on_watermark(round * 10 + 2);
  }
  auditor.on_watermark(kEnd);
  ASSERT_EQ(sink.lines.size(), 10'000u);
  for (std::size_t round = 0; round < 5000; ++round) {
    const std::string at = std::to_string(round * 10 + 1);
    EXPECT_EQ(sink.lines[2 * round], "context " + at + " accepted");
    EXPECT_EQ(sink.lines[2 * round + 1], "call " + std::to_string(round * 10 + 2) + " on " + at +
                                             " response user" + std::to_string(round));
  }
}

TEST(OutputBuffer, CountsWhatIsLostAndWritesNothingAfterAFailure) {
  StringTarget target;
  audit::OutputBuffer out(target, false);
  out.append("one\n");
  out.end_record();
  out.flush();
  EXPECT_EQ(out.records_written(), 1u);
  target.failing = true;
  out.append("two\n");
  out.end_record();
  out.flush();
  EXPECT_TRUE(out.failed());
  target.failing = false;
  out.append("three\n");
  out.end_record();
  out.flush();
  EXPECT_EQ(target.text, "one\n");
  EXPECT_EQ(out.records_lost(), 2u);
}

TEST(OutputBuffer, TakesRecordsOfAnySize) {
  StringTarget target;
  audit::OutputBuffer out(target, false);
  std::string wanted;
  for (const std::size_t size : {1u, 4095u, 262'144u, 3u, 1'000'000u}) {
    const std::string record(size, 'x');
    out.append(record);
    out.end_record();
    wanted += record;
  }
  out.flush();
  EXPECT_EQ(target.text, wanted);
  EXPECT_EQ(out.records_written(), 5u);
}

}  // namespace
}  // namespace rpcaudit::test
