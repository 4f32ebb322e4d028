#include "engine/audit/call_judge.h"

#include <algorithm>

namespace rpcaudit::audit {
namespace {

// All of CallFacts but its pointers and the operation in one word.
std::uint64_t pack(const evaluate::CallFacts& facts) noexcept {
  static_assert(sizeof(evaluate::CallFacts) == 32, "a new fact must be packed or compared as well");
  const auto at = [](std::uint64_t value, unsigned shift) { return value << shift; };
  return at(facts.auth_type, 0) | at(facts.auth_level, 8) | at(facts.auth_type_other, 16) |
         at(facts.auth_level_other, 24) | at(facts.auth_unseen ? 1 : 0, 32) |
         at(static_cast<std::uint8_t>(facts.dcom), 33) |
         at(static_cast<std::uint8_t>(facts.anonymous), 35) |
         at(static_cast<std::uint8_t>(facts.authenticated), 37);
}

}  // namespace

bool runs_windows(const policy::HostSettings& host, const dissect::RpcContext& context) noexcept {
  if (host.is_windows) return *host.is_windows;
  // The interfaces of PROFINET IO (IEC 61158-6-10), which devices and controllers serve: they
  // differ in the last digit of the first field.
  constexpr Uuid kProfinet = uuid("dea00000-6c97-11d1-8271-00a02442df7d");
  if (!context.abstract_syntax) return true;
  Uuid interface = context.abstract_syntax->uuid;
  interface.bytes[3] = kProfinet.bytes[3];
  return interface != kProfinet;
}

bool carries_interface(const dissect::RpcContext& context) noexcept {
  return context.abstract_syntax && context.result != dissect::ContextResult::rejected &&
         context.result != dissect::ContextResult::negotiated;
}

void CallJudge::begin(const dissect::RpcContext& context, ContextState& state) {
  state.policy = policies_.find(context.server.address);
  state.narrowed = true;
  state.generation = context.key.generation;
  state.has_interface = carries_interface(context);
  state.has_server_name = !context.secondary_address.empty();
  state.caller.looked_up = false;
  state.known_count = 0;
  state.next = 0;
  state.other_system = state.policy != evaluate::kNoPolicy &&
                       !runs_windows(policies_.policy(state.policy).host, context);
  if (state.other_system) state.policy = evaluate::kNoPolicy;
  if (state.policy == evaluate::kNoPolicy) return;
  const evaluate::ContextFacts facts = policies_.context_facts_of(state.policy, context);
  if (const Narrowing* const known = narrowings_.find(state.policy, facts)) {
    state.narrow = known->own;
    return;
  }
  policies_.compiled(state.policy).narrow(facts, state.narrow);
  policies_.survey(state.policy).narrow(facts, variants_);
  variants_of_ = context.key;
  narrowings_.keep(state.policy, facts, state.narrow, variants_);
}

const CallJudge::Known& CallJudge::evaluate(const dissect::RpcContext& context,
                                            const evaluate::CallFacts& call, ContextState& state) {
  const evaluate::CompiledPolicy& policy = policies_.compiled(state.policy);
  const evaluate::TargetSurvey& survey = policies_.survey(state.policy);
  Known known{pack(call), call.token, call.app_id, evaluate::OpnumRange(*call.opnum)};
  evaluate::Verdict verdict = policy.evaluate(state.narrow, call);
  policy.split(state.narrow, known.opnums);
  if (survey.size() != 0) {
    const evaluate::ContextFacts facts = policies_.context_facts_of(state.policy, context);
    const Narrowing* const shared = narrowings_.find(state.policy, facts);
    if (shared == nullptr && variants_of_ != context.key) {
      survey.narrow(facts, variants_);
      variants_of_ = context.key;
    }
    const std::vector<evaluate::NarrowedPolicy>& variants =
        shared == nullptr ? variants_ : shared->variants;
    survey.compare(variants, facts, call, verdict);
    survey.split(variants, facts, known.opnums);
  }
  known.verdict = verdicts_.place_of(verdict);
  if (state.epoch != verdicts_.epoch()) {
    state.epoch = verdicts_.epoch();
    state.known_count = 0;
    state.next = 0;
  }
  Known& kept = state.known[state.next];
  kept = known;
  state.next = static_cast<std::uint8_t>((state.next + 1) % state.known.size());
  if (state.known_count < state.known.size()) ++state.known_count;
  return kept;
}

JudgeResult CallJudge::judge(const dissect::RpcContext& context, const dissect::RpcCall& call,
                             ContextState& state) {
  if (!state.narrowed || state.generation != context.key.generation ||
      state.has_interface != carries_interface(context) ||
      state.has_server_name != !context.secondary_address.empty()) {
    begin(context, state);
  }
  if (state.policy == evaluate::kNoPolicy) return {std::nullopt, state.other_system};
  evaluate::CallFacts facts = evaluate::call_facts(context, call);
  policies_.knowledge(state.policy).complete(context, call, state.caller, facts);
  const std::uint64_t packed = pack(facts);
  const auto is_known = [&](const Known& known) {
    return known.facts == packed && known.opnums.contains(*facts.opnum) &&
           known.token == facts.token && known.app_id == facts.app_id;
  };
  const std::size_t count = state.epoch == verdicts_.epoch() ? state.known_count : 0;
  const Known* const end = state.known.data() + count;
  const Known* known = std::find_if<const Known*>(state.known.data(), end, is_known);
  if (known == end) known = &evaluate(context, facts, state);
  JudgeResult result{Judgement{state.policy, verdicts_[known->verdict]}, false};
  if (call.doubts.any()) {
    result.judgement->verdict = judge_in_doubt(context, call, *result.judgement);
  }
  return result;
}

evaluate::Verdict CallJudge::judge_in_doubt(const dissect::RpcContext& context,
                                            const dissect::RpcCall& call, const Judgement& told) {
  evaluate::ContextFacts facts = policies_.context_facts_of(told.policy, context);
  evaluate::CallFacts of_call = evaluate::call_facts(context, call);
  evaluate::forget_doubtful(call.doubts, facts, of_call);
  const evaluate::CompiledPolicy& policy = policies_.compiled(told.policy);
  policy.narrow(facts, in_doubt_);
  evaluate::Verdict shared = policy.evaluate(in_doubt_, of_call);
  if (shared.action != evaluate::VerdictAction::undecidable) return told.verdict;
  // What the reading that was told leaves open is unseen besides.
  shared.filters.unseen = told.verdict.filters.unseen;
  for (const evaluate::Control control : evaluate::kOtherControls) {
    shared.controls[control].unseen = told.verdict.controls[control].unseen;
  }
  shared.doubts = call.doubts;
  shared.in_force = told.verdict.in_force;
  return shared;
}

std::optional<RefusedContext> CallJudge::judge_refused(const dissect::RpcContext& refused) const {
  RefusedContext found;
  found.policy = policies_.find(refused.server.address);
  if (found.policy == evaluate::kNoPolicy) return std::nullopt;
  const evaluate::HostControls& controls = policies_.compiled(found.policy).controls();
  if (controls.empty() || !runs_windows(policies_.policy(found.policy).host, refused)) {
    return std::nullopt;
  }
  dissect::RpcContext proposed = refused;
  proposed.result = dissect::ContextResult::unanswered;
  dissect::RpcCall call;
  call.auth = refused.auth;
  call.identity = refused.identity;
  evaluate::Verdict& verdict = found.verdict;
  const std::int64_t time = refused.frame.timestamp.nanoseconds;
  verdict.in_force = controls.in_force(time, time);
  controls.apply(controls.narrow(policies_.context_facts_of(found.policy, proposed)),
                 evaluate::call_facts(proposed, call), verdict);
  for (const evaluate::Control control :
       {evaluate::Control::interface_registration, evaluate::Control::restrict_remote_clients}) {
    if (verdict.controls[control].action != evaluate::ControlAction::would_block) continue;
    verdict.action = evaluate::VerdictAction::would_block;
    verdict.control = control;
    return found;
  }
  return std::nullopt;
}

}  // namespace rpcaudit::audit
