#include "engine/audit/call_judge.h"

namespace rpcaudit {
namespace {

// All of CallFacts but its pointers in one word, never zero; of the operation only its class.
std::uint64_t pack(const CallFacts& facts, const OpnumClasses& opnums) noexcept {
  static_assert(sizeof(CallFacts) == 32, "a new fact must be packed or compared as well");
  const auto at = [](std::uint64_t value, unsigned shift) { return value << shift; };
  return at(opnums.class_of(facts.opnum), 0) | at(facts.auth_type, 16) | at(facts.auth_level, 24) |
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

CallJudge::CallJudge(const ServerPolicies& policies, std::size_t contexts_max)
    : policies_(policies), contexts_(contexts_max) {}

void CallJudge::begin(const RpcContext& context, ContextState& state) const {
  state.policy = policies_.find(context.server.address);
  state.narrowed = true;
  state.generation = context.key.generation;
  state.has_interface = carries_interface(context);
  state.has_server_name = !context.secondary_address.empty();
  state.caller.looked_up = false;
  for (Known& known : state.known) known.facts = 0;
  if (state.policy == kNoPolicy) return;
  const ContextFacts facts = policies_.context_facts_of(state.policy, context);
  policies_.compiled(state.policy).narrow(facts, state.narrow);
  policies_.survey(state.policy).narrow(facts, state.ways);
  state.opnums = state.narrow.opnums();
  for (const NarrowedPolicy& way : state.ways) state.opnums.add(way.opnums());
}

std::optional<Judgement> CallJudge::judge(const RpcContext& context, const RpcCall& call) {
  ContextState& state = contexts_[context.key.slot];
  if (!state.narrowed || state.generation != context.key.generation ||
      state.has_interface != carries_interface(context) ||
      state.has_server_name != !context.secondary_address.empty()) {
    begin(context, state);
  }
  if (state.policy == kNoPolicy) return std::nullopt;
  CallFacts facts = call_facts(context, call);
  policies_.knowledge(state.policy).complete(context, call, state.caller, facts);
  const std::uint64_t packed = pack(facts, state.opnums);
  for (const Known& known : state.known) {
    if (known.facts == packed && known.token == facts.token && known.app_id == facts.app_id) {
      return Judgement{state.policy, known.verdict};
    }
  }
  Known& known = state.known[state.next++ % state.known.size()];
  known = {packed, facts.token, facts.app_id,
           policies_.compiled(state.policy).evaluate(state.narrow, facts)};
  known.verdict.depends_on_target =
      policies_.survey(state.policy)
          .depends(state.ways, policies_.context_facts_of(state.policy, context), facts,
                   known.verdict);
  return Judgement{state.policy, known.verdict};
}

}  // namespace rpcaudit
