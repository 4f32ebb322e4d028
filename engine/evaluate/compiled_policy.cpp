#include "engine/evaluate/compiled_policy.h"

#include <algorithm>
#include <array>
#include <span>
#include <utility>

#include "engine/evaluate/field_visibility.h"
#include "engine/evaluate/filters/arbiter.h"
#include "engine/evaluate/filters/program.h"
#include "engine/evaluate/filters/run_truth.h"
#include "engine/evaluate/sublayers.h"

namespace rpcaudit::evaluate {
namespace {

using Ranks = std::span<const std::uint32_t>;

// Calls `visit(rank)` in ascending order of the ascending lists, until it returns true.
template <typename Visit>
void visit_merged(std::array<Ranks, 3> lists, Visit visit) {
  const auto is_sooner = [](Ranks a, Ranks b) { return !a.empty() && (b.empty() || a[0] < b[0]); };
  while (true) {
    Ranks& next = *std::min_element(lists.begin(), lists.end(), is_sooner);
    if (next.empty() || visit(next[0])) return;
    next = next.subspan(1);
  }
}

bool has_other_security(const CallFacts& call) noexcept {
  return !call.auth_unseen &&
         (call.auth_type_other != call.auth_type || call.auth_level_other != call.auth_level ||
          call.auth_type == kNegotiateType);
}

}  // namespace

// Whether two neighbours, which stay unknown for every call and would end alike, act as one.
bool NarrowedPolicy::Candidate::joins(const Candidate& next) const noexcept {
  const auto unknown = [](const Candidate& candidate) {
    return candidate.run_count == 0 && candidate.known == Truth::unknown &&
           candidate.known_other == Truth::unknown;
  };
  return unknown(*this) && unknown(next) && action == next.action && audit == next.audit &&
         enforcer == next.enforcer;
}

void NarrowedPolicy::clear() noexcept {
  constant_ = true;
  is_of_interface_ = true;
  is_datagram_ = false;
  has_audit_ = false;
  has_rpc_firewall_ = false;
  has_security_ = false;
  has_contested_ = false;
  settled_ = 0;
  verdict_ = {};
  candidates_.clear();
  indexed_ = false;
}

void NarrowedPolicy::index_opnums() {
  constexpr std::size_t kScannedMax = 8;  // as fast to look at as to look up
  if (candidates_.size() <= kScannedMax) return;
  indexed_ = true;
  by_opnum_.clear();
  unfiled_.clear();
  for (std::uint32_t i = 0; i < candidates_.size(); ++i) {
    const Candidate& candidate = candidates_[i];
    if (candidate.opnum_low == candidate.opnum_high) {
      by_opnum_.push_back({candidate.opnum_low, i});
    } else {
      unfiled_.push_back(i);
    }
  }
  std::sort(by_opnum_.begin(), by_opnum_.end());
}

template <typename Visit>
void NarrowedPolicy::visit_candidates(std::optional<std::uint16_t> opnum, Visit visit) const {
  const auto visit_if_met = [&](const Candidate& candidate) {
    const bool is_met = !opnum || (*opnum >= candidate.opnum_low && *opnum <= candidate.opnum_high);
    return is_met && visit(candidate);
  };
  if (!indexed_ || !opnum) {
    (void)std::any_of(candidates_.begin(), candidates_.end(), visit_if_met);
    return;
  }
  const std::uint16_t wanted = *opnum;
  auto filed = std::lower_bound(by_opnum_.begin(), by_opnum_.end(), OpnumPlace{wanted, 0});
  auto unfiled = unfiled_.begin();
  while (true) {
    const bool has_filed = filed != by_opnum_.end() && filed->opnum == wanted;
    if (!has_filed && unfiled == unfiled_.end()) return;
    const bool takes_filed =
        has_filed && (unfiled == unfiled_.end() || filed->candidate < *unfiled);
    if (visit_if_met(candidates_[takes_filed ? (filed++)->candidate : *unfiled++])) return;
  }
}

void NarrowedPolicy::add(const Candidate& candidate) {
  constant_ = constant_ && candidate.run_count == 0;
  const bool is_windows = candidate.enforcer == policy::Enforcer::windows;
  has_audit_ = has_audit_ || (is_windows && candidate.audit);
  has_rpc_firewall_ = has_rpc_firewall_ || !is_windows;
  has_contested_ = has_contested_ || candidate.known != candidate.known_other;
  if (!candidates_.empty() && candidates_.back().joins(candidate)) {
    candidates_.back().unseen |= candidate.unseen;
  } else {
    candidates_.push_back(candidate);
  }
}

CompiledPolicy::CompiledPolicy(std::unique_ptr<const Program> program,
                               HostControls controls) noexcept
    : program_(std::move(program)), controls_(std::move(controls)) {}
CompiledPolicy::CompiledPolicy(CompiledPolicy&&) noexcept = default;
CompiledPolicy& CompiledPolicy::operator=(CompiledPolicy&&) noexcept = default;
CompiledPolicy::~CompiledPolicy() = default;

CompiledPolicy CompiledPolicy::compile(const policy::Policy& policy,
                                       const EvaluationOptions& options) {
  return {std::make_unique<const Program>(compile_program(policy, options)),
          HostControls(policy.host)};
}

const policy::Policy& CompiledPolicy::policy() const noexcept { return *program_->policy; }

const EvaluationOptions& CompiledPolicy::options() const noexcept { return program_->options; }

void CompiledPolicy::narrow(const ContextFacts& context, NarrowedPolicy& narrowed) const {
  const Program& program = *program_;
  const ContextValues values(context);
  narrowed.clear();
  narrowed.is_datagram_ =
      program.options.layer == policy::Layer::um && transport_of(context.protocol).is_datagram;
  const std::span<const std::uint32_t> of_client =
      program.by_client.ranks_of(values.remote_address());
  narrowed.is_of_interface_ = values.has_interface() && of_client.empty() && controls_.empty();
  if (values.has_interface()) {
    visit_merged(
        {program.by_interface.ranks_of(values.interface()), of_client, program.other_ranks},
        [&](std::uint32_t rank) { return fold(program.rules[rank], values, narrowed); });
  } else {
    for (const std::uint32_t rank : program.unseen_interface_ranks) {
      if (fold(program.rules[rank], values, narrowed)) break;
    }
  }
  narrowed.index_opnums();
  if (narrowed.constant_) narrowed.verdict_ = judge_all_readings(narrowed, CallFacts{});
  if (!controls_.empty()) narrowed.controls_ = controls_.narrow(context);
}

bool CompiledPolicy::names_client(const IpAddress& client) const noexcept {
  return !program_->by_client.ranks_of(to_uint128(client.bytes)).empty();
}

bool CompiledPolicy::fold(const Rule& rule, const ContextValues& values,
                          NarrowedPolicy& narrowed) const {
  const auto sublayer = static_cast<std::uint8_t>(1u << static_cast<unsigned>(rule.sublayer()));
  if ((narrowed.settled_ & sublayer) != 0) return false;
  narrowed.is_of_interface_ = narrowed.is_of_interface_ && rule.is_of_interface;
  const std::span<const Run> runs(program_->runs);
  const policy::TargetProfile profile = profile_of(*program_, rule.enforcer);
  NarrowedPolicy::Candidate candidate;
  candidate.known = rule.known;
  candidate.known_other = rule.known;
  candidate.unseen = rule.unseen;
  const std::uint32_t known_run = values.has_interface() ? rule.filed_run : Rule::kNotFiled;
  for (std::uint32_t i = 0; i < rule.context_runs; ++i) {
    if (i == known_run) continue;
    const Run& run = runs[rule.first_run + i];
    const Truth truth = values.truth(*program_, profile, run, false);
    const bool is_contested = ContextValues::depends_on_endpoints(run.field);
    const Truth other = is_contested ? values.truth(*program_, profile, run, true) : truth;
    candidate.known = truth_and(candidate.known, truth);
    candidate.known_other = truth_and(candidate.known_other, other);
    if (candidate.known == Truth::no && candidate.known_other == Truth::no) return false;
    if (truth == Truth::unknown) candidate.unseen |= field_bit(run.field);
  }
  candidate.filter = rule.filter;
  candidate.first_run = rule.first_run + rule.context_runs;
  candidate.run_count = rule.call_runs;
  candidate.opnum_low = rule.opnum_low;
  candidate.opnum_high = rule.opnum_high;
  candidate.action = rule.action;
  candidate.audit = rule.audit;
  candidate.enforcer = rule.enforcer;
  narrowed.has_security_ = narrowed.has_security_ || rule.has_security;
  narrowed.add(candidate);
  const bool settles = candidate.known == Truth::yes && candidate.known_other == Truth::yes &&
                       candidate.run_count == 0 && candidate.action != policy::Action::continue_;
  if (settles) narrowed.settled_ |= sublayer;
  return narrowed.settled_ == program_->sublayers;
}

void CompiledPolicy::split(const NarrowedPolicy& narrowed, OpnumRange& range) const noexcept {
  if (narrowed.is_constant()) return;
  for (const NarrowedPolicy::Candidate& candidate : narrowed.candidates_) {
    for (std::uint32_t i = 0; i < candidate.run_count; ++i) {
      const Run& run = program_->runs[candidate.first_run + i];
      if (run.field != policy::Field::opnum) continue;
      for (std::uint32_t j = 0; j < run.test_count; ++j) {
        const ValueTest& test = program_->tests[run.first_test + j];
        if (test.kind == ValueTest::Kind::number) {
          range.split(test.low, test.high);
        } else if (test.kind != ValueTest::Kind::unknown) {
          range.split_all();
        }
      }
    }
  }
}

FilterVerdict CompiledPolicy::judge(const NarrowedPolicy& narrowed, const CallValues& values,
                                    bool other_endpoints) const noexcept {
  const std::span<const Run> runs(program_->runs);
  std::array<Arbiter, kSublayerCount> arbiters;
  Arbiter one_list;  // the filters with and without audit together
  const auto arbiter = [&](Sublayer which) -> Arbiter& {
    return arbiters[static_cast<std::size_t>(which)];
  };
  const bool has_parts = narrowed.has_audit_ || narrowed.has_rpc_firewall_;
  narrowed.visit_candidates(values.opnum(), [&](const NarrowedPolicy::Candidate& candidate) {
    Truth truth = other_endpoints ? candidate.known_other : candidate.known;
    FieldSet unseen = candidate.unseen;
    for (const Run& run : runs.subspan(candidate.first_run, candidate.run_count)) {
      if (truth == Truth::no) break;
      const Truth run_truth = values.truth(*program_, run);
      truth = truth_and(truth, run_truth);
      if (run_truth == Truth::unknown) unseen |= field_bit(run.field);
    }
    if (truth == Truth::no) return false;
    const Sublayer sublayer = sublayer_of(candidate.enforcer, candidate.audit);
    if (sublayer == Sublayer::audit && candidate.action == policy::Action::continue_) return false;
    arbiter(sublayer).take(candidate.action, candidate.filter, truth, unseen);
    if (narrowed.has_audit_ && sublayer != Sublayer::rpc_firewall) {
      one_list.take(candidate.action, candidate.filter, truth, unseen);
    }
    return !has_parts && arbiter(Sublayer::filters).is_decided();
  });
  const policy::TargetProfile& profile = program_->options.profile;
  const bool permits = profile[policy::Difference::only_continue] == policy::Behaviour::permits;
  SublayerVerdicts verdicts;
  verdicts.filters = arbiter(Sublayer::filters).verdict(permits);
  if (!has_parts && !narrowed.is_datagram_) return verdicts.filters;
  Arbiter& audit = arbiter(Sublayer::audit);
  verdicts.has_audit = narrowed.has_audit_;
  verdicts.has_rpc_firewall = narrowed.has_rpc_firewall_;
  verdicts.event_5712 = {audit.keywords(), audit.first()};
  verdicts.audit = audit.verdict(permits);
  verdicts.one_list = one_list.verdict(permits);
  verdicts.rpc_firewall = arbiter(Sublayer::rpc_firewall).verdict(true);
  return combine_sublayers(verdicts, profile, narrowed.is_datagram_);
}

FilterVerdict CompiledPolicy::judge_all_readings(const NarrowedPolicy& narrowed,
                                                 const CallFacts& call) const noexcept {
  const CallValues values(call, false);
  FilterVerdict verdict = judge(narrowed, values, false);
  if (narrowed.has_security_ && has_other_security(call)) {
    const FilterVerdict other = judge(narrowed, CallValues(call, true), false);
    if (other.action != verdict.action) verdict.readings_differ = true;
  }
  if (narrowed.has_contested_) {
    const FilterVerdict other = judge(narrowed, values, true);
    if (other.action != verdict.action) verdict.readings_differ = true;
  }
  return verdict;
}

Verdict CompiledPolicy::evaluate(const NarrowedPolicy& narrowed,
                                 const CallFacts& call) const noexcept {
  Verdict verdict;
  verdict.filters = narrowed.is_constant() ? narrowed.verdict_ : judge_all_readings(narrowed, call);
  if (controls_.empty()) {
    combine_controls(verdict);
  } else {
    controls_.apply(narrowed.controls_, call, verdict);
  }
  return verdict;
}

std::string CompiledPolicy::dump() const { return program_text(*program_); }

}  // namespace rpcaudit::evaluate
