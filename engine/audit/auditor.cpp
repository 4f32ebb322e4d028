#include "engine/audit/auditor.h"

#include "engine/audit/event/evidence.h"

namespace rpcaudit::audit {
namespace {

void fill(const dissect::RpcContext& context, ContextInfo& info) {
  static_cast<dissect::ContextFactsOnWire&>(info) = context;
  info.catalogue.reset();
  if (context.abstract_syntax) info.catalogue = find_interface(context.abstract_syntax->uuid);
  info.pipe.assign(context.pipe);
  info.guest = context.smb && context.smb->guest;
}

void fill(const dissect::RpcContext& context, const dissect::RpcCall& call, CallEvent& event) {
  static_cast<dissect::CallFactsOnWire&>(event) = call;
  event.has_interface = carries_interface(context);
  event.provisional = context.origin == dissect::ContextOrigin::proposed &&
                      context.result == dissect::ContextResult::unanswered;
}

}  // namespace

Auditor::Auditor(const dissect::Limits& limits, const AuditOptions& options, EventSink& sink)
    : options_(options),
      sink_(sink),
      queue_(options.records_waiting_max),
      open_(limits.context_slots()),
      kept_(limits.context_slots() + options.records_waiting_max),
      events_of_calls_(limits.call_slots()),
      events_of_openings_(limits.tcp_openings),
      identities_(limits.context_slots() + options.records_waiting_max) {
  if (options.policies == nullptr) return;
  judge_.emplace(*options.policies, limits.context_slots());
  tally_.prepare(*options.policies);
  endpoint_judge_.emplace(*options.policies);
  if (endpoint_judge_->has_filters()) {
    chain_.emplace(limits, *endpoint_judge_, tally_.consequences);
  }
}

std::uint32_t Auditor::add_event(dissect::Position position) {
  if (queue_.full()) give_up_head();
  return queue_.add(position);
}

std::uint32_t Auditor::keep_identity(OpenContext& open, const dissect::SecurityIdentity& identity) {
  const std::uint32_t handle = identities_.keep(identity, open.identity);
  if (handle != open.identity) {
    identities_.release(open.identity);
    open.identity = identities_.share(handle);
  }
  return handle;
}

void Auditor::on_context(const dissect::RpcContext& context) {
  if (chain_) chain_->note_context(context);
  OpenContext& open = open_[context.key.slot];
  open.kept = kept_.take();
  KeptContext& kept = kept_[open.kept];
  kept.references = 1;
  kept.key_slot = context.key.slot;
  kept.info.slot = open.kept;
  ++kept.info.generation;
  fill(context, kept.info);
  kept.info.announced = {};
  if (!context.abstract_syntax) kept.info.announced = announced_.find(context);
  if (context.origin != dissect::ContextOrigin::proposed) return;

  ++tally_.contexts;
  if (judge_) monitor_.note_context(context);
  // Also where contexts are not written: it holds back calls until the result is known.
  open.unresolved = add_event({context.frame.sequence, context.ordinal});
  PendingEvent& event = queue_[open.unresolved];
  event.written = options_.write_all;
  event.context = open.kept;
  event.identity = keep_identity(open, context.identity);
  ++kept.references;
}

void Auditor::on_context_result(const dissect::RpcContext& context) {
  OpenContext& open = open_[context.key.slot];
  // The rest is of the proposal, which may have come over another connection of the SMB session.
  static_cast<dissect::ContextAnswerOnWire&>(kept_[open.kept].info) = context;
  if (open.unresolved == kNothing) return;
  PendingEvent& event = queue_[open.unresolved];
  event.resolved = true;
  const std::uint32_t earlier = event.identity;
  event.identity = keep_identity(open, context.identity);
  identities_.release(earlier);
  open.unresolved = kNothing;
  if (judge_ && context.refusal != dissect::Refusal::none) note_refusal(context, event);
}

void Auditor::note_refusal(const dissect::RpcContext& context, PendingEvent& event) {
  if (!options_.mark_findings) return;
  const std::optional<RefusedContext> refused = judge_->judge_refused(context);
  if (!refused) return;
  // Most refusals say of themselves that they are something else.
  const ContextInfo& info = kept_[event.context].info;
  if (evidence_of(info, *refused).enforced != Enforced::consistent) return;
  ++tally_.refused_contexts;
  event.what = *refused;
  event.written = true;
}

void Auditor::on_context_closed(dissect::ContextKey key) {
  OpenContext& open = open_[key.slot];
  if (open.unresolved != kNothing) queue_[open.unresolved].resolved = true;
  identities_.release(open.identity);
  release_context(open.kept);
  open = {};
}

void Auditor::on_call(const dissect::RpcContext& context, const dissect::RpcCall& call) {
  ++tally_.calls;
  std::optional<Judgement> judgement;
  bool is_finding = false;
  bool is_logged = false;  // what audit=enable asks for, where it changes nothing
  if (judge_) judgement = judge(context, call);
  if (judgement) {
    monitor_.note_call(options_.policies->compiled(judgement->policy).controls(), context, call,
                       judgement->verdict);
    tally_.note_verdict(judgement->policy, judgement->verdict);
    is_finding = judgement->verdict.action != evaluate::VerdictAction::would_permit;
    is_logged = judgement->verdict.event_5712.keywords != evaluate::AuditKeywords::none;
  } else if (judge_) {
    ++(judge_->is_other_system() ? tally_.other_system : tally_.without_policy);
  }
  if (options_.write_all || is_finding || is_logged) {
    queue_call(context, call, judgement, is_finding && options_.mark_findings);
  }
}

std::optional<Judgement> Auditor::judge(const dissect::RpcContext& context,
                                        const dissect::RpcCall& call) {
  std::optional<Judgement> judgement = judge_->judge(context, call);
  if (!chain_) return judgement;
  chain_->note_call(context);
  if (!judgement || !call.question) return judgement;
  endpoint_judge_->add_to(*judgement, context, call);
  follow_lookup(context, call, *judgement);
  return judgement;
}

void Auditor::follow_lookup(const dissect::RpcContext& context, const dissect::RpcCall& call,
                            const Judgement& judgement) {
  const evaluate::Verdict& verdict = judgement.verdict;
  const dissect::EndpointQuestion& question = *call.question;
  constexpr std::uint16_t kMap = 3;  // ept_map, C706 appendix O
  const bool is_map = call.opnum == kMap;
  if (!verdict.mapper_filters) return;
  if (question.interface &&
      verdict.mapper_filters->action == evaluate::VerdictAction::would_block) {
    chain_->note_hidden(context,
                        is_map ? dissect::EndpointSource::mapped : dissect::EndpointSource::listed,
                        *question.interface, judgement.policy, verdict.mapper_filters->filter);
  }
  if (!question.names_no_interface || is_map) return;
  chain_->note_listing(context, endpoint_judge_->listing(judgement.policy, context, call));
}

void Auditor::on_endpoint(const dissect::EndpointEntry& entry) {
  announced_.note(entry);
  tally_.announcements_forgotten = announced_.overflow();
  if (judge_) monitor_.note_endpoint(entry);
  if (chain_) chain_->note_answer(entry);
}

void Auditor::queue_call(const dissect::RpcContext& context, const dissect::RpcCall& call,
                         const std::optional<Judgement>& judgement, bool reported) {
  const std::uint32_t slot = add_event({call.frame.sequence, call.ordinal});
  OpenContext& open = open_[context.key.slot];
  PendingEvent& event = queue_[slot];
  event.context = open.kept;
  ++kept_[open.kept].references;
  event.identity = keep_identity(open, call.identity);
  event.call_slot = call.key.slot;
  events_of_calls_[call.key.slot] = slot + 1;

  CallEvent& record = event.what.emplace<CallEvent>();
  fill(context, call, record);
  if (judgement) {
    record.verdict = judgement->verdict;
    record.policy = judgement->policy;
  }
  record.reported = reported;
}

void Auditor::on_outcome(const dissect::RpcOutcome& outcome) {
  ++tally_.outcomes[static_cast<std::size_t>(outcome.outcome)];
  std::uint32_t& slot = events_of_calls_[outcome.call.slot];
  if (slot == 0) return;
  PendingEvent& event = queue_[slot - 1];
  slot = 0;
  event.call_slot = kNothing;
  event.resolved = true;
  CallEvent& record = std::get<CallEvent>(event.what);
  record.outcome = outcome.outcome;
  record.status = outcome.status;
  record.answer = outcome.frame;
}

void Auditor::on_blindness(const dissect::Blindness& blindness) {
  tally_.note_blindness(blindness);
  if (!options_.write_blindness) return;
  PendingEvent& event = queue_[add_event({blindness.frame.sequence, blindness.ordinal})];
  event.resolved = true;
  event.what = blindness;
}

void Auditor::on_opening(const dissect::TcpOpening& opening) {
  if (!options_.mark_findings) return;
  const evaluate::ServerPolicies& policies = *options_.policies;
  const std::uint32_t server = policies.find(opening.server.address);
  if (server == evaluate::kNoPolicy || !policies.policy(server).host.is_windows.value_or(true))
    return;
  std::optional<ConnectionEvent> event =
      judge_opening(policies.compiled(server).controls(), opening);
  if (!event) return;
  const evaluate::VerdictAction action = action_of(*event);
  ++tally_.connections[static_cast<std::size_t>(action)];
  if (action == evaluate::VerdictAction::would_permit && !options_.write_all) return;
  event->policy = server;
  const std::uint32_t slot = add_event({opening.frame.sequence, 0});
  queue_[slot].what = *event;
  events_of_openings_[opening.slot] = slot + 1;
}

void Auditor::on_opening_answer(const dissect::TcpOpening& opening) {
  if (!judge_) return;
  if (std::uint32_t& slot = events_of_openings_[opening.slot]; slot != 0) {
    PendingEvent& event = queue_[slot - 1];
    slot = 0;
    event.resolved = true;
    ConnectionEvent& connection = std::get<ConnectionEvent>(event.what);
    connection.answer = opening.answer;
    connection.repeated = opening.repeated;
    // Of a connection that came about the calls tell.
    event.written = options_.write_all || opening.answer != dissect::OpeningAnswer::accepted;
  }
  if (opening.answer == dissect::OpeningAnswer::unknown) return;
  const evaluate::ServerPolicies& policies = *options_.policies;
  const std::uint32_t server = policies.find(opening.server.address);
  if (server != evaluate::kNoPolicy)
    monitor_.note_opening(policies.compiled(server).controls(), opening);
  const std::uint32_t client = policies.find(opening.client.address);
  if (client != evaluate::kNoPolicy)
    monitor_.note_outgoing(policies.compiled(client).controls(), opening);
}

void Auditor::on_closing(const dissect::TcpClosing& closing) {
  if (judge_) monitor_.note_closing(closing);
}

void Auditor::on_watermark(std::uint64_t sequence) {
  watermark_ = sequence;
  while (!queue_.empty()) {
    const PendingEvent& event = queue_[queue_.head()];
    if (!event.resolved || event.position.sequence >= watermark_) return;
    look_ahead();
    write_head();
  }
}

// Records wait for thousands of frames, and are cold when their time comes.
void Auditor::look_ahead() noexcept {
  const std::uint32_t later = queue_.after_head(6);
  if (later != kNothing) queue_.prefetch(later);
  const std::uint32_t next = queue_.after_head(3);
  if (next == kNothing) return;
  const std::uint32_t context = queue_[next].context;
  if (context == kNothing) return;
  kept_.prefetch(context);
  sink_.on_approach(context);
}

void Auditor::give_up_before(std::uint64_t sequence) {
  while (!queue_.empty() && queue_[queue_.head()].position.sequence < sequence) give_up_head();
}

// The oldest record is written as it is: its outcome, if any comes, is not waited for.
void Auditor::give_up_head() {
  const PendingEvent& event = queue_[queue_.head()];
  if (!event.resolved) ++tally_.records_given_up;
  if (event.call_slot != kNothing) events_of_calls_[event.call_slot] = 0;
  const auto* const connection = std::get_if<ConnectionEvent>(&event.what);
  if (connection != nullptr && !event.resolved) events_of_openings_[connection->slot] = 0;
  if (event.context != kNothing) {
    OpenContext& open = open_[kept_[event.context].key_slot];
    if (open.unresolved == queue_.head()) open.unresolved = kNothing;
  }
  write_head();
}

void Auditor::write_head() {
  const PendingEvent& event = queue_[queue_.head()];
  const IdentityText identity = identities_.text(event.identity);
  if (const auto* call = std::get_if<CallEvent>(&event.what)) {
    const ContextInfo& context = kept_[event.context].info;
    sink_.on_call(context, *call, identity);
    if (call->verdict && call->verdict->action != evaluate::VerdictAction::would_permit) {
      tally_.note_finding(context, *call, identity);
    }
  } else if (const auto* blindness = std::get_if<dissect::Blindness>(&event.what)) {
    sink_.on_blindness(*blindness);
  } else if (const auto* connection = std::get_if<ConnectionEvent>(&event.what)) {
    if (event.written) sink_.on_connection(*connection);
  } else if (const auto* refused = std::get_if<RefusedContext>(&event.what)) {
    sink_.on_refused_context(kept_[event.context].info, *refused, identity);
  } else if (event.written) {
    sink_.on_context(kept_[event.context].info, identity);
  }
  identities_.release(event.identity);
  if (event.context != kNothing) release_context(event.context);
  queue_.pop_head();
}

void Auditor::release_context(std::uint32_t kept) {
  if (--kept_[kept].references == 0) kept_.release(kept);
}

}  // namespace rpcaudit::audit
