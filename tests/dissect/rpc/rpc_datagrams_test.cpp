#include "dissect/rpc/rpc_datagrams.h"

#include <gtest/gtest.h>

#include <algorithm>

#include "dissect/dissector.h"
#include "tests/support/datagram_frames.h"
#include "tests/support/recording_observer.h"

namespace rpcaudit::dissect {
namespace {

using namespace test;

// Datagrams between hosts, through the whole dissector.
class Exchange {
 public:
  explicit Exchange(const Limits& limits = {}) : dissector_(limits, observer_, 1) {}

  Exchange& send(const UdpDatagram& datagram, std::size_t snap_length = SIZE_MAX) {
    return send_frame(make_udp_frame(datagram), snap_length);
  }
  Exchange& send_frame(ByteVector bytes, std::size_t snap_length = SIZE_MAX) {
    FrameList list;
    list.add(std::move(bytes), snap_length);
    Frame frame = list.frames()[0];
    frame.number = frame.sequence = ++frames_;
    frame.timestamp.nanoseconds = seconds_ * kNanosecondsPerSecond;
    dissector_.process({&frame, 1});
    dissector_.advance({&frame, 1});
    return *this;
  }
  Exchange& client(const DatagramShape& shape, const ByteVector& body = ByteVector(12),
                   const ByteVector& verifier = {}) {
    return send({.payload = make_datagram(shape, body, verifier)});
  }
  Exchange& server(DatagramShape shape, DatagramType type,
                   const ByteVector& body = ByteVector(12)) {
    shape.type = type;
    return send(answer_to({}, make_datagram(shape, body)));
  }
  Exchange& wait(std::int64_t seconds) {
    seconds_ += seconds;
    return *this;
  }
  std::string text() {
    dissector_.finish();
    EXPECT_EQ(observer_.complaints(), "");
    EXPECT_TRUE(observer_.all_closed());
    return observer_.text();
  }
  RecordingObserver& observer() { return observer_; }
  const DissectStatistics& statistics() const { return dissector_.statistics(); }

 private:
  RecordingObserver observer_;
  Dissector dissector_;
  std::uint64_t frames_ = 0;
  std::int64_t seconds_ = 0;
};

// The part of a frame's IP payload from `offset` on as an IP fragment (RFC 791 3.2).
ByteVector fragment_of(const ByteVector& frame, std::size_t offset, std::size_t size) {
  constexpr std::size_t kHeaders = 14 + 20;
  const std::size_t end = std::min(offset + size, frame.size() - kHeaders);
  const bool more = end < frame.size() - kHeaders;
  ByteWriter writer(std::endian::big);
  writer.bytes(Bytes(frame).first(16)).u16(static_cast<unsigned>(20 + end - offset)).u16(1);
  writer.u16(static_cast<unsigned>((more ? 0x2000 : 0) | offset / 8));
  writer.bytes(Bytes(frame).subspan(22, kHeaders - 22));
  return writer.bytes(Bytes(frame).subspan(kHeaders + offset, end - offset)).take();
}

std::string call(std::uint32_t sequence, const std::string& outcome, unsigned opnum = 0,
                 unsigned body = 12) {
  return "call 0 context 0 5ab2e9b4/1.0 opnum " + std::to_string(opnum) +
         " object 00000000-0000-0000-0000-000000000000 activity a264f672 sequence " +
         std::to_string(sequence) + " body " + std::to_string(body) + " -> " + outcome + "\n";
}

const ByteVector kStatus5 = ByteWriter().u32(5).take();

TEST(Datagrams, NameTheirInterfaceAndCallInEachHeader) {
  EXPECT_EQ(Exchange().client({.opnum = 3}).server({}, DatagramType::response).text(),
            call(0, "response", 3));
}

TEST(Datagrams, CarryFaultsAndRejectsWithTheirStatus) {  // C706 12.5.3.5, 12.5.3.9
  EXPECT_EQ(Exchange().client({}).server({}, DatagramType::fault, kStatus5).text(),
            call(0, "fault 5"));
  EXPECT_EQ(Exchange().client({}).server({}, DatagramType::reject, kStatus5).text(),
            call(0, "rejected"));
}

TEST(Datagrams, AnswersComeFromAnotherPortOrAddress) {
  Exchange exchange;
  exchange.client({.sequence = 1}).client({.sequence = 2});
  exchange.send({0x0a4d0001, 0x0a4d0002, 50000, 40000,
                 make_datagram({.type = DatagramType::response, .sequence = 1})});
  exchange.send({0x0a4d0009, 0x0a4d0002, 49664, 40000,
                 make_datagram({.type = DatagramType::response, .sequence = 2})});
  EXPECT_EQ(exchange.text(), call(1, "response") + call(2, "response"));
}

TEST(Datagrams, RetransmissionsAreOneCall) {
  Exchange exchange;
  exchange.client({}).wait(2).client({}).client({}).server({}, DatagramType::response);
  exchange.wait(1).client({}).server({}, DatagramType::response);
  EXPECT_EQ(exchange.text(), call(0, "response"));
  EXPECT_EQ(exchange.statistics().datagram_requests_repeated, 3u);
  EXPECT_EQ(exchange.statistics().answers_unmatched, 0u);
}

TEST(Datagrams, FragmentsAreOneCallInWhateverOrder) {
  constexpr unsigned kFirst = kDatagramFragment;
  constexpr unsigned kLast = kDatagramFragment | kDatagramLastFragment;
  Exchange exchange;
  exchange.client({.flags1 = kFirst, .fragment = 1}).client({.flags1 = kFirst, .fragment = 0});
  exchange.server({.fragment = 1}, DatagramType::fack, {});
  exchange.client({.flags1 = kLast, .fragment = 2});
  exchange.server({.flags1 = kLast, .fragment = 1}, DatagramType::response);
  exchange.server({.flags1 = kFirst, .fragment = 0}, DatagramType::response);
  EXPECT_EQ(exchange.text(), call(0, "response", 0, 0));
  EXPECT_EQ(exchange.statistics().fragments_contradicting, 0u);
}

// A call that waits for no answer does not hide the one behind it.
TEST(Datagrams, BehindAOneWayCallOfTheirNumberAreToldOnceInDoubt) {
  struct Case {
    const char* name;
    std::vector<DatagramShape> datagrams;
    std::uint64_t calls;
    std::uint64_t conflicts;
  };
  constexpr unsigned kMaybe = kDatagramMaybe;
  const Case kCases[] = {
      {"copies", {{.opnum = 3, .flags1 = kMaybe}, {.opnum = 3, .flags1 = kMaybe}}, 1, 0},
      {"other_operation", {{.opnum = 3, .flags1 = kMaybe}, {.opnum = 5}, {.opnum = 5}}, 2, 1},
      {"other_interface", {{.flags1 = kMaybe}, {.interface = kSamr}}, 2, 1},
      {"two_decoys", {{.opnum = 3, .flags1 = kMaybe}, {.opnum = 4, .flags1 = kMaybe}, {}}, 2, 1},
      {"behind_a_later_call",
       {{.opnum = 3, .flags1 = kMaybe}, {.sequence = 1, .flags1 = kMaybe}, {.opnum = 5}},
       3,
       1},
  };
  for (const Case& row : kCases) {
    Exchange exchange;
    for (const DatagramShape& datagram : row.datagrams) exchange.client(datagram);
    const std::string told = exchange.text();
    EXPECT_EQ(exchange.statistics().calls, row.calls) << row.name << "\n" << told;
    EXPECT_EQ(exchange.observer().blind(BlindnessKind::conflict), row.conflicts) << row.name;
    EXPECT_EQ(told.find("datagram_conflict") != std::string::npos, row.conflicts != 0)
        << row.name << "\n"
        << told;
  }
}

// What the server answered it took: a later datagram of that number changes nothing.
TEST(Datagrams, BehindAnAnswerContradictNothing) {
  Exchange exchange;
  exchange.client({.opnum = 3}).server({}, DatagramType::response).client({.opnum = 5});
  EXPECT_EQ(exchange.text().find("datagram_conflict"), std::string::npos);
  EXPECT_EQ(exchange.statistics().calls, 1u);
}

// Which of them the server took is not known, whichever comes first.
TEST(Datagrams, ThatContradictEachOtherPutTheirCallInDoubt) {
  constexpr unsigned kFirst = kDatagramFragment;
  constexpr unsigned kLast = kDatagramFragment | kDatagramLastFragment;
  struct Case {
    const char* name;
    std::vector<DatagramShape> datagrams;
    std::uint64_t conflicts;
  };
  const Case kCases[] = {
      {"copies", {{.opnum = 3}, {.opnum = 3}}, 0},
      {"other_operation", {{.opnum = 3}, {.opnum = 5}, {.opnum = 7}}, 1},
      {"other_interface", {{.opnum = 3}, {.interface = kSamr, .opnum = 3}}, 1},
      {"other_call", {{.opnum = 3}, {.sequence = 1, .opnum = 5}}, 0},
      {"fragments",
       {{.opnum = 3, .flags1 = kFirst}, {.opnum = 9, .flags1 = kLast, .fragment = 1}},
       1},
  };
  for (const Case& row : kCases) {
    Exchange exchange;
    for (const DatagramShape& datagram : row.datagrams) exchange.client(datagram);
    const std::string told = exchange.server({}, DatagramType::response).text();
    EXPECT_EQ(told.find("since datagram_conflict -> response") != std::string::npos,
              row.conflicts != 0)
        << row.name << "\n"
        << told;
    EXPECT_EQ(exchange.observer().blind(BlindnessKind::conflict), row.conflicts) << row.name;
  }
}

TEST(Datagrams, MaybeCallsAreOneWay) {
  EXPECT_EQ(Exchange().client({.flags1 = kDatagramMaybe}).text(), call(0, "one_way"));
}

TEST(Datagrams, BroadcastsAreAnsweredByWhoeverAnswers) {
  Exchange exchange;
  exchange.send({.destination = 0x0a4dffff,
                 .payload = make_datagram({.flags1 = kDatagramBroadcast}, ByteVector(12))});
  exchange.server({}, DatagramType::response);
  EXPECT_EQ(exchange.text(), call(0, "response"));
}

TEST(Datagrams, PingsWorkingAndAcksAreNoCalls) {
  Exchange exchange;
  exchange.client({.type = DatagramType::ping, .sequence = 7}, {}).client({});
  exchange.server({}, DatagramType::working, {}).client({.type = DatagramType::ping}, {});
  exchange.server({}, DatagramType::response).client({.type = DatagramType::ack}, {});
  EXPECT_EQ(exchange.text(), call(0, "response"));
}

TEST(Datagrams, ANocallEndsACallOnlyWhenNothingElseDoes) {
  EXPECT_EQ(Exchange()
                .client({})
                .server({}, DatagramType::nocall, {})
                .client({})
                .server({}, DatagramType::response)
                .text(),
            call(0, "response"));
  EXPECT_EQ(Exchange().client({}).server({}, DatagramType::nocall, {}).text(), call(0, "rejected"));
}

TEST(Datagrams, CancelledCallsMayStillBeAnswered) {
  Exchange exchange;
  exchange.client({}).client({.type = DatagramType::cancel}, {});
  exchange.server({}, DatagramType::cancel_ack, {});
  exchange.client({.sequence = 1}).client({.type = DatagramType::cancel, .sequence = 1}, {});
  exchange.server({.sequence = 1}, DatagramType::fault, kStatus5);
  EXPECT_EQ(exchange.text(), call(0, "cancelled") + call(1, "fault 5"));
}

// The server calls back to learn who calls it (C706 10.2, appendix P): in that call it is the
// client.
TEST(Datagrams, ConvCallBacksReverseTheRoles) {
  Exchange exchange;
  exchange.client({});
  const UdpDatagram back{0x0a4d0001, 0x0a4d0002, 57661, 40000,
                         make_datagram({.interface = kConv,
                                        .activity = uuid("11111111-e55c-1111-8573-a6f0ec7a8c25"),
                                        .sequence = 9,
                                        .opnum = 1},
                                       ByteVector(20))};
  exchange.send(back);
  exchange.send(
      answer_to(back, make_datagram({.type = DatagramType::response,
                                     .interface = kConv,
                                     .activity = uuid("11111111-e55c-1111-8573-a6f0ec7a8c25"),
                                     .sequence = 9})));
  exchange.server({}, DatagramType::response);
  EXPECT_EQ(exchange.text(),
            call(0, "response") +
                "call 0 context 0 333a2276/3.0 opnum 1 object "
                "00000000-0000-0000-0000-000000000000 activity 11111111 sequence 9 body 20 -> "
                "response\n");
}

TEST(Datagrams, AuthenticationIsThatOfTheVerifier) {
  Exchange exchange;
  exchange.client({.auth_protocol = 10}, ByteVector(8), ByteVector(16, std::byte{6}));
  EXPECT_EQ(exchange.text(),
            "call 0 context 0 5ab2e9b4/1.0 opnum 0 auth 10/6 object "
            "00000000-0000-0000-0000-000000000000 activity a264f672 sequence 0 body 0 -> "
            "unanswered\n");
}

TEST(Datagrams, AVerifierBeyondTheSnapLengthIsUnseen) {
  Exchange exchange;
  exchange.send({.payload = make_datagram({.auth_protocol = 10}, ByteVector(8),
                                          ByteVector(16, std::byte{6}))},
                42 + 84);
  EXPECT_NE(exchange.text().find("auth unseen"), std::string::npos);
  EXPECT_EQ(exchange.observer().blind(BlindnessKind::snap_length_cut), 1u);
}

TEST(Datagrams, CallsAreGivenUpAfterTheWindow) {
  Exchange exchange;
  exchange.client({}).wait(31).client({.sequence = 1}).server({}, DatagramType::response);
  EXPECT_EQ(exchange.text(), call(0, "unanswered") + call(1, "unanswered"));
  EXPECT_EQ(exchange.statistics().outcomes_given_up, 1u);
}

// A scanner says the same to every host: that is a call to each.
TEST(Datagrams, OneActivityToManyHostsIsACallToEach) {
  Exchange exchange;
  for (std::uint32_t host = 1; host <= 100; ++host) {
    exchange.send({.destination = 0x0a4e0000 + host, .payload = make_datagram({}, ByteVector(12))});
  }
  (void)exchange.text();
  EXPECT_EQ(exchange.statistics().calls, 100u);
}

TEST(Datagrams, AFloodOfSpoofedActivitiesStaysWithinTheLimitsAndIsCounted) {
  Limits limits;
  limits.datagram_activities = 16;
  limits.datagram_contexts = 8;
  limits.datagram_calls = 4;
  Exchange exchange(limits);
  for (std::uint32_t i = 0; i < 1000; ++i) {
    Uuid activity = kActivity;
    activity.bytes[0] = static_cast<std::uint8_t>(i);
    activity.bytes[1] = static_cast<std::uint8_t>(i >> 8);
    exchange.send({.source = 0x0a000000 + i % 300,
                   .payload = make_datagram({.activity = activity}, ByteVector(12))});
  }
  (void)exchange.text();
  EXPECT_EQ(exchange.statistics().calls, 1000u);
  EXPECT_EQ(exchange.statistics().datagram_activities_evicted, 1000u - 16u);
  EXPECT_EQ(exchange.statistics().outcomes_given_up, 1000u - 4u);
  EXPECT_GT(exchange.statistics().contexts_evicted, 0u);
}

TEST(Datagrams, SequenceNumbersGoAroundTheirEnd) {
  Exchange exchange;
  for (const std::uint32_t sequence : {0xffff'fffeu, 0xffff'ffffu, 0u, 1u, 0xffff'ffffu}) {
    exchange.client({.sequence = sequence}).server({.sequence = sequence}, DatagramType::response);
  }
  (void)exchange.text();
  EXPECT_EQ(exchange.statistics().calls, 4u);
}

// The first fragment, which holds the operation, was sent twice with different bytes.
TEST(Datagrams, DoubtsWhatContradictingFragmentsCarry) {
  const ByteVector sent = make_udp_frame({.payload = make_datagram({.opnum = 1}, ByteVector(12))});
  const ByteVector forged =
      make_udp_frame({.payload = make_datagram({.opnum = 7}, ByteVector(12))});
  Exchange exchange;
  exchange.send_frame(fragment_of(sent, 0, 80)).send_frame(fragment_of(forged, 0, 80));
  exchange.send_frame(fragment_of(sent, 80, 80));
  EXPECT_NE(exchange.text().find("fragment_conflict"), std::string::npos) << exchange.text();
  EXPECT_EQ(exchange.observer().blind(BlindnessKind::conflict), 1u);
}

}  // namespace
}  // namespace rpcaudit::dissect
