// Nothing hides: whatever frames are put between those of a conversation, each call that the server
// runs is told with its interface, opnum and user, or as a call in doubt, or its connection is told
// as one that could not be seen completely.
//
// RPCAUDIT_PROPERTY_CASES is the number of conversations of all kinds together.
// RPCAUDIT_EVASION=kind[:seed] plays that kind or conversation only.
// RPCAUDIT_EVASION_PCAP=FILE writes the first conversation that fails.

#include <gtest/gtest.h>

#include <algorithm>
#include <cstdlib>

#include "tests/support/evasion_kinds.h"
#include "tests/support/evasion_verdict.h"

namespace rpcaudit {
namespace {

using namespace test;

// Of these every call must be told: it is no answer that something could not be seen.
constexpr std::string_view kAlwaysSeen[] = {"nothing",
                                            "small_segments",
                                            "segments_in_any_order",
                                            "retransmissions",
                                            "keep_alives",
                                            "fragments",
                                            "offloaded_checksums",
                                            "nbss_keep_alive_first",
                                            "nbss_empty_message_first",
                                            "junk_contexts",
                                            "nbss_session_request",
                                            "reserved_drep_bytes"};

std::size_t cases_of_kind() {
  const char* wanted = std::getenv("RPCAUDIT_PROPERTY_CASES");
  const std::size_t count = wanted == nullptr ? 10'000 : std::strtoull(wanted, nullptr, 10);
  return std::max<std::size_t>(20, count / std::size(kEvasionKinds));
}

// The part of RPCAUDIT_EVASION before or behind its colon.
std::string chosen_kind() {
  const char* chosen = std::getenv("RPCAUDIT_EVASION");
  const std::string text = chosen == nullptr ? "" : chosen;
  return text.substr(0, text.find(':'));
}
std::optional<std::uint64_t> chosen_seed() {
  const char* chosen = std::getenv("RPCAUDIT_EVASION");
  const std::string text = chosen == nullptr ? "" : chosen;
  const std::size_t colon = text.find(':');
  if (colon == std::string::npos) return std::nullopt;
  return std::strtoull(text.c_str() + colon + 1, nullptr, 10);
}

// What is false in the conversation of that seed.
std::string fault_of(const std::vector<EvasionKind>& kinds, std::uint64_t seed, CallTally& tally) {
  Random random(seed);
  EvasionSetup setup;
  setup.carrier = up_to(random, 1) == 0 ? Carrier::tcp : Carrier::smb2;
  setup.has_timestamps = up_to(random, 2) == 0;
  bool must_be_seen = true;
  bool has_another_link = false;
  for (const EvasionKind& kind : kinds) {
    if (kind.prepare != nullptr) kind.prepare(setup, random);
    has_another_link = has_another_link || kind.name == std::string_view("in_vxlan");
    must_be_seen = must_be_seen && std::find(std::begin(kAlwaysSeen), std::end(kAlwaysSeen),
                                             kind.name) != std::end(kAlwaysSeen);
  }
  const Random start = random;
  EvasiveConversation conversation = EvasionGenerator(setup, kinds, random).run();
  CallListener listener;
  play(conversation.frames, 1 + up_to(random, 20), listener);
  const std::string fault =
      fault_of(conversation.executed, listener, must_be_seen, tally, has_another_link);
  if (fault.empty()) return {};
  random = start;
  setup.is_listed = true;
  conversation = EvasionGenerator(setup, kinds, random).run();
  write_capture(conversation.frames);
  return fault + (listener.is_told() ? "(the connection is told)\n" : "") + conversation.listing;
}

std::string again(std::string_view kind, std::uint64_t seed) {
  return "again: RPCAUDIT_EVASION=" + std::string(kind) + ":" + std::to_string(seed) + "\n";
}

class EvasionProperty : public testing::TestWithParam<EvasionKind> {};

TEST_P(EvasionProperty, EveryCallThatTheServerRunsIsToldOrTheConnectionIs) {
  const std::string name = GetParam().name;
  if (!chosen_kind().empty() && chosen_kind() != name) GTEST_SKIP() << "another one is chosen";
  CallTally tally;
  const std::size_t cases = chosen_seed() ? 1 : cases_of_kind();
  for (std::size_t i = 0; i < cases; ++i) {
    const std::uint64_t seed = chosen_seed().value_or(i);
    const std::string fault = fault_of({GetParam()}, seed, tally);
    ASSERT_EQ(fault, "") << again(name, seed);
  }
  EXPECT_GT(tally.run, cases / 4) << "too few calls were run for the statement to mean something";
  std::cout << name << ": " << tally.text();
}

INSTANTIATE_TEST_SUITE_P(Kinds, EvasionProperty, testing::ValuesIn(kEvasionKinds),
                         [](const auto& test) { return std::string(test.param.name); });

// Several kinds at once. Where the beginning is not captured, a forged handshake is the only one
// that is: those kinds stand alone.
TEST(EvasionMixtureProperty, EveryCallThatTheServerRunsIsToldOrTheConnectionIs) {
  if (!chosen_kind().empty() && chosen_kind() != "mixture") GTEST_SKIP() << "another is chosen";
  std::vector<EvasionKind> usable;
  for (const EvasionKind& kind : kEvasionKinds) {
    if (!std::string_view(kind.name).starts_with("joined_")) usable.push_back(kind);
  }
  CallTally tally;
  const std::size_t cases = chosen_seed() ? 1 : cases_of_kind() * 5;
  for (std::size_t i = 0; i < cases; ++i) {
    const std::uint64_t seed = chosen_seed().value_or(i);
    Random random(~seed);
    std::vector<EvasionKind> some;
    for (std::size_t count = 2 + up_to(random, 2); count != 0; --count) {
      some.push_back(usable[up_to(random, usable.size() - 1)]);
    }
    std::string names;
    for (const EvasionKind& kind : some) names += std::string(kind.name) + " ";
    ASSERT_EQ(fault_of(some, seed, tally), "") << again("mixture", seed) << names;
  }
  std::cout << "mixture: " << tally.text();
}

}  // namespace
}  // namespace rpcaudit
