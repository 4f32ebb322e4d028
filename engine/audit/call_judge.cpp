#include "engine/audit/call_judge.h"

namespace rpcaudit {
namespace {

// All of CallFacts in one word, never zero.
std::uint64_t pack(const CallFacts& facts) noexcept {
  static_assert(sizeof(CallFacts) == 10, "a new fact must be packed as well");
  const auto at = [](std::uint64_t value, unsigned shift) { return value << shift; };
  return at(facts.opnum, 0) | at(facts.auth_type, 16) | at(facts.auth_level, 24) |
         at(facts.auth_type_other, 32) | at(facts.auth_level_other, 40) |
         at(facts.auth_unseen ? 1 : 0, 48) | at(static_cast<std::uint8_t>(facts.dcom), 49) |
         at(static_cast<std::uint8_t>(facts.anonymous), 51) |
         at(static_cast<std::uint8_t>(facts.authenticated), 53) | at(1, 63);
}

}  // namespace

bool carries_interface(const RpcContext& context) noexcept {
  return context.abstract_syntax && context.result != ContextResult::rejected &&
         context.result != ContextResult::negotiated;
}

CallJudge::CallJudge(const CompiledPolicy& policy, const TargetSurvey* survey,
                     std::size_t contexts_max)
    : policy_(policy), survey_(survey), contexts_(contexts_max) {}

Verdict CallJudge::judge(const RpcContext& context, const RpcCall& call) {
  ContextState& state = contexts_[context.key.slot];
  const bool has_interface = carries_interface(context);
  const bool has_server_name = !context.secondary_address.empty();
  if (!state.narrowed || state.generation != context.key.generation ||
      state.has_interface != has_interface || state.has_server_name != has_server_name) {
    const ContextFacts facts = context_facts(context);
    policy_.narrow(facts, state.policy);
    if (survey_ != nullptr) survey_->narrow(facts, state.ways);
    state.narrowed = true;
    state.generation = context.key.generation;
    state.has_interface = has_interface;
    state.has_server_name = has_server_name;
    for (Known& known : state.known) known.facts = 0;
  }
  const CallFacts facts = call_facts(context, call);
  const std::uint64_t packed = pack(facts);
  for (const Known& known : state.known) {
    if (known.facts == packed) return known.verdict;
  }
  Known& known = state.known[state.next++ % state.known.size()];
  known = {packed, policy_.evaluate(state.policy, facts)};
  if (survey_ != nullptr) {
    known.verdict.depends_on_target =
        survey_->depends(state.ways, context_facts(context), facts, known.verdict);
  }
  return known.verdict;
}

}  // namespace rpcaudit
