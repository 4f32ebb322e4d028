// Calls of one kind are told together, and none is lost.

#include "engine/audit/relay/repeat_suppressor.h"

#include <gtest/gtest.h>

#include <map>
#include <random>
#include <string>
#include <tuple>
#include <vector>

namespace rpcaudit::audit {
namespace {

constexpr std::int64_t kSecond = 1'000'000'000;

// A call of `user` on server 10.0.0.`server`.
struct Told {
  std::uint8_t server = 1;
  std::uint16_t opnum = 3;
  std::string user = "alice";
  std::int64_t time = 0;  // seconds

  auto operator<=>(const Told&) const = default;
};

// What the outputs are told, in their order.
class Records : public EventSink {
 public:
  struct Record {
    std::uint8_t server = 0;
    std::uint16_t opnum = 0;
    std::string user;
    std::int64_t time = 0;
    std::uint64_t count = 1;
    std::int64_t last = 0;
    bool repeats = false;

    bool operator==(const Record&) const = default;
  };

  void on_context(const ContextInfo&, const IdentityText&) override { ++others; }
  void on_refused_context(const ContextInfo&, const RefusedContext&, const IdentityText&) override {
    ++others;
  }
  void on_connection(const ConnectionEvent&) override { ++others; }
  void on_call(const ContextInfo& context, const CallEvent& call,
               const IdentityText& identity) override {
    const std::int64_t time = call.frame.timestamp.nanoseconds / kSecond;
    all.push_back({context.server.address.bytes[15], call.opnum, std::string(identity.user), time,
                   1, time, false});
  }
  void on_repeats(const ContextInfo& context, const CallEvent& call, const IdentityText& identity,
                  const Repeats& repeats) override {
    on_call(context, call, identity);
    EXPECT_EQ(repeats.first, call.frame.timestamp);
    all.back().count = repeats.count;
    all.back().last = repeats.last.nanoseconds / kSecond;
    all.back().repeats = true;
  }
  void on_blindness(const dissect::Blindness&) override { ++others; }
  void on_statistics(const StatisticsEvent&) override { ++others; }

  std::vector<Record> all;
  std::size_t others = 0;
};

void tell(EventSink& sink, const Told& told) {
  ContextInfo context;
  context.server.address.bytes[15] = told.server;
  CallEvent call;
  call.opnum = told.opnum;
  call.frame.timestamp.nanoseconds = told.time * kSecond;
  IdentityText identity;
  identity.user = told.user;
  sink.on_call(context, call, identity);
}

TEST(RepeatSuppressorTest, FirstCallComesAtOnceAndOneRecordForEachInterval) {
  Records records;
  RepeatSuppressor sink(records, 10 * kSecond);
  for (std::int64_t time = 100; time < 125; ++time) tell(sink, {.time = time});
  const std::vector<Records::Record> expected = {{1, 3, "alice", 100, 1, 100, false},
                                                 {1, 3, "alice", 101, 9, 109, true},
                                                 {1, 3, "alice", 110, 10, 119, true}};
  EXPECT_EQ(records.all, expected);
  sink.write_pending();
  ASSERT_EQ(records.all.size(), 4u);
  EXPECT_EQ(records.all.back(), (Records::Record{1, 3, "alice", 120, 5, 124, true}));
}

TEST(RepeatSuppressorTest, RepeatsAreWrittenInTimeAlsoWhenNoCallFollows) {
  Records records;
  RepeatSuppressor sink(records, 10 * kSecond);
  tell(sink, {.time = 100});
  tell(sink, {.time = 101});
  sink.on_time({109 * kSecond});
  EXPECT_EQ(records.all.size(), 1u);
  sink.on_time({110 * kSecond});
  EXPECT_EQ(records.all.size(), 2u);
}

TEST(RepeatSuppressorTest, KindThatWasSilentForAnIntervalIsToldAtOnceAgain) {
  Records records;
  RepeatSuppressor sink(records, 10 * kSecond);
  for (const std::int64_t time : {100, 110, 119}) tell(sink, {.time = time});
  sink.on_time({130 * kSecond});  // writes the repeat
  sink.on_time({140 * kSecond});
  tell(sink, {.time = 141});
  ASSERT_EQ(records.all.size(), 4u);
  EXPECT_FALSE(records.all[1].repeats);
  EXPECT_TRUE(records.all[2].repeats);
  EXPECT_FALSE(records.all[3].repeats);
}

TEST(RepeatSuppressorTest, ClockThatIsSetBackHoldsNothingBack) {
  Records records;
  RepeatSuppressor sink(records, 10 * kSecond);
  for (const std::int64_t time : {1000, 1001, 100, 101}) tell(sink, {.time = time});
  sink.on_time({111 * kSecond});
  std::uint64_t sum = 0;
  for (const Records::Record& record : records.all) sum += record.count;
  EXPECT_EQ(sum, 4u);
}

TEST(RepeatSuppressorTest, CallsOfOtherKindsAreNoRepeats) {
  Records records;
  RepeatSuppressor sink(records, 10 * kSecond);
  tell(sink, {.time = 1});
  tell(sink, {.server = 2, .time = 1});
  tell(sink, {.opnum = 4, .time = 1});
  tell(sink, {.user = "bob", .time = 1});
  EXPECT_EQ(records.all.size(), 4u);
  sink.write_pending();
  EXPECT_EQ(records.all.size(), 4u);
}

TEST(RepeatSuppressorTest, KindMetLeastRecentlyMakesRoomAndItsRepeatsAreWritten) {
  Records records;
  RepeatSuppressor sink(records, 10 * kSecond, 2);
  tell(sink, {.user = "alice", .time = 1});
  tell(sink, {.user = "alice", .time = 1});
  tell(sink, {.user = "bob", .time = 1});
  tell(sink, {.user = "carol", .time = 1});
  ASSERT_EQ(records.all.size(), 4u);
  EXPECT_EQ(records.all[2].user, "carol");
  EXPECT_EQ(records.all[3].user, "alice");
}

TEST(RepeatSuppressorTest, OtherEventsPass) {
  Records records;
  RepeatSuppressor sink(records, 10 * kSecond);
  sink.on_context({}, {});
  sink.on_refused_context({}, {}, {});
  sink.on_connection({});
  sink.on_blindness({});
  sink.on_statistics({});
  EXPECT_EQ(records.others, 5u);
}

// Whatever comes in whatever order: each kind has as many calls in the records as were made, and
// none of them more often than once an interval without being counted.
TEST(RepeatSuppressorTest, SumsOfCountsEqualTheCalls) {
  std::mt19937 random(7);
  for (int round = 0; round < 200; ++round) {
    Records records;
    RepeatSuppressor sink(records, 1 + static_cast<std::int64_t>(random() % 20) * kSecond,
                          1 + random() % 12);
    std::map<std::tuple<std::uint8_t, std::uint16_t, std::string>, std::uint64_t> made;
    std::int64_t time = 1000;
    for (int i = 0; i < 500; ++i) {
      const auto pick = [&](unsigned of) { return random() % of; };
      time += static_cast<std::int64_t>(pick(4)) - (pick(20) == 0 ? 30 : 0);
      const Told told{static_cast<std::uint8_t>(pick(3)), static_cast<std::uint16_t>(pick(3)),
                      std::string(pick(3), 'u'), time};
      ++made[{told.server, told.opnum, told.user}];
      tell(sink, told);
      if (pick(50) == 0) sink.write_pending();
      if (pick(10) == 0) sink.on_time({time * kSecond});
    }
    sink.write_pending();
    decltype(made) written;
    for (const Records::Record& record : records.all) {
      EXPECT_GE(record.count, 1u);
      written[{record.server, record.opnum, record.user}] += record.count;
    }
    EXPECT_EQ(written, made);
  }
}

}  // namespace
}  // namespace rpcaudit::audit
