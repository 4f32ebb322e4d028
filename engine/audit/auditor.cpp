#include "engine/audit/auditor.h"

#include <utility>

#include "engine/audit/event/evidence.h"

namespace rpcaudit::audit {
namespace {

// How many records wait for each closed context, at least, before some are given up.
constexpr std::size_t kRecordsOfContext = 4;

void fill(const dissect::RpcContext& context, ContextInfo& info) {
  static_cast<dissect::ContextFactsOnWire&>(info) = context;
  info.catalogue.reset();
  if (context.abstract_syntax) info.catalogue = find_interface(context.abstract_syntax->uuid);
  info.pipe.assign(context.pipe);
  info.guest = context.smb && context.smb->guest;
  info.logon_unseen = dissect::transport_of(context.protocol).is_pipe && !context.smb;
}

void fill(const dissect::RpcContext& context, const dissect::RpcCall& call, CallEvent& event) {
  static_cast<dissect::CallFactsOnWire&>(event) = call;
  event.has_interface = carries_interface(context);
  event.provisional = context.origin == dissect::ContextOrigin::proposed &&
                      context.result == dissect::ContextResult::unanswered;
}

// The context and the call as they were told, as far as their records keep them.
dissect::RpcContext told_context(const ContextInfo& info) {
  dissect::RpcContext context;
  static_cast<dissect::ContextFactsOnWire&>(context) = info;
  context.pipe = info.pipe;
  return context;
}

dissect::RpcCall told_call(const CallEvent& event, const IdentityText& identity) {
  dissect::RpcCall call;
  static_cast<dissect::CallFactsOnWire&>(call) = event;
  call.identity.user = identity.user;
  call.identity.domain = identity.domain;
  call.identity.null_session = identity.null_session;
  return call;
}

}  // namespace

dissect::SlotBytes Auditor::bytes_of_slots() noexcept {
  constexpr std::size_t kPipeName = 160;
  return {.context = sizeof(OpenContext) + sizeof(RetainedContext) + kPipeName +
                     IdentityStore::entry_bytes() + TrafficJudge::bytes_of_context(),
          .call = sizeof(OpenCall),
          .opening = sizeof(OpenConnection)};
}

std::size_t Auditor::bytes_of_record() noexcept {
  return PendingQueue::entry_bytes() + IdentityStore::entry_bytes() +
         sizeof(RetainedContext) / kRecordsOfContext;
}

Auditor::Auditor(const dissect::Limits& limits, const AuditOptions& options, EventSink& sink)
    : options_(options),
      sink_(sink),
      queue_(options.records_waiting_max),
      open_(limits.context_slots()),
      retained_(limits.context_slots() + 1 + options.records_waiting_max / kRecordsOfContext),
      open_calls_(limits.call_slots()),
      open_connections_(limits.tcp_openings),
      identities_(limits.context_slots() + options.records_waiting_max) {
  if (options.policies != nullptr) judge_.emplace(limits, *options.policies, tally_);
}

std::uint32_t Auditor::take_retained() {
  while (retained_.full()) give_up_head();
  return retained_.take();
}

std::uint32_t Auditor::add_event(dissect::Position position) {
  if (queue_.full()) give_up_head();
  return queue_.add(position);
}

std::uint32_t Auditor::intern_identity(OpenContext& open,
                                       const dissect::SecurityIdentity& identity) {
  const std::uint32_t handle = identities_.intern(identity, open.identity);
  tally_.identities_forgotten = identities_.dropped();
  if (handle != open.identity) {
    identities_.release(open.identity);
    open.identity = identities_.add_reference(handle);
  }
  return handle;
}

void Auditor::on_context(const dissect::RpcContext& context) {
  if (judge_) judge_->note_context(context);
  OpenContext& open = open_[context.key.slot];
  open.retained = take_retained();
  RetainedContext& retained = retained_[open.retained];
  retained.references = 1;
  retained.open_slot = context.key.slot;
  retained.info.slot = open.retained;
  ++retained.info.generation;
  retained.info.revision = 0;
  fill(context, retained.info);
  retained.info.announced = {};
  if (!context.abstract_syntax) retained.info.announced = announced_.find(context);
  if (context.origin != dissect::ContextOrigin::proposed) return;

  ++tally_.contexts;
  // Also where contexts are not written: it holds back calls until the result is known.
  open.awaiting_result = add_event({context.frame.sequence, context.ordinal});
  PendingEvent& event = queue_[open.awaiting_result];
  event.is_output = options_.write_all;
  event.context = open.retained;
  event.identity = intern_identity(open, context.identity);
  ++retained.references;
}

void Auditor::on_context_result(const dissect::RpcContext& context) {
  OpenContext& open = open_[context.key.slot];
  // The rest is of the proposal, which may have come over another connection of the SMB session.
  ContextInfo& info = retained_[open.retained].info;
  static_cast<dissect::ContextAnswerOnWire&>(info) = context;
  ++info.revision;
  if (open.awaiting_result == kNoSlot) return;
  PendingEvent& event = queue_[open.awaiting_result];
  event.resolved = true;
  const std::uint32_t earlier = event.identity;
  event.identity = intern_identity(open, context.identity);
  identities_.release(earlier);
  open.awaiting_result = kNoSlot;
  if (judge_ && context.refusal != dissect::Refusal::none) note_refusal(context, event);
}

void Auditor::note_refusal(const dissect::RpcContext& context, PendingEvent& event) {
  if (!options_.mark_findings) return;
  const std::optional<RefusedContext> refused = judge_->judge_refused(context);
  if (!refused) return;
  // Most refusals say of themselves that they are something else.
  const ContextInfo& info = retained_[event.context].info;
  if (evidence_of(info, *refused).enforced != Enforced::consistent) return;
  ++tally_.refused_contexts;
  event.what = *refused;
  event.is_output = true;
}

void Auditor::on_context_closed(dissect::ContextKey key) {
  OpenContext& open = open_[key.slot];
  if (open.awaiting_result != kNoSlot) queue_[open.awaiting_result].resolved = true;
  identities_.release(open.identity);
  release_context(open.retained);
  open = {};
}

void Auditor::on_call(const dissect::RpcContext& context, const dissect::RpcCall& call) {
  ++tally_.calls;
  if (call.doubts.any()) ++tally_.in_doubt;
  std::optional<Judgement> judgement;
  if (judge_) judgement = judge_->judge(context, call);
  bool is_output = options_.write_all;
  if (judgement) {
    const evaluate::Verdict& verdict = judgement->verdict;
    is_output = is_output || verdict.action != evaluate::VerdictAction::would_permit ||
                verdict.event_5712.keywords != evaluate::AuditKeywords::none ||
                tally_.is_finding(judgement->policy, verdict);
  }
  if (!judgement && !is_output) return;
  OpenCall open;
  if (judgement) open.context = context.key.slot;
  if (is_output) open.event = queue_call(context, call, judgement);
  open_calls_[call.key.slot] = open;
}

std::uint32_t Auditor::queue_call(const dissect::RpcContext& context, const dissect::RpcCall& call,
                                  const std::optional<Judgement>& judgement) {
  const std::uint32_t slot = add_event({call.frame.sequence, call.ordinal});
  OpenContext& open = open_[context.key.slot];
  PendingEvent& event = queue_[slot];
  event.context = open.retained;
  ++retained_[open.retained].references;
  event.identity = intern_identity(open, call.identity);
  event.call_slot = call.key.slot;

  CallEvent& record = event.what.emplace<CallEvent>();
  fill(context, call, record);
  if (judgement) {
    record.verdict = judgement->verdict;
    record.policy = judgement->policy;
    record.reported = is_reported(judgement->verdict);
  }
  return slot;
}

void Auditor::on_outcome(const dissect::RpcOutcome& outcome) {
  ++tally_.outcomes[static_cast<std::size_t>(outcome.outcome)];
  const std::uint32_t slot = std::exchange(open_calls_[outcome.call.slot], {}).event;
  if (slot == kNoSlot) return;
  PendingEvent& event = queue_[slot];
  event.call_slot = kNoSlot;
  event.resolved = true;
  CallEvent& record = std::get<CallEvent>(event.what);
  record.outcome = outcome.outcome;
  record.status = outcome.status;
  record.answer = outcome.frame;
}

void Auditor::on_doubt(dissect::CallKey call, dissect::Doubts doubts) {
  const OpenCall& open = open_calls_[call.slot];
  if (open.event == kNoSlot) {
    if (open.context == kNoSlot) return;
    const ContextInfo& info = retained_[open_[open.context].retained].info;
    return judge_->judge_unwritten(told_context(info), doubts);
  }
  PendingEvent& event = queue_[open.event];
  CallEvent& record = std::get<CallEvent>(event.what);
  if (!record.doubts.any()) ++tally_.in_doubt;
  record.doubts.add(doubts);
  if (!record.verdict) return;
  Judgement judgement{record.policy, *record.verdict};
  judge_->judge_again(told_context(retained_[event.context].info),
                      told_call(record, identities_.text(event.identity)), judgement);
  record.verdict = judgement.verdict;
  record.reported = is_reported(judgement.verdict);
}

void Auditor::on_endpoint(const dissect::EndpointEntry& entry) {
  announced_.note(entry);
  tally_.announcements_forgotten = announced_.overflow();
  if (judge_) judge_->note_endpoint(entry);
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
  const std::optional<ConnectionEvent> event = judge_->judge_opening(opening);
  if (!event) return;
  if (action_of(*event) == evaluate::VerdictAction::would_permit && !options_.write_all) return;
  const std::uint32_t slot = add_event({opening.frame.sequence, 0});
  queue_[slot].what = *event;
  open_connections_[opening.slot].event = slot;
}

void Auditor::on_opening_answer(const dissect::TcpOpening& opening) {
  if (!judge_) return;
  const std::uint32_t slot = std::exchange(open_connections_[opening.slot], {}).event;
  if (slot != kNoSlot) {
    PendingEvent& event = queue_[slot];
    event.resolved = true;
    ConnectionEvent& connection = std::get<ConnectionEvent>(event.what);
    connection.answer = opening.answer;
    connection.repeated = opening.repeated;
    // Of a connection that came about the calls tell.
    event.is_output = options_.write_all || opening.answer != dissect::OpeningAnswer::accepted;
  }
  judge_->note_opening_answer(opening);
}

void Auditor::on_closing(const dissect::TcpClosing& closing) {
  if (judge_) judge_->note_closing(closing);
}

void Auditor::on_watermark(std::uint64_t sequence) {
  watermark_ = sequence;
  if (sequence == dissect::kAllFrames && judge_) judge_->finish();
  while (!queue_.empty()) {
    const PendingEvent& event = queue_[queue_.head()];
    if (!event.resolved || !dissect::is_settled(event.position, watermark_)) return;
    look_ahead();
    write_head();
  }
}

// Records wait for thousands of frames, and are cold when their time comes.
void Auditor::look_ahead() noexcept {
  const std::uint32_t later = queue_.after_head(6);
  if (later != kNoSlot) queue_.prefetch(later);
  const std::uint32_t next = queue_.after_head(3);
  if (next == kNoSlot) return;
  const std::uint32_t context = queue_[next].context;
  if (context == kNoSlot) return;
  retained_.prefetch(context);
  sink_.on_approach(context);
}

void Auditor::take_over(const evaluate::ServerPolicies& policies) {
  options_.policies = &policies;
  judge_->take_over(policies);
}

void Auditor::give_up_before(std::uint64_t sequence) {
  while (!queue_.empty() && queue_[queue_.head()].position.sequence < sequence) give_up_head();
}

// The oldest record is written as it is: its outcome, if any comes, is not waited for.
void Auditor::give_up_head() {
  const PendingEvent& event = queue_[queue_.head()];
  if (!event.resolved) ++tally_.records_given_up;
  if (event.call_slot != kNoSlot) open_calls_[event.call_slot] = {};
  const auto* const connection = std::get_if<ConnectionEvent>(&event.what);
  if (connection != nullptr && !event.resolved) open_connections_[connection->slot] = {};
  if (event.context != kNoSlot) {
    OpenContext& open = open_[retained_[event.context].open_slot];
    if (open.awaiting_result == queue_.head()) open.awaiting_result = kNoSlot;
  }
  write_head();
}

void Auditor::write_head() {
  const PendingEvent& event = queue_[queue_.head()];
  const IdentityText identity = identities_.text(event.identity);
  if (const auto* call = std::get_if<CallEvent>(&event.what)) {
    const ContextInfo& context = retained_[event.context].info;
    sink_.on_call(context, *call, identity);
    if (call->verdict && tally_.is_finding(call->policy, *call->verdict)) {
      tally_.note_finding(context, *call, identity);
    }
  } else if (const auto* blindness = std::get_if<dissect::Blindness>(&event.what)) {
    sink_.on_blindness(*blindness);
  } else if (const auto* connection = std::get_if<ConnectionEvent>(&event.what)) {
    if (event.is_output) sink_.on_connection(*connection);
  } else if (const auto* refused = std::get_if<RefusedContext>(&event.what)) {
    sink_.on_refused_context(retained_[event.context].info, *refused, identity);
  } else if (event.is_output) {
    sink_.on_context(retained_[event.context].info, identity);
  }
  identities_.release(event.identity);
  if (event.context != kNoSlot) release_context(event.context);
  queue_.pop_head();
}

void Auditor::release_context(std::uint32_t retained) {
  if (--retained_[retained].references == 0) retained_.release(retained);
}

}  // namespace rpcaudit::audit
