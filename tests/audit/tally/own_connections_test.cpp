// How many connections a host opens itself at one time: each takes one of its ports.

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <random>
#include <vector>

#include "engine/audit/report/control_summary.h"
#include "engine/audit/tally/audit_tally.h"
#include "engine/audit/tally/control_monitor.h"
#include "engine/policy/policy_text.h"

namespace rpcaudit::audit {
namespace {

using testing::HasSubstr;
using testing::Not;

constexpr std::int64_t kSecond = kNanosecondsPerSecond;

struct Interval {
  std::int64_t from = 0;
  std::int64_t to = 0;
};

std::uint64_t most_at_once(const std::vector<Interval>& intervals) {
  std::uint64_t most = 0;
  for (const Interval& begun : intervals) {
    const auto open = std::count_if(intervals.begin(), intervals.end(), [&](const Interval& other) {
      return other.from <= begun.from && begun.from <= other.to;
    });
    most = std::max(most, static_cast<std::uint64_t>(open));
  }
  return most;
}

ConcurrencyMeter meter_of(std::span<const Interval> intervals) {
  ConcurrencyMeter meter;
  for (const Interval& interval : intervals) {
    meter.open(Timestamp{interval.from});
    meter.close(Timestamp{interval.to});
  }
  return meter;
}

// While slices are narrow the peak is exact for times far enough apart; it is never too small, and
// does not depend on how the intervals are dealt out.
TEST(ConcurrencyMeter, HoldsAgainstTheSlowWay) {
  std::mt19937_64 random(7);
  for (int round = 0; round < 300; ++round) {
    const std::int64_t span = std::int64_t{1} << (10 + random() % 45);
    std::vector<Interval> intervals(1 + random() % 60);
    for (Interval& interval : intervals) {
      interval.from = static_cast<std::int64_t>(random() % static_cast<std::uint64_t>(span));
      interval.to = interval.from +
                    static_cast<std::int64_t>(random() % static_cast<std::uint64_t>(span / 8 + 1));
    }
    const std::uint64_t whole = meter_of(intervals).peak();
    EXPECT_GE(whole, most_at_once(intervals)) << round;
    EXPECT_LE(whole, intervals.size()) << round;
    const std::size_t cut = random() % (intervals.size() + 1);
    ConcurrencyMeter sum = meter_of(std::span(intervals).first(cut));
    sum.add(meter_of(std::span(intervals).subspan(cut)));
    EXPECT_EQ(sum.peak(), whole) << round;
  }
}

TEST(ConcurrencyMeter, IsExactForTimesFarApart) {
  EXPECT_EQ(meter_of(std::vector<Interval>{
                         {0, 9 * kSecond}, {1 * kSecond, 2 * kSecond}, {3 * kSecond, 4 * kSecond}})
                .peak(),
            2u);
  EXPECT_EQ(ConcurrencyMeter().peak(), 0u);
}

TEST(LiveConnections, AreClosedOnce) {
  LiveConnections live;
  const Connection one{{IpAddress::v4(1), 1000}, {IpAddress::v4(2), 443}};
  EXPECT_FALSE(live.close(one));
  EXPECT_EQ(live.open(one), std::nullopt);
  EXPECT_EQ(live.open(one), one);  // its end was not seen
  EXPECT_TRUE(live.close(one));
  EXPECT_FALSE(live.close(one));
}

TEST(LiveConnections, MakeRoomWhenThereIsNone) {
  LiveConnections live;
  std::size_t kept = 0;
  for (std::uint32_t i = 0; i < 100'000; ++i) {
    kept += live.open({{IpAddress::v4(i), 1000}, {IpAddress::v4(2), 443}}) ? 0u : 1u;
  }
  EXPECT_LE(kept, std::size_t{1} << 15);
  EXPECT_GT(kept, std::size_t{1} << 14);
}

class OwnConnections : public testing::Test {
 protected:
  OwnConnections() {
    std::vector<policy::Diagnostic> diagnostics;
    policy::read_policy(
        "netsh int ipv4 set dynamicport tcp start=50000 num=1000\n"
        "rpccfg -pe 50000-50009 -d 0\n",
        "ports.cmd", policy, diagnostics);
    // The server is one: somebody binds to it.
    dissect::RpcContext context;
    context.server = {server, 50'000};
    monitor.note_context(context);
  }
  void open(const Endpoint& client, std::int64_t second, dissect::OpeningAnswer answer) {
    dissect::TcpOpening opening;
    opening.frame.timestamp = Timestamp{second * kSecond};
    opening.client = client;
    opening.server = peer;
    opening.answer = answer;
    monitor.note_outgoing(evaluate::HostControls(policy.host), opening);
  }
  void close(const Endpoint& source, const Endpoint& destination, std::int64_t second) {
    monitor.note_closing({{0, 0, 0, 0, Timestamp{second * kSecond}}, source, destination});
  }
  std::string summary() { return control_summary(tally, evaluate::ServerPolicies(policy, {})); }

  const IpAddress server = IpAddress::v4(0x0a4d'0001);
  const Endpoint peer{IpAddress::v4(0x0a4d'0015), 443};
  policy::Policy policy;
  AuditTally tally;
  ControlMonitor monitor{tally.other_controls};
};

// How to configure RPC to use certain ports: the ports of the range are not for other programs.
TEST_F(OwnConnections, AreComparedWithTheDynamicRange) {
  open({server, 50'100}, 1, dissect::OpeningAnswer::accepted);
  open({server, 50'101}, 2, dissect::OpeningAnswer::accepted);
  open({server, 50'102}, 3, dissect::OpeningAnswer::none);
  close({server, 50'100}, peer, 4);
  close(peer, {server, 50'100}, 4);  // the other side's FIN
  close(peer, {server, 50'101}, 5);
  open({server, 50'103}, 6, dissect::OpeningAnswer::accepted);
  EXPECT_THAT(summary(), HasSubstr("and opened up to 2 connections itself at a time: RPC leaves "
                                   "990 ports of the dynamic range 50000-50999\n"));
}

TEST_F(OwnConnections, MayBeMoreThanAreLeft) {
  policy.host.ports.system_range->value = {50'000, 50'010};
  for (std::uint16_t i = 0; i < 3; ++i) {
    open({server, static_cast<std::uint16_t>(50'100 + i)}, i, dissect::OpeningAnswer::accepted);
  }
  EXPECT_THAT(summary(), HasSubstr("up to 3 connections itself at a time: RPC leaves 1 port of the "
                                   "dynamic range 50000-50010, too few\n"));
}

TEST_F(OwnConnections, OfHostsThatServeNothingAreNotToldOf) {
  open({IpAddress::v4(0x0a4d'0099), 50'100}, 1, dissect::OpeningAnswer::accepted);
  EXPECT_THAT(summary(), Not(HasSubstr("itself at a time")));
}

TEST_F(OwnConnections, AddUpOverShards) {
  open({server, 50'100}, 1, dissect::OpeningAnswer::accepted);
  ControlTally other;
  ControlMonitor shard(other);
  dissect::TcpOpening opening;
  opening.frame.timestamp = Timestamp{2 * kSecond};
  opening.client = {server, 50'101};
  opening.server = {IpAddress::v4(0x0a4d'0016), 443};
  opening.answer = dissect::OpeningAnswer::accepted;
  shard.note_outgoing(evaluate::HostControls(policy.host), opening);
  tally.other_controls.add(other);
  EXPECT_EQ(tally.other_controls.most_own_connections(server), 2u);
}

}  // namespace
}  // namespace rpcaudit::audit
