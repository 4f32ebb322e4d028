#include "engine/evaluate/compiled_policy.h"

#include <utility>

#include "engine/evaluate/arbiter.h"
#include "engine/evaluate/audit_readings.h"
#include "engine/evaluate/field_sight.h"
#include "engine/evaluate/program.h"
#include "engine/evaluate/run_truth.h"

namespace rpcaudit {
namespace {

// Calls `visit(rank)` in ascending order of two ascending lists, until it returns true.
template <typename Visit>
void visit_merged(std::span<const std::uint32_t> a, std::span<const std::uint32_t> b, Visit visit) {
  while (!a.empty() || !b.empty()) {
    std::span<const std::uint32_t>& next = b.empty() || (!a.empty() && a[0] < b[0]) ? a : b;
    if (visit(next[0])) return;
    next = next.subspan(1);
  }
}

bool has_other_security(const CallFacts& call) noexcept {
  return !call.auth_unseen &&
         (call.auth_type_other != call.auth_type || call.auth_level_other != call.auth_level ||
          call.auth_type == kNegotiateType);
}

}  // namespace

// Neighbours that stay unknown for every call, and would end the same way, act as one.
bool NarrowedPolicy::Candidate::joins(const Candidate& next) const noexcept {
  return run_count == 0 && next.run_count == 0 && known == Truth::unknown &&
         next.known == Truth::unknown && action == next.action && audit == next.audit &&
         known_if_strict == next.known_if_strict;
}

void NarrowedPolicy::clear() noexcept {
  constant_ = true;
  has_audit_ = false;
  has_security_ = false;
  has_contested_ = false;
  verdict_ = {};
  candidates_.clear();
}

void NarrowedPolicy::add(const Candidate& candidate) {
  constant_ = constant_ && candidate.run_count == 0;
  has_audit_ = has_audit_ || candidate.audit;
  has_contested_ = has_contested_ || candidate.known_if_strict != candidate.known;
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

CompiledPolicy CompiledPolicy::compile(const Policy& policy) {
  return {std::make_unique<const Program>(compile_program(policy)), HostControls(policy.host)};
}

const Policy& CompiledPolicy::policy() const noexcept { return *program_->policy; }

void CompiledPolicy::narrow(const ContextFacts& context, NarrowedPolicy& narrowed) const {
  const Program& program = *program_;
  const ContextValues values(context);
  narrowed.clear();
  if (values.has_interface()) {
    visit_merged(program.ranks_of(values.interface()), program.other_ranks,
                 [&](std::uint32_t rank) { return fold(program.rules[rank], values, narrowed); });
  } else {
    for (const std::uint32_t rank : program.unseen_interface_ranks) {
      if (fold(program.rules[rank], values, narrowed)) break;
    }
  }
  if (narrowed.constant_) narrowed.verdict_ = judge_all_readings(narrowed, CallFacts{});
  if (!controls_.empty()) narrowed.controls_ = controls_.narrow(context);
}

bool CompiledPolicy::fold(const Rule& rule, const ContextValues& values,
                          NarrowedPolicy& narrowed) const {
  const std::span<const Run> runs(program_->runs);
  NarrowedPolicy::Candidate candidate;
  candidate.known = rule.known;
  candidate.known_if_strict = rule.known;
  candidate.unseen = rule.unseen;
  for (const Run& run : runs.subspan(rule.first_run, rule.context_runs)) {
    const Truth truth = values.truth(*program_, run, false);
    if (truth == Truth::no) return false;
    if (truth == Truth::unknown) candidate.unseen |= field_bit(run.field);
    candidate.known = truth_and(candidate.known, truth);
    candidate.known_if_strict =
        truth_and(candidate.known_if_strict, values.truth(*program_, run, true));
  }
  candidate.filter = rule.filter;
  candidate.first_run = rule.first_run + rule.context_runs;
  candidate.run_count = rule.call_runs;
  candidate.opnum_low = rule.opnum_low;
  candidate.opnum_high = rule.opnum_high;
  candidate.action = rule.action;
  candidate.audit = rule.audit;
  for (const Run& run : runs.subspan(candidate.first_run, candidate.run_count)) {
    const bool is_security = run.field == Field::auth_type || run.field == Field::auth_level;
    narrowed.has_security_ = narrowed.has_security_ || is_security;
  }
  narrowed.add(candidate);
  return candidate.known == Truth::yes && candidate.run_count == 0 && !candidate.audit &&
         candidate.known_if_strict == Truth::yes && candidate.action != Action::continue_;
}

Verdict CompiledPolicy::judge(const NarrowedPolicy& narrowed, const CallValues& values,
                              bool strict_pipes) const noexcept {
  const std::span<const Run> runs(program_->runs);
  Arbiter without_audit;
  Arbiter with_audit;
  for (const NarrowedPolicy::Candidate& candidate : narrowed.candidates_) {
    if (values.opnum() < candidate.opnum_low || values.opnum() > candidate.opnum_high) continue;
    Truth truth = strict_pipes ? candidate.known_if_strict : candidate.known;
    if (truth == Truth::no) continue;
    FieldSet unseen = candidate.unseen;
    for (const Run& run : runs.subspan(candidate.first_run, candidate.run_count)) {
      const Truth run_truth = values.truth(*program_, run);
      truth = truth_and(truth, run_truth);
      if (truth == Truth::no) break;
      if (run_truth == Truth::unknown) unseen |= field_bit(run.field);
    }
    if (truth == Truth::no) continue;
    if (candidate.audit && candidate.action == Action::continue_) continue;
    if (!candidate.audit) without_audit.take(candidate.action, candidate.filter, truth, unseen);
    if (narrowed.has_audit_) {
      with_audit.take(candidate.action, candidate.filter, truth, unseen);
    }
    if (without_audit.is_decided()) break;  // and so is the other, here or before
  }
  const Verdict verdict = without_audit.verdict();
  if (!narrowed.has_audit_) return verdict;
  return combine_audit_readings(verdict, with_audit.verdict());
}

Verdict CompiledPolicy::judge_all_readings(const NarrowedPolicy& narrowed,
                                           const CallFacts& call) const noexcept {
  const CallValues values(call, false);
  Verdict verdict = judge(narrowed, values, false);
  if (narrowed.has_security_ && has_other_security(call)) {
    const Verdict other = judge(narrowed, CallValues(call, true), false);
    if (other.action != verdict.action) verdict.readings_differ = true;
  }
  if (narrowed.has_contested_) {
    const Verdict other = judge(narrowed, values, true);
    if (other.action != verdict.action) verdict.readings_differ = true;
  }
  return verdict;
}

Verdict CompiledPolicy::evaluate(const NarrowedPolicy& narrowed,
                                 const CallFacts& call) const noexcept {
  Verdict verdict = narrowed.is_constant() ? narrowed.verdict_ : judge_all_readings(narrowed, call);
  verdict.filter_action = verdict.action;
  if (!controls_.empty()) controls_.apply(narrowed.controls_, call, verdict);
  return verdict;
}

std::string CompiledPolicy::dump() const { return program_text(*program_); }

}  // namespace rpcaudit
