#pragma once

#include <array>
#include <compare>
#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "dissect/endpoint.h"
#include "dissect/uuid.h"
#include "engine/evaluate/evaluation_options.h"
#include "engine/evaluate/filters/rank_index.h"
#include "engine/evaluate/sublayers.h"
#include "engine/evaluate/truth.h"
#include "engine/evaluate/uint128.h"
#include "engine/evaluate/verdict.h"
#include "engine/policy/policy.h"

namespace rpcaudit::evaluate {

// One condition, made so that testing it needs no look at the policy. Orders of numbers and 128-bit
// values are closed ranges: `greater v` is [v + 1, max]; an empty one has low > high.
struct ValueTest {
  enum class Kind : std::uint8_t {
    unknown,  // cannot be told whatever the fact
    number,   // low <= value <= high
    all_set,  // of the bits of low
    any_set,
    none_set,
    uint128,  // uint128s[index] <= value <= uint128s[index + 1]
    text,     // by `match` with texts[index] and texts[index + 1]
    caller,   // low: the truth for each state of a caller without a token, see caller_state();
              // descriptors[index]: for one with a token
  };
  Kind kind = Kind::unknown;
  policy::MatchType match{};
  bool swapped =
      false;  // the value's bytes are reversed first, unless addresses are read otherwise
  std::uint32_t index = 0;
  std::uint64_t low = 0;
  std::uint64_t high = 0;
};

// Adjacent conditions on one field: alternatives of each other.
struct Run {
  policy::Field field{};
  std::uint32_t first_test = 0;
  std::uint32_t test_count = 0;
};

// A filter. Its runs are first the ones that a context fixes, then the ones that each call decides;
// of runs that nothing on the wire decides only the fields are kept.
struct Rule {
  std::uint32_t filter = 0;  // index into Policy::filters
  policy::Action action{};
  bool audit = false;
  policy::Enforcer enforcer{};
  Truth known = Truth::yes;  // unknown when there are runs that nothing decides
  FieldSet unseen = 0;       // their fields
  std::uint32_t first_run = 0;
  std::uint32_t context_runs = 0;
  std::uint32_t call_runs = 0;
  // The run by which it is filed in Program::by_interface: it holds on contexts found there.
  std::uint32_t filed_run = kNotFiled;
  bool has_security = false;    // a run of calls is on auth_type or auth_level
  bool is_of_interface = true;  // its runs of contexts are on interface and protocol alone
  // No call outside matches, whatever else it has: spares most rules of an interface their runs.
  std::uint16_t opnum_low = 0;
  std::uint16_t opnum_high = 0xffff;

  static constexpr std::uint32_t kNotFiled = 0xffff'ffff;

  [[nodiscard]] Sublayer sublayer() const noexcept { return sublayer_of(enforcer, audit); }
};

// The compiled form of a policy: flat arrays that point into each other. Rules stand in order of
// evaluation; the place of a rule is its rank.
struct Program {
  const policy::Policy* policy = nullptr;
  EvaluationOptions options;
  std::uint8_t sublayers = 0;  // bit `1 << Sublayer` where there are rules
  std::vector<Rule> rules;
  std::vector<Run> runs;
  std::vector<ValueTest> tests;
  std::vector<Uint128> uint128s;
  std::vector<std::string> texts;
  std::vector<const policy::SecurityDescriptor*> descriptors;  // of the policy

  // Every rank is in one of the three: by the interface that a rule names, else by the client's
  // address, else among the others.
  RankIndex by_interface;
  RankIndex by_client;
  std::vector<std::uint32_t> other_ranks;
  // The ranks to look at when the interface was not seen: of rules that then cannot be told apart,
  // only the first.
  std::vector<std::uint32_t> unseen_interface_ranks;
};

// `policy` is borrowed and must outlive the result.
[[nodiscard]] Program compile_program(const policy::Policy& policy,
                                      const EvaluationOptions& options);

// How the rule sees calls.
[[nodiscard]] inline policy::TargetProfile profile_of(const Program& program,
                                                      policy::Enforcer enforcer) noexcept {
  return enforcer == policy::Enforcer::rpc_firewall ? rpc_firewall_profile()
                                                    : program.options.profile;
}

// Program::unseen_interface_ranks, from the rest of the program.
[[nodiscard]] std::vector<std::uint32_t> ranks_without_interface(const Program& program);

// One line per rule in order of evaluation, then one about the index.
[[nodiscard]] std::string program_text(const Program& program);

// Truths for the nine states of what is known of a caller, two bits each.
[[nodiscard]] constexpr unsigned caller_state(Truth anonymous, Truth authenticated) noexcept {
  return static_cast<unsigned>(anonymous) * 3 + static_cast<unsigned>(authenticated);
}

[[nodiscard]] constexpr Truth caller_truth(std::uint64_t truths, unsigned state) noexcept {
  return static_cast<Truth>(truths >> (2 * state) & 3);
}

}  // namespace rpcaudit::evaluate
