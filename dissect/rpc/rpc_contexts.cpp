// The part of RpcSessions that follows presentation contexts: proposed by bind and alter_context,
// answered by position, used by context id.

#include <algorithm>

#include "dissect/rpc/rpc_bind.h"
#include "dissect/rpc/rpc_session.h"
#include "dissect/stubs/management.h"

namespace rpcaudit::dissect {
namespace {

// The body of a bind or its answer: from the common header to the trailer, as far as it is real.
Bytes bind_body(const Pdu& pdu) noexcept {
  const std::size_t end = std::min(pdu.clean, trailer_offset(pdu.header));
  return end <= kRpcHeaderSize ? Bytes{} : pdu.bytes.subspan(kRpcHeaderSize, end - kRpcHeaderSize);
}

ContextResult result_of(std::uint16_t result) noexcept {
  if (result == kResultAcceptance) return ContextResult::accepted;
  return result == kResultNegotiateAck ? ContextResult::negotiated : ContextResult::rejected;
}

}  // namespace

void RpcSessions::on_bind(Slot<RpcSession> slot, const Pdu& pdu) noexcept {
  std::optional<AuthNumbers> auth;
  const SecurityContext* security = note_security(slot, pdu, auth);
  const SecurityIdentity identity = identity_of(sessions_[slot], security);
  const std::uint32_t earlier = find_pending(slot, pdu, true);
  if (earlier != kNoSlot) end_bind(earlier);
  const std::uint32_t pending_slot = add_pending(slot, pdu, true);

  RpcSession& session = sessions_[slot];
  if (pdu.header.type == PduType::bind) session.association = pdu.frame.timestamp;
  BindReader reader(pdu.header, bind_body(pdu));
  std::uint32_t* link = &pending_[pending_slot].context;
  std::uint32_t item_index = 0;
  for (BindItem item; reader.next(item); ++item_index) {
    const std::uint32_t context_slot = add_context(slot);
    if (context_slot == kNoSlot) break;
    ContextRecord& record = contexts_[context_slot];
    RpcContext& context = record.context;
    context.origin = ContextOrigin::proposed;
    context.frame = pdu.frame;
    context.ordinal = pdu.index << 8 | item_index;
    describe_session(session, context);
    context.call_id = pdu.header.call_id;
    context.context_id = item.context_id;
    context.abstract_syntax = item.abstract_syntax;
    if (item.abstract_syntax.uuid == kEndpointMapper) session.is_of_mapper = true;
    if (item.abstract_syntax.uuid == kManagement) session.is_of_management = true;
    if (item.transfer_count != 0) context.transfer_syntax = item.transfer_syntax;
    context.auth = auth;
    context.identity = identity;
    *link = context_slot;
    link = &record.next_in_bind;
    observer_.on_context(context);
  }
  if (!reader.ok()) {
    ++statistics_.pdus_undecodable;
    tell_blindness(session, BlindnessKind::undecodable, pdu.frame, pdu.header.fragment_length, 1);
  }
}

void RpcSessions::on_bind_answer(Slot<RpcSession> slot, const Pdu& pdu) noexcept {
  std::optional<AuthNumbers> auth;
  note_security(slot, pdu, auth);
  std::uint32_t pending_slot = find_pending(slot, pdu, true);
  if (pending_slot == kNoSlot) {
    // Some peers answer under another call id: then it is for the earliest proposal still open.
    for (std::uint32_t at = sessions_[slot].pending; at != kNoSlot;
         at = pending_[at].session_next) {
      if (pending_[at].is_bind) pending_slot = at;
    }
  }
  if (pending_slot == kNoSlot) {
    ++statistics_.answers_unmatched;
    return;
  }
  if (pdu.header.type == PduType::bind_nak) {
    std::uint16_t reason = 0;
    (void)parse_bind_nak(pdu.header, bind_body(pdu), reason);
    refuse_bind(slot, pending_slot, reason);
  } else {
    apply_results(slot, pending_slot, pdu);
  }
}

void RpcSessions::apply_results(Slot<RpcSession> slot, std::uint32_t pending_slot,
                                const Pdu& pdu) noexcept {
  BindAckReader reader(pdu.header, bind_body(pdu));
  RpcSession& session = sessions_[slot];
  if (!reader.secondary_address().empty()) {  // an alter_context_response leaves it out
    session.secondary_address.slot().clear();
    session.secondary_address.slot().append_octets(reader.secondary_address());
  }
  BindResult answer;
  std::uint32_t at = pending_[pending_slot].context;
  while (at != kNoSlot && reader.next(answer)) {
    ContextRecord& record = contexts_[at];
    record.context.result = result_of(answer.result);
    record.context.reason = answer.reason;
    if (record.context.result == ContextResult::rejected) record.context.refusal = Refusal::item;
    if (record.context.result == ContextResult::accepted) {
      record.context.transfer_syntax = answer.transfer_syntax;
    }
    at = record.next_in_bind;
    tell_result(slot, record);
    if (record.context.result == ContextResult::accepted) supersede(slot, record);
  }
  if (!reader.ok()) ++statistics_.pdus_undecodable;
  end_bind(pending_slot);  // items beyond the results stay unanswered
}

void RpcSessions::refuse_bind(Slot<RpcSession> slot, std::uint32_t pending_slot,
                              std::uint16_t reason) noexcept {
  for (std::uint32_t at = pending_[pending_slot].context; at != kNoSlot;) {
    ContextRecord& record = contexts_[at];
    record.context.result = ContextResult::rejected;
    record.context.reason = reason;
    record.context.refusal = Refusal::bind;
    at = record.next_in_bind;
    tell_result(slot, record);
  }
  end_bind(pending_slot);
}

// An alter_context answered by a fault gives no results.
void RpcSessions::note_fault(std::uint32_t pending_slot, std::uint32_t status) noexcept {
  for (std::uint32_t at = pending_[pending_slot].context; at != kNoSlot;
       at = contexts_[at].next_in_bind) {
    contexts_[at].context.refusal = Refusal::fault;
    contexts_[at].context.refusal_status = status;
  }
  end_bind(pending_slot);
}

void RpcSessions::end_bind(std::uint32_t pending_slot) noexcept {
  PendingCall& pending = pending_[pending_slot];
  const std::uint32_t slot = pending.session;
  std::uint32_t at = pending.context;
  pending_.remove(pending_slot, sessions_[slot].pending);
  while (at != kNoSlot) {
    ContextRecord& record = contexts_[at];
    at = record.next_in_bind;
    record.next_in_bind = kNoSlot;
    if (!record.resolved) tell_result(slot, record);
  }
}

void RpcSessions::tell_result(Slot<RpcSession> slot, ContextRecord& record) noexcept {
  RpcSession& session = sessions_[slot];
  record.resolved = true;
  session.recent_context = kNoSlot;  // a result changes what ids mean
  describe_session(session, record.context);
  record.context.identity = session_identity(session, record.context.auth);
  observer_.on_context_result(record.context);
}

// An accepted id means the newly accepted interface from here on.
void RpcSessions::supersede(Slot<RpcSession> slot, const ContextRecord& accepted) noexcept {
  const std::uint16_t id = accepted.context.context_id;
  for (std::uint32_t at = accepted.next; at != kNoSlot;) {
    ContextRecord& record = contexts_[at];
    const std::uint32_t next = record.next;
    if (record.context.context_id == id && record.resolved) {
      record.superseded = true;
      if (record.pending == 0) close_context(slot, at);
    }
    at = next;
  }
}

std::uint32_t RpcSessions::add_context(Slot<RpcSession> slot) noexcept {
  RpcSession& session = sessions_[slot];
  if (session.context_count >= limits_.contexts_per_connection) {
    std::uint32_t oldest = kNoSlot;
    for (std::uint32_t at = session.contexts; at != kNoSlot; at = contexts_[at].next) {
      if (contexts_[at].resolved && contexts_[at].pending == 0) oldest = at;
    }
    ++statistics_.contexts_evicted;
    if (oldest == kNoSlot) return kNoSlot;
    close_context(slot, oldest);
  }
  const std::uint32_t context_slot = contexts_.take();
  if (context_slot == kNoSlot) {
    ++statistics_.contexts_evicted;
    return kNoSlot;
  }
  ContextRecord& record = contexts_[context_slot];
  const std::uint32_t generation = record.generation + 1;
  record = ContextRecord{};
  record.generation = generation;
  record.context.key = {context_slot, generation};
  record.next = session.contexts;
  session.contexts = context_slot;
  session.recent_context = kNoSlot;
  ++session.context_count;
  ++statistics_.contexts;
  return context_slot;
}

// The context that a call under this id means: the newest of that id, but for a proposal without a
// positive answer over an accepted one that says the same or was not replaced.
std::uint32_t RpcSessions::search_context(const RpcSession& session,
                                          std::uint16_t context_id) noexcept {
  std::uint32_t newest = kNoSlot;
  for (std::uint32_t at = session.contexts; at != kNoSlot; at = contexts_[at].next) {
    const ContextRecord& record = contexts_[at];
    if (record.context.context_id != context_id) continue;
    if (newest == kNoSlot) newest = at;
    if (record.context.result != ContextResult::accepted) continue;
    const ContextRecord& newer = contexts_[newest];
    const bool open = !newer.resolved;
    const bool same = newer.context.abstract_syntax == record.context.abstract_syntax;
    return open && !same ? newest : at;
  }
  return newest;
}

std::uint32_t RpcSessions::imply_context(Slot<RpcSession> slot, const Pdu& pdu,
                                         std::uint16_t context_id) noexcept {
  const std::uint32_t context_slot = add_context(slot);
  if (context_slot == kNoSlot) return kNoSlot;
  const RpcSession& session = sessions_[slot];
  ContextRecord& record = contexts_[context_slot];
  record.resolved = true;  // there is no result to wait for
  record.context.origin = ContextOrigin::implied;
  record.context.frame = pdu.frame;
  record.context.ordinal = pdu.index << 8;
  describe_session(session, record.context);
  record.context.context_id = context_id;
  observer_.on_context(record.context);
  tell_blindness(session, BlindnessKind::missed_bind, pdu.frame, 0, 1);
  return context_slot;
}

void RpcSessions::release_call(Slot<RpcSession> slot, std::uint32_t context_slot) noexcept {
  ContextRecord& record = contexts_[context_slot];
  --record.pending;
  if (record.pending == 0 && record.superseded) close_context(slot, context_slot);
}

void RpcSessions::close_context(Slot<RpcSession> slot, std::uint32_t context_slot) noexcept {
  RpcSession& session = sessions_[slot];
  ContextRecord& record = contexts_[context_slot];
  std::uint32_t* link = &session.contexts;
  while (*link != context_slot) link = &contexts_[*link].next;
  *link = record.next;
  session.recent_context = kNoSlot;
  --session.context_count;
  if (!record.resolved) tell_result(slot, record);
  observer_.on_context_closed(record.context.key);
  contexts_.release(context_slot);
}

}  // namespace rpcaudit::dissect
