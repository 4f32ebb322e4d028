// What becomes of a client's SYN (RFC 9293 3.5).

#include <gtest/gtest.h>

#include <algorithm>
#include <set>
#include <string>
#include <vector>

#include "dissect/dissector.h"
#include "tests/support/silent_observer.h"
#include "tests/support/tcp_frames.h"

namespace rpcaudit::dissect {
namespace {

using namespace test;

class OpeningObserver : public SilentObserver {
 public:
  void on_opening(const TcpOpening& opening) override {
    EXPECT_EQ(opening.answer, OpeningAnswer::unknown);
    EXPECT_TRUE(open.insert(opening.slot).second);
  }
  void on_opening_answer(const TcpOpening& opening) override {
    constexpr const char* kAnswers[] = {"unknown", "accepted", "refused", "none"};
    EXPECT_EQ(open.erase(opening.slot), 1u);
    told.push_back(std::to_string(opening.client.port) + ' ' +
                   kAnswers[static_cast<int>(opening.answer)] + ' ' +
                   std::to_string(opening.repeated));
  }

  std::vector<std::string> told;
  std::set<std::uint32_t> open;  // slots of openings without an answer
};

enum class Step {
  syn,
  syn_again,
  syn_ack,
  reset,
  reset_by_client,
  acknowledge,
  data,
  wait,
  reopen
};

Segment segment(Step step, std::uint16_t port) {
  Segment from_client;
  from_client.source_port = port;
  from_client.sequence = step == Step::reopen ? 900'000 : 1000;
  from_client.flags = 0x02;
  Segment from_server;
  std::swap(from_server.source, from_server.destination);
  from_server.source_port = from_client.destination_port;
  from_server.destination_port = port;
  from_server.acknowledgment = 1001;
  switch (step) {
    case Step::syn:
    case Step::syn_again:
    case Step::reopen:
    case Step::wait: return from_client;
    case Step::syn_ack: from_server.flags = 0x12; return from_server;
    case Step::reset: from_server.flags = 0x14; return from_server;
    case Step::reset_by_client: from_client.flags = 0x04; return from_client;
    case Step::acknowledge: from_client.flags = 0x10; return from_client;
    case Step::data:
      from_client.sequence = 1001;
      from_client.flags = 0x18;
      from_client.payload = ByteVector(4, std::byte{'G'});
      return from_client;
  }
  return from_client;
}

struct Attempt {
  const char* name;
  std::vector<Step> steps;
  std::vector<std::string> told;
};

const std::vector<Attempt> kAttempts = {
    {"accepted", {Step::syn, Step::syn_ack, Step::acknowledge}, {"7 accepted 0"}},
    {"accepted_at_last", {Step::syn, Step::syn_again, Step::syn_ack}, {"7 accepted 1"}},
    {"answer_not_captured", {Step::syn, Step::acknowledge}, {"7 accepted 0"}},
    {"data_at_once", {Step::syn, Step::syn_ack, Step::data, Step::data}, {"7 accepted 0"}},
    {"refused", {Step::syn, Step::reset}, {"7 refused 0"}},
    {"dropped", {Step::syn, Step::syn_again, Step::wait}, {"7 none 1", "8 unknown 0"}},
    {"dropped_before_the_end", {Step::syn, Step::syn_again}, {"7 none 1"}},
    {"given_up_by_the_client", {Step::syn, Step::syn_again, Step::reset_by_client}, {"7 none 1"}},
    {"too_late_to_say", {Step::syn}, {"7 unknown 0"}},
    {"answer_alone", {Step::syn_ack, Step::acknowledge, Step::data}, {}},
    {"port_used_again",
     {Step::syn, Step::syn_ack, Step::data, Step::reopen, Step::reset},
     {"7 accepted 0", "7 refused 0"}},
};

TEST(TcpOpenings, AreToldOnceWithTheirAnswer) {
  for (const Attempt& attempt : kAttempts) {
    FrameList list;
    std::size_t at = 0;
    for (const Step step : attempt.steps) {
      // Something else, long after.
      list.add(segment(step, step == Step::wait ? std::uint16_t{8} : std::uint16_t{7}));
      if (step == Step::wait) list.set_time(at, Timestamp{31 * kNanosecondsPerSecond});
      ++at;
    }
    OpeningObserver observer;
    Dissector dissector(Limits{}, observer, 1);
    dissector.process(list.frames());
    dissector.advance(list.frames());
    dissector.finish();
    EXPECT_EQ(observer.told, attempt.told) << attempt.name;
    EXPECT_TRUE(observer.open.empty()) << attempt.name;
  }
}

TEST(TcpOpenings, TheOldestMakesRoomAndIsCounted) {
  Limits limits;
  limits.tcp_openings = 64;
  FrameList list;
  for (std::uint16_t port = 1; port <= 1000; ++port) list.add(segment(Step::syn, port));
  for (std::uint16_t port = 1; port <= 1000; ++port) list.add(segment(Step::reset, port));
  OpeningObserver observer;
  Dissector dissector(limits, observer, 1);
  dissector.process(list.frames());
  dissector.finish();
  const auto refused = static_cast<std::size_t>(
      std::count_if(observer.told.begin(), observer.told.end(),
                    [](const std::string& text) { return text.find("refused") != text.npos; }));
  EXPECT_LE(refused, 64u);
  EXPECT_GE(refused, 32u);
  EXPECT_EQ(refused + dissector.statistics().openings_forgotten, 1000u);
  EXPECT_EQ(observer.told.size(), 1000u);
}

}  // namespace
}  // namespace rpcaudit::dissect
