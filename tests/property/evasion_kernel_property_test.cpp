// What evasion_property_test.cpp states of a model receiver, of the kernel that the tests run on:
// the frames that a client and whoever disturbs it send arrive at a socket, a server reads it, and
// each call that it runs is told, or its connection is.
//
// The kernel runs in a network of its own, for which it takes user namespaces and /dev/net/tun.
// Of RPCAUDIT_PROPERTY_CASES, one in twenty is played: each takes milliseconds of the kernel.

#include <gtest/gtest.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <cstdlib>

#include "tests/support/evasion_kinds.h"
#include "tests/support/evasion_verdict.h"
#include "tests/support/kernel_receiver.h"

namespace rpcaudit {
namespace {

using namespace test;

constexpr unsigned kClient = EvasionGenerator::kClient;
constexpr unsigned kServer = EvasionGenerator::kServer;
constexpr std::size_t kEthernetHeader = 14;

// Kinds of which the kernel is not the receiver: the sensor does not see what arrives, or sees it
// otherwise, or the receiver lies behind routers, or goes on after a reset.
constexpr std::string_view kLeftOut[] = {
    "offloaded_checksums", "ignored_reset",           "low_ttl_data",         "low_ttl_control",
    "joined_late",         "joined_behind_handshake", "joined_long_transfer", "in_vxlan"};

std::vector<EvasionKind> usable_kinds() {
  std::vector<EvasionKind> kinds;
  for (const EvasionKind& kind : kEvasionKinds) {
    if (std::find(std::begin(kLeftOut), std::end(kLeftOut), kind.name) == std::end(kLeftOut)) {
      kinds.push_back(kind);
    }
  }
  return kinds;
}

// Whether the frame arrives at the server: it is for its station, and in no VLAN.
bool is_for_server(Bytes frame) {
  constexpr std::uint64_t kServerStation = 0x0200'0000'0001;
  std::uint64_t station = 0;
  for (std::size_t i = 0; i < 6; ++i) station = station << 8 | std::to_integer<unsigned>(frame[i]);
  const bool is_ipv4 = frame[12] == std::byte{8} && frame[13] == std::byte{0};
  return station == kServerStation && is_ipv4;
}

class KernelServer {
 public:
  explicit KernelServer(KernelNetwork& network) : network_(network) {}

  // The calls that a server runs whose bytes are those that the kernel takes of the conversation;
  // nothing when the kernel does not play, and `why` says so.
  std::vector<ExecutedCall> run(const EvasionKind& kind, const EvasionSetup& setup,
                                const EvasiveConversation& said, std::string& why) {
    const bool has_fragments = kind.transmit != nullptr;
    if (has_fragments && !network_.renew(EvasionGenerator::kServerAddress, why)) return {};
    KernelReceiver receiver;
    const KernelEnd own{EvasionGenerator::kServerAddress, said.port, said.first_bytes[kServer]};
    const KernelEnd peer{EvasionGenerator::kClientAddress, 40000, said.first_bytes[kClient]};
    if (!receiver.open(own, peer, setup.has_timestamps, why)) return {};
    ModelRpcServer rpc{setup.answer_bytes};
    ModelSmbServer smb{setup.answer_bytes};
    for (const Frame& frame : said.frames.frames()) {
      if (!is_for_server(frame.bytes)) continue;
      network_.arrive(frame.bytes.subspan(kEthernetHeader));
      const ByteVector read = receiver.read();
      if (read.empty()) continue;
      receiver.write(setup.carrier == Carrier::tcp ? rpc.consume(read) : smb.consume(read));
      network_.discard_sent();
    }
    return setup.carrier == Carrier::tcp ? rpc.executed() : smb.executed();
  }

 private:
  KernelNetwork& network_;
};

EvasionSetup make_setup(const EvasionKind& kind, Random& random) {
  EvasionSetup setup;
  setup.carrier = up_to(random, 1) == 0 ? Carrier::tcp : Carrier::smb2;
  setup.has_timestamps = up_to(random, 2) == 0;
  if (kind.prepare != nullptr) kind.prepare(setup, random);
  // The kernel sends an answer at once only when it fits the congestion window.
  setup.answer_bytes = std::min<std::size_t>(setup.answer_bytes, 200);
  return setup;
}

// Plays conversations of the kind; the faults found, or why the kernel does not play.
std::string faults_of(const EvasionKind& kind, std::size_t cases, KernelServer& server,
                      CallTally& tally, std::string& why) {
  for (std::uint64_t seed = 0; seed < cases && why.empty(); ++seed) {
    Random random(seed);
    EvasionSetup setup = make_setup(kind, random);
    const Random start = random;
    EvasiveConversation said = EvasionGenerator(setup, {kind}, random).run();
    const std::vector<ExecutedCall> executed = server.run(kind, setup, said, why);
    CallListener listener;
    play(said.frames, 7, listener);
    const std::string fault = fault_of(executed, listener, false, tally);
    if (fault.empty()) continue;
    random = start;
    setup.is_listed = true;
    said = EvasionGenerator(setup, {kind}, random).run();
    return std::string(kind.name) + ":" + std::to_string(seed) + "\n" + fault + said.listing;
  }
  return {};
}

// Runs in a child of its own, and ends it; `out` takes a line about each kind, or about a fault.
[[noreturn]] void play_all(std::size_t cases, int out) {
  const auto say = [out](const std::string& text) { (void)!write(out, text.data(), text.size()); };
  KernelNetwork network;
  std::string why;
  if (!network.open(EvasionGenerator::kServerAddress, why)) {
    say("skipped: " + why);
    _exit(0);
  }
  KernelServer server(network);
  const std::vector<EvasionKind> kinds = usable_kinds();
  for (const EvasionKind& kind : kinds) {
    CallTally tally;
    const std::size_t of_kind = std::max<std::size_t>(10, cases / kinds.size());
    const std::string faults = faults_of(kind, of_kind, server, tally, why);
    if (!why.empty()) {
      say("skipped: " + why);
      _exit(0);
    }
    say(std::string(kind.name) + ": " + tally.text());
    if (!faults.empty()) say("FAULT " + faults);
    if (tally.run < of_kind / 4) say("FAULT " + std::string(kind.name) + ": too few calls\n");
  }
  _exit(0);
}

TEST(EvasionKernelProperty, EveryCallThatTheKernelLetsAServerRunIsToldOrTheConnectionIs) {
  const char* wanted = std::getenv("RPCAUDIT_PROPERTY_CASES");
  const std::size_t cases = wanted == nullptr ? 10'000 : std::strtoull(wanted, nullptr, 10);
  int ends[2];
  ASSERT_EQ(pipe(ends), 0);
  const pid_t child = fork();
  ASSERT_GE(child, 0);
  if (child == 0) {
    close(ends[0]);
    play_all(cases / 20, ends[1]);
  }
  close(ends[1]);
  std::string told;
  char some[4096];
  for (ssize_t count; (count = read(ends[0], some, sizeof some)) > 0;) {
    told.append(some, static_cast<std::size_t>(count));
  }
  close(ends[0]);
  int status = 0;
  ASSERT_EQ(waitpid(child, &status, 0), child);
  ASSERT_EQ(status, 0) << told;
  if (told.starts_with("skipped: ")) GTEST_SKIP() << told;
  EXPECT_EQ(told.find("FAULT"), std::string::npos) << told;
  std::cout << told;
}

}  // namespace
}  // namespace rpcaudit
