#pragma once

#include <compare>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "engine/evaluate/controls/host_controls.h"
#include "engine/evaluate/evaluation_options.h"
#include "engine/evaluate/facts.h"
#include "engine/evaluate/opnum_range.h"
#include "engine/evaluate/verdict.h"
#include "engine/policy/policy.h"

namespace rpcaudit::evaluate {

// The part of a compiled policy that can still matter for the calls of one presentation context:
// filters that its facts already rule out are gone, conditions they already decide are folded in,
// and nothing stands after a filter that decides every call. Reused for another context without
// giving its memory back.
class NarrowedPolicy {
 public:
  // A verdict of the filters that holds for every call of the context, whatever its opnum and
  // security.
  [[nodiscard]] bool is_constant() const noexcept { return constant_; }
  // How many filters each call is held against.
  [[nodiscard]] std::size_t candidate_count() const noexcept { return candidates_.size(); }
  // Contexts of the same interface, version and protocol sequence are narrowed alike, unless a
  // filter names their client: see CompiledPolicy::names_client().
  [[nodiscard]] bool is_of_interface() const noexcept { return is_of_interface_; }

 private:
  friend class CompiledPolicy;
  struct Candidate {
    std::uint32_t filter = 0;  // index into Policy::filters
    std::uint32_t first_run = 0;
    std::uint32_t run_count = 0;  // 0: as known for every call
    std::uint16_t opnum_low = 0;  // other opnums do not match
    std::uint16_t opnum_high = 0xffff;
    policy::Action action{};
    bool audit = false;
    policy::Enforcer enforcer{};
    Truth known = Truth::yes;        // of the conditions folded in
    Truth known_other = Truth::yes;  // with endpoints as other sources have them
    FieldSet unseen = 0;             // fields of folded conditions that are unknown

    [[nodiscard]] bool joins(const Candidate& next) const noexcept;
  };

  // A candidate that only one opnum can match.
  struct OpnumPlace {
    std::uint16_t opnum = 0;
    std::uint32_t candidate = 0;  // index into candidates_

    auto operator<=>(const OpnumPlace&) const = default;
  };

  void clear() noexcept;
  void add(const Candidate& candidate);
  // Indexes candidates by opnum where there are many, so that the number of filters on other
  // operations of the interface costs a call next to nothing.
  void index_opnums();
  // Calls `visit(candidate)` for each candidate that the opnum, if it is known, does not rule out,
  // in order of evaluation, until `visit` returns true.
  template <typename Visit>
  void visit_candidates(std::optional<std::uint16_t> opnum, Visit visit) const;

  bool constant_ = false;
  bool is_of_interface_ = false;
  bool is_datagram_ = false;
  bool has_audit_ = false;
  bool has_rpc_firewall_ = false;
  bool has_security_ = false;   // runs on auth_type or auth_level
  bool has_contested_ = false;  // candidates that depend on how addresses are read
  std::uint8_t settled_ = 0;    // sublayers in which a candidate decides every call, by bit
  FilterVerdict verdict_;       // when constant
  std::vector<Candidate> candidates_;
  bool indexed_ = false;
  std::vector<OpnumPlace> by_opnum_;    // when indexed
  std::vector<std::uint32_t> unfiled_;  // when indexed: all other candidates
  NarrowedControls controls_;
};

struct Program;
struct Rule;
struct Run;
class CallValues;
class ContextValues;

// A policy made runnable: compile once, narrow per context, evaluate per call.
//
// Equal in meaning to reference_verdict() (reference.h), which is the definition; a property test
// holds them together. Immutable after compile(), so any number of threads may share one.
class CompiledPolicy {
 public:
  // `policy` is borrowed and must outlive the result.
  [[nodiscard]] static CompiledPolicy compile(const policy::Policy& policy,
                                              const EvaluationOptions& options);

  CompiledPolicy(CompiledPolicy&&) noexcept;
  CompiledPolicy& operator=(CompiledPolicy&&) noexcept;
  ~CompiledPolicy();

  [[nodiscard]] const policy::Policy& policy() const noexcept;
  // The controls besides the filters, compiled.
  [[nodiscard]] const HostControls& controls() const noexcept { return controls_; }
  [[nodiscard]] const EvaluationOptions& options() const noexcept;

  // No allocation once `narrowed` has grown to its largest size. Keeps no view of `context`.
  void narrow(const ContextFacts& context, NarrowedPolicy& narrowed) const;
  // Whether filters that name no interface name the client by its address.
  [[nodiscard]] bool names_client(const IpAddress& client) const noexcept;
  // `narrowed` is of this policy.
  [[nodiscard]] Verdict evaluate(const NarrowedPolicy& narrowed,
                                 const CallFacts& call) const noexcept;

  // Leaves in `range` the numbers that the policy does not tell apart: calls that differ in nothing
  // but the operation have the same verdict. `narrowed` is of this policy.
  void split(const NarrowedPolicy& narrowed, OpnumRange& range) const noexcept;

  // The compiled form as text, one line per filter in order of evaluation: for tests and people.
  [[nodiscard]] std::string dump() const;

 private:
  CompiledPolicy(std::unique_ptr<const Program> program, HostControls controls) noexcept;

  // Adds the rule unless the context rules it out; returns whether no later rule can matter.
  bool fold(const Rule& rule, const ContextValues& values, NarrowedPolicy& narrowed) const;
  [[nodiscard]] FilterVerdict judge(const NarrowedPolicy& narrowed, const CallValues& values,
                                    bool other_endpoints) const noexcept;
  [[nodiscard]] FilterVerdict judge_all_readings(const NarrowedPolicy& narrowed,
                                                 const CallFacts& call) const noexcept;

  std::unique_ptr<const Program> program_;
  HostControls controls_;
};

}  // namespace rpcaudit::evaluate
