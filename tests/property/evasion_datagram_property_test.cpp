// Nothing hides in connectionless RPC either: whatever datagrams are put between those of an
// activity, each call that the server runs is told, or told as one in doubt.
//
// RPCAUDIT_PROPERTY_CASES, RPCAUDIT_EVASION and RPCAUDIT_EVASION_PCAP as for evasions over TCP.

#include <gtest/gtest.h>

#include <algorithm>
#include <cstdlib>
#include <map>
#include <set>

#include "tests/support/datagram_frames.h"
#include "tests/support/evasion_verdict.h"
#include "tests/support/model_receiver.h"
#include "tests/support/rpc_conversation.h"

namespace rpcaudit {
namespace {

using namespace test;

constexpr WireHost kClient{0x0a4d0002, 40000, 0x0200'0000'0002};
constexpr WireHost kServer{0x0a4d0001, 1025, 0x0200'0000'0001};

// A server of connectionless RPC (C706 12.5): runs each call of an activity once, as the first of
// its fragments to arrive describes it, or the last one.
class ModelDatagramServer {
 public:
  explicit ModelDatagramServer(const ReceiverPolicy& policy)
      : ip_(kServer, std::nullopt, policy), policy_(policy) {}

  void receive(Bytes frame) {
    const std::optional<ModelIp::Datagram> datagram = ip_.receive(frame);
    if (!datagram || datagram->source != kClient.address || datagram->protocol != 17) return;
    const Bytes udp = datagram->bytes;
    const std::uint32_t sum = pseudo_header_sum(kClient.address, kServer.address, 17, udp.size());
    const bool is_intact = be16(udp, 6) == 0 || internet_sum(udp, sum) == 0xffff;
    const bool is_ours = be16(udp, 0) == kClient.port && be16(udp, 2) == kServer.port;
    if (is_intact && is_ours && udp.size() >= 8 + 80) take(udp.subspan(8));
  }
  [[nodiscard]] const std::vector<ExecutedCall>& executed() const { return executed_; }

 private:
  struct Pending {
    ExecutedCall call;
    std::set<unsigned> fragments;
    std::optional<unsigned> last;
  };

  void take(Bytes pdu) {
    if (pdu[1] != std::byte{0}) return;  // no request
    const auto sequence = number_at<std::uint32_t>(pdu, 64);
    const auto flags = std::to_integer<unsigned>(pdu[2]);
    const unsigned fragment = number_at<std::uint16_t>(pdu, 76);
    if (run_.contains(sequence)) return;
    Pending& pending = pending_[sequence];
    if (pending.fragments.empty() || policy_.keeps_newest_copy) {
      pending.call.interface = read(pdu.subspan(24, 16));
      pending.call.opnum = number_at<std::uint16_t>(pdu, 68);
    }
    pending.fragments.insert(fragment);
    const bool is_fragment = (flags & kFragment) != 0;
    if (!is_fragment || (flags & kLastFragment) != 0) pending.last = fragment;
    if (pending.last && pending.fragments.size() == *pending.last + 1) {
      executed_.push_back(pending.call);
      run_.insert(sequence);
    }
  }
  static Uuid read(Bytes wire) {
    constexpr std::array<std::size_t, 8> kSwapped{3, 2, 1, 0, 5, 4, 7, 6};
    Uuid value;
    for (std::size_t i = 0; i < 16; ++i) {
      value.bytes[i] = std::to_integer<std::uint8_t>(wire[i < 8 ? kSwapped[i] : i]);
    }
    return value;
  }

  static constexpr unsigned kLastFragment = 0x02;
  static constexpr unsigned kFragment = 0x04;

  ModelIp ip_;
  ReceiverPolicy policy_;
  std::map<std::uint32_t, Pending> pending_;
  std::set<std::uint32_t> run_;
  std::vector<ExecutedCall> executed_;
};

struct DatagramSetup {
  ReceiverPolicy server;
  bool fragments_ip = false;
  bool contradicts_in_ip = false;  // fragments of IP overlap and differ
};

// One kind of decoy: what makes a datagram that contradicts the next one a decoy.
struct DatagramKind {
  const char* name;
  void (*prepare)(DatagramSetup&, Random&) = nullptr;
  void (*forge)(WireSegment&) = nullptr;
  bool is_one_way = false;  // the decoy asks for no answer
};

void PrintTo(const DatagramKind& kind, std::ostream* out) { *out << kind.name; }

void choose_hops(DatagramSetup& setup, Random& random) {
  setup.server.hops = static_cast<unsigned>(up_to(random, 3));
}
void choose_header(DatagramSetup& setup, Random& random) {
  setup.server.keeps_newest_copy = up_to(random, 1) == 0;
}
void fragment_ip(DatagramSetup& setup, Random&) { setup.fragments_ip = true; }
void contradict_in_ip(DatagramSetup& setup, Random& random) {
  using Overlap = ReceiverPolicy::Overlap;
  constexpr std::array<Overlap, 3> kAll{Overlap::discard, Overlap::oldest, Overlap::newest};
  setup.server.fragments = kAll[up_to(random, 2)];
  setup.fragments_ip = setup.contradicts_in_ip = true;
}
void spoil_checksum(WireSegment& decoy) { decoy.is_checksum_wrong = true; }
void spoil_ip_checksum(WireSegment& decoy) { decoy.is_ip_checksum_wrong = true; }
void lower_ttl(WireSegment& decoy) { decoy.ttl = 1; }
void tag_vlan(WireSegment& decoy) { decoy.vlan = std::uint16_t{99}; }
void misdirect(WireSegment& decoy) { decoy.destination.mac += 0x77; }
void leave_as_it_is(WireSegment&) {}
void turn_round(WireSegment& decoy) { std::swap(decoy.source, decoy.destination); }

constexpr DatagramKind kDatagramKinds[] = {
    {.name = "datagrams"},
    {.name = "datagram_fragments", .prepare = fragment_ip},
    {.name = "datagram_bad_checksum", .forge = spoil_checksum},
    {.name = "datagram_bad_ip_checksum", .forge = spoil_ip_checksum},
    {.name = "datagram_low_ttl", .prepare = choose_hops, .forge = lower_ttl},
    {.name = "datagram_one_way_decoy",
     .prepare = choose_hops,
     .forge = lower_ttl,
     .is_one_way = true},
    {.name = "datagram_other_vlan", .forge = tag_vlan},
    {.name = "datagram_other_station", .forge = misdirect},
    {.name = "datagram_conflict", .prepare = choose_header, .forge = leave_as_it_is},
    {.name = "datagram_role_swap", .forge = turn_round},
    {.name = "datagram_contradicting_fragments", .prepare = contradict_in_ip},
};

struct DatagramConversation {
  FrameList frames;
  std::vector<ExecutedCall> executed;
};

// Calls of one activity, one after the other, with decoys before their datagrams.
class DatagramGenerator {
 public:
  DatagramGenerator(const DatagramSetup& setup, const DatagramKind& kind, Random& random)
      : setup_(setup), kind_(kind), random_(random), server_(setup.server) {}

  DatagramConversation run() {
    const std::size_t calls = 1 + up_to(random_, 3);
    for (std::uint32_t sequence = 0; sequence < calls; ++sequence) {
      call(sequence);
      if (server_.executed().size() <= sequence) call(sequence);  // the client repeats it
      send(from_server(make_datagram({.type = dissect::DatagramType::response,
                                      .interface = kInterfaces[0],
                                      .sequence = sequence},
                                     ByteVector(24))));
    }
    conversation_.executed = server_.executed();
    return std::move(conversation_);
  }

 private:
  static constexpr std::array kInterfaces{kDrsuapi, kSamr, kEcho};
  static WireSegment from_client(ByteVector payload) {
    return {.source = kClient, .destination = kServer, .payload = std::move(payload)};
  }
  static WireSegment from_server(ByteVector payload) {
    return {.source = kServer, .destination = kClient, .payload = std::move(payload)};
  }

  void call(std::uint32_t sequence) {
    DatagramShape shape{.interface = kInterfaces[up_to(random_, 2)],
                        .sequence = sequence,
                        .opnum = static_cast<std::uint16_t>(up_to(random_, 20))};
    const unsigned count = 1 + static_cast<unsigned>(up_to(random_, 2));
    for (shape.fragment = 0; shape.fragment < count; ++shape.fragment) {
      if (count > 1) shape.flags1 = shape.fragment + 1 == count ? 0x06 : 0x04;
      const ByteVector body(40 + 2 * up_to(random_, 200), std::byte{0x41});
      const ByteVector legitimate = make_datagram(shape, body);
      DatagramShape other = shape;
      up_to(random_, 1) == 0 ? void(other.opnum ^= 1) : void(other.interface = kEpm);
      if (kind_.is_one_way) other.flags1 |= dissect::kDatagramMaybe;
      const ByteVector contradiction = make_datagram(other, body);
      if (kind_.forge != nullptr && up_to(random_, 1) == 0) {
        WireSegment decoy = from_client(contradiction);
        kind_.forge(decoy);
        send(decoy);
      }
      setup_.fragments_ip ? send_fragments(legitimate) : send(from_client(legitimate));
    }
  }

  void send(const WireSegment& datagram) { put(make_wire_datagram(datagram, ++identification_)); }

  // The forged fragment swaps the opnum with the first word of the body: the checksum stays right.
  void send_fragments(const ByteVector& pdu) {
    const WireSegment datagram = from_client(pdu);
    const ByteVector whole = make_udp_bytes(datagram);
    ByteVector forged = whole;
    constexpr std::ptrdiff_t kOpnum = 8 + 68;
    constexpr std::ptrdiff_t kBody = 8 + 80;
    if (setup_.contradicts_in_ip && up_to(random_, 1) == 0) {
      const auto opnum = forged.begin() + kOpnum;
      std::swap_ranges(opnum, opnum + 2, forged.begin() + kBody);
    }
    const std::size_t step = 8 * ((setup_.contradicts_in_ip ? 12 : 1) + up_to(random_, 20));
    ++identification_;
    std::vector<ByteVector> pieces;
    for (std::size_t at = 0; at < whole.size(); at += step) {
      const IpPart place{identification_, at, at + step < whole.size(), 17};
      pieces.push_back(make_ip_frame(datagram, part_of(whole, at, step), place));
      const ByteVector twin = make_ip_frame(datagram, part_of(forged, at, step), place);
      if (twin != pieces.back()) pieces.push_back(twin);
    }
    std::shuffle(pieces.begin(), pieces.end(), random_);
    for (const ByteVector& piece : pieces) put(piece);
  }
  void put(const ByteVector& frame) {
    server_.receive(frame);
    conversation_.frames.add(frame);
  }

  DatagramSetup setup_;
  DatagramKind kind_;
  Random& random_;
  ModelDatagramServer server_;
  std::uint16_t identification_ = 0;
  DatagramConversation conversation_;
};

std::size_t cases_of_kind() {
  const char* wanted = std::getenv("RPCAUDIT_PROPERTY_CASES");
  const std::size_t count = wanted == nullptr ? 5'000 : std::strtoull(wanted, nullptr, 10) / 2;
  return std::max<std::size_t>(20, count / std::size(kDatagramKinds));
}

class EvasionDatagramProperty : public testing::TestWithParam<DatagramKind> {};

TEST_P(EvasionDatagramProperty, EveryCallThatTheServerRunsIsTold) {
  const std::string name = GetParam().name;
  const char* chosen = std::getenv("RPCAUDIT_EVASION");
  if (chosen != nullptr && name != chosen) GTEST_SKIP() << "another one is chosen";
  const bool must_be_seen =
      GetParam().forge == nullptr && name.find("contradicting") == std::string::npos;
  CallTally tally;
  for (std::uint64_t seed = 0; seed < cases_of_kind(); ++seed) {
    Random random(seed);
    DatagramSetup setup;
    if (GetParam().prepare != nullptr) GetParam().prepare(setup, random);
    const DatagramConversation conversation = DatagramGenerator(setup, GetParam(), random).run();
    CallListener listener;
    play(conversation.frames, 1 + up_to(random, 20), listener);
    const std::string fault = fault_of(conversation.executed, listener, must_be_seen, tally);
    if (fault.empty()) continue;
    write_capture(conversation.frames);
    FAIL() << "again: RPCAUDIT_EVASION=" << name << ", seed " << seed << "\n" << fault;
  }
  std::cout << name << ": " << tally.text();
}

INSTANTIATE_TEST_SUITE_P(Kinds, EvasionDatagramProperty, testing::ValuesIn(kDatagramKinds),
                         [](const auto& test) { return std::string(test.param.name); });

}  // namespace
}  // namespace rpcaudit
