#include "engine/audit/traffic_judge.h"

namespace rpcaudit::audit {

std::size_t TrafficJudge::bytes_of_context() noexcept {
  return CallJudge::bytes_of_context() + LookupChain::bytes_of_context() +
         sizeof(ServerCounter::Sum);
}

TrafficJudge::TrafficJudge(const dissect::Limits& limits, const evaluate::ServerPolicies& policies,
                           AuditTally& tally)
    : limits_(limits),
      tally_(tally),
      contexts_(limits.context_slots()),
      monitor_(tally.other_controls) {
  begin_with(policies);
}

void TrafficJudge::begin_with(const evaluate::ServerPolicies& policies) {
  tally_.prepare(policies);
  by_.emplace(policies, tally_.servers);  // in its place: `lookups_` refers to its endpoints
  if (lookups_) {
    lookups_->forget_questions();
  } else if (by_->endpoints.has_filters()) {
    lookups_.emplace(limits_, by_->endpoints, tally_.consequences);
  }
}

void TrafficJudge::take_over(const evaluate::ServerPolicies& policies) {
  finish();
  contexts_ = SlotTable<ContextEntry>(limits_.context_slots());
  begin_with(policies);
}

void TrafficJudge::note_context(const dissect::RpcContext& context) {
  if (lookups_) lookups_->note_context(context);
  if (context.origin == dissect::ContextOrigin::proposed) monitor_.note_context(context);
}

std::optional<Judgement> TrafficJudge::judge(const dissect::RpcContext& context,
                                             const dissect::RpcCall& call) {
  ContextEntry& entry = contexts_[context.key.slot];
  JudgeResult result = by_->calls.judge(context, call, entry.judged);
  if (lookups_) lookups_->note_call(context);
  if (!result.judgement) {
    ++(result.is_other_system ? tally_.other_system : tally_.without_policy);
    if (result.is_other_system) tally_.servers.note_unjudged(context);
    return std::nullopt;
  }
  Judgement& judgement = *result.judgement;
  if (lookups_) {
    by_->endpoints.add_to(judgement, context, call);
    if (call.question && !call.doubts.any()) follow_lookup(context, call, judgement);
  }
  monitor_.note_call(by_->all.compiled(judgement.policy).controls(), context, call,
                     judgement.verdict);
  tally_.note_verdict(judgement.policy, judgement.verdict);
  by_->servers.note(context, judgement.policy, judgement.verdict, entry.sum);
  return result.judgement;
}

void TrafficJudge::judge_again(const dissect::RpcContext& context, const dissect::RpcCall& call,
                               Judgement& told) {
  constexpr std::uint64_t kTakeBack = ~std::uint64_t{0};
  ServerTable& servers = tally_.servers;
  const std::uint32_t place = servers.place_of(context.server.address);
  tally_.forget_verdict(told.policy, told.verdict);
  servers.note(place, told.policy, told.verdict, kTakeBack);
  told.verdict.mapper_filters.reset();
  told.verdict.decided_at_mapper = false;
  evaluate::combine_controls(told.verdict);
  told.verdict = by_->calls.judge_in_doubt(context, call, told);
  if (lookups_) by_->endpoints.add_to(told, context, call);
  tally_.note_verdict(told.policy, told.verdict);
  servers.note(place, told.policy, told.verdict, 1);
}

void TrafficJudge::finish() {
  by_->servers.settle(
      [this](std::uint32_t slot) -> ServerCounter::Sum& { return contexts_[slot].sum; });
}

void TrafficJudge::judge_unwritten(const dissect::RpcContext& context, dissect::Doubts doubts) {
  dissect::RpcCall call;
  call.doubts = doubts;
  Judgement told;
  told.policy = by_->all.find(context.server.address);
  if (told.policy == evaluate::kNoPolicy) return;  // no longer
  told.verdict = by_->calls.judge_in_doubt(context, call, told);
  if (lookups_) by_->endpoints.add_to(told, context, call);
  if (told.verdict.action == evaluate::VerdictAction::undecidable) tally_.note_unwritten_doubt();
}

void TrafficJudge::follow_lookup(const dissect::RpcContext& context, const dissect::RpcCall& call,
                                 const Judgement& judgement) {
  const evaluate::Verdict& verdict = judgement.verdict;
  const dissect::EndpointQuestion& question = *call.question;
  constexpr std::uint16_t kMap = 3;  // ept_map, C706 appendix O
  const bool is_map = call.opnum == kMap;
  if (!verdict.mapper_filters) return;
  if (question.interface &&
      verdict.mapper_filters->action == evaluate::VerdictAction::would_block) {
    lookups_->note_hidden(
        context, is_map ? dissect::EndpointSource::mapped : dissect::EndpointSource::listed,
        *question.interface, judgement.policy, verdict.mapper_filters->filter);
  }
  if (!question.names_no_interface || is_map) return;
  lookups_->note_listing(context, by_->endpoints.listing(judgement.policy, context, call));
}

std::optional<ConnectionEvent> TrafficJudge::judge_opening(const dissect::TcpOpening& opening) {
  const std::uint32_t server = by_->all.find(opening.server.address);
  if (server == evaluate::kNoPolicy || !by_->all.policy(server).host.is_windows.value_or(true)) {
    return std::nullopt;
  }
  std::optional<ConnectionEvent> event =
      audit::judge_opening(by_->all.compiled(server).controls(), opening);
  if (!event) return std::nullopt;
  event->policy = server;
  ++tally_.connections[static_cast<std::size_t>(action_of(*event))];
  return event;
}

void TrafficJudge::note_opening_answer(const dissect::TcpOpening& opening) {
  if (opening.answer == dissect::OpeningAnswer::unknown) return;
  const std::uint32_t server = by_->all.find(opening.server.address);
  if (server != evaluate::kNoPolicy) {
    monitor_.note_opening(by_->all.compiled(server).controls(), opening);
  }
  const std::uint32_t client = by_->all.find(opening.client.address);
  if (client != evaluate::kNoPolicy) {
    monitor_.note_outgoing(by_->all.compiled(client).controls(), opening);
  }
}

void TrafficJudge::note_endpoint(const dissect::EndpointEntry& entry) {
  monitor_.note_endpoint(entry);
  if (lookups_) lookups_->note_answer(entry);
}

}  // namespace rpcaudit::audit
