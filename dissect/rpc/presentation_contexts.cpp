#include "dissect/rpc/presentation_contexts.h"

namespace rpcaudit::dissect {
namespace {

ContextResult result_of(std::uint16_t result) noexcept {
  if (result == kResultAcceptance) return ContextResult::accepted;
  return result == kResultNegotiateAck ? ContextResult::negotiated : ContextResult::rejected;
}

// Records of one frame are ordered by PDU, then by item: a bind has at most 255.
std::uint32_t ordinal_of(const Pdu& pdu, std::uint32_t item) noexcept {
  return pdu.index << 8 | item;
}

}  // namespace

PresentationContexts::PresentationContexts(const Limits& limits, RpcObserver& observer,
                                           DissectStatistics& statistics)
    : limits_(limits), observer_(observer), statistics_(statistics), contexts_(limits.contexts) {}

Slot<ContextRecord> PresentationContexts::propose(ContextList& list, const Association& association,
                                                  const Proposal& proposal,
                                                  BindReader& reader) noexcept {
  Slot<ContextRecord> first;
  Slot<ContextRecord>* link = &first;
  std::uint32_t item_index = 0;
  for (BindItem item; reader.next(item); ++item_index) {
    const Slot<ContextRecord> slot = add(list);
    if (!slot) break;
    ContextRecord& record = contexts_[slot];
    RpcContext& context = record.context;
    context.origin = ContextOrigin::proposed;
    context.frame = proposal.pdu.frame;
    context.ordinal = ordinal_of(proposal.pdu, item_index);
    association.describe(context);
    context.call_id = proposal.pdu.header.call_id;
    context.context_id = item.context_id;
    context.abstract_syntax = item.abstract_syntax;
    if (item.transfer_count != 0) context.transfer_syntax = item.transfer_syntax;
    context.auth = proposal.auth;
    context.identity = proposal.identity;
    *link = slot;
    link = &record.next_in_proposal;
    observer_.on_context(context);
  }
  return first;
}

bool PresentationContexts::answer(ContextList& list, const Association& association,
                                  Slot<ContextRecord> first, const SecurityIdentity& identity,
                                  BindAckReader& reader) noexcept {
  bool any_accepted = false;
  BindResult answer;
  for (Slot<ContextRecord> at = first; at && reader.next(answer);) {
    ContextRecord& record = contexts_[at];
    RpcContext& context = record.context;
    context.result = result_of(answer.result);
    context.reason = answer.reason;
    if (context.result == ContextResult::rejected) context.refusal = Refusal::item;
    if (context.result == ContextResult::accepted) {
      context.transfer_syntax = answer.transfer_syntax;
    }
    at = record.next_in_proposal;
    resolve(list, association, record, identity);
    if (context.result != ContextResult::accepted) continue;
    any_accepted = true;
    supersede(list, record);
  }
  return any_accepted;
}

void PresentationContexts::refuse(ContextList& list, const Association& association,
                                  Slot<ContextRecord> first, const SecurityIdentity& identity,
                                  std::uint16_t reason) noexcept {
  for (Slot<ContextRecord> at = first; at; at = contexts_[at].next_in_proposal) {
    ContextRecord& record = contexts_[at];
    record.context.result = ContextResult::rejected;
    record.context.reason = reason;
    record.context.refusal = Refusal::bind;
    resolve(list, association, record, identity);
  }
}

void PresentationContexts::note_fault(Slot<ContextRecord> first, std::uint32_t status) noexcept {
  for (Slot<ContextRecord> at = first; at; at = contexts_[at].next_in_proposal) {
    contexts_[at].context.refusal = Refusal::fault;
    contexts_[at].context.refusal_status = status;
  }
}

void PresentationContexts::end(ContextList& list, const Association& association,
                               Slot<ContextRecord> first,
                               const SecurityIdentity& identity) noexcept {
  while (first) {
    ContextRecord& record = contexts_[first];
    first = std::exchange(record.next_in_proposal, {});
    if (!record.resolved) resolve(list, association, record, identity);
  }
}

void PresentationContexts::resolve(ContextList& list, const Association& association,
                                   ContextRecord& record,
                                   const SecurityIdentity& identity) noexcept {
  record.resolved = true;
  list.recent = {};  // a result changes what ids mean
  association.describe(record.context);
  record.context.identity = identity;
  observer_.on_context_result(record.context);
}

// An accepted id means the newly accepted interface from here on.
void PresentationContexts::supersede(ContextList& list, const ContextRecord& accepted) noexcept {
  const std::uint16_t id = accepted.context.context_id;
  for (Slot<ContextRecord> at = accepted.older; at;) {
    ContextRecord& record = contexts_[at];
    const Slot<ContextRecord> older = record.older;
    if (record.context.context_id == id && record.resolved) {
      record.superseded = true;
      if (record.open_calls == 0) close(list, at);
    }
    at = older;
  }
}

Slot<ContextRecord> PresentationContexts::add(ContextList& list) noexcept {
  if (list.count >= limits_.contexts_per_connection) {
    Slot<ContextRecord> oldest;
    for (Slot<ContextRecord> at = list.newest; at; at = contexts_[at].older) {
      if (contexts_[at].resolved && contexts_[at].open_calls == 0) oldest = at;
    }
    ++statistics_.contexts_evicted;
    if (!oldest) return {};
    close(list, oldest);
  }
  const Slot<ContextRecord> slot = contexts_.take();
  if (!slot) {
    ++statistics_.contexts_evicted;
    return {};
  }
  ContextRecord& record = contexts_[slot];
  const std::uint32_t generation = record.generation + 1;
  record = ContextRecord{};
  record.generation = generation;
  record.context.key = {slot, generation};
  record.older = list.newest;
  list.newest = slot;
  list.recent = {};
  ++list.count;
  ++statistics_.contexts;
  return slot;
}

// The newest of the id, but for a proposal without a positive answer over an accepted one that says
// the same or was not replaced.
Slot<ContextRecord> PresentationContexts::search(const ContextList& list,
                                                 std::uint16_t context_id) const noexcept {
  Slot<ContextRecord> newest;
  for (Slot<ContextRecord> at = list.newest; at; at = contexts_[at].older) {
    const ContextRecord& record = contexts_[at];
    if (record.context.context_id != context_id) continue;
    if (!newest) newest = at;
    if (record.context.result != ContextResult::accepted) continue;
    const ContextRecord& newer = contexts_[newest];
    const bool open = !newer.resolved;
    const bool same = newer.context.abstract_syntax == record.context.abstract_syntax;
    return open && !same ? newest : at;
  }
  return newest;
}

Slot<ContextRecord> PresentationContexts::imply(ContextList& list, const Association& association,
                                                const Pdu& pdu, std::uint16_t context_id) noexcept {
  const Slot<ContextRecord> slot = add(list);
  if (!slot) return {};
  ContextRecord& record = contexts_[slot];
  record.resolved = true;  // there is no result to wait for
  record.context.origin = ContextOrigin::implied;
  record.context.frame = pdu.frame;
  record.context.ordinal = ordinal_of(pdu, 0);
  association.describe(record.context);
  record.context.context_id = context_id;
  observer_.on_context(record.context);
  return slot;
}

void PresentationContexts::remove_call(ContextList& list, Slot<ContextRecord> slot) noexcept {
  ContextRecord& record = contexts_[slot];
  --record.open_calls;
  if (record.open_calls == 0 && record.superseded) close(list, slot);
}

void PresentationContexts::close_all(ContextList& list) noexcept {
  while (list.newest) close(list, list.newest);
}

// Only what is resolved is closed, so there is no result left to tell.
void PresentationContexts::close(ContextList& list, Slot<ContextRecord> slot) noexcept {
  ContextRecord& record = contexts_[slot];
  Slot<ContextRecord>* link = &list.newest;
  while (*link != slot) link = &contexts_[*link].older;
  *link = record.older;
  list.recent = {};
  --list.count;
  observer_.on_context_closed(record.context.key);
  contexts_.release(slot);
}

}  // namespace rpcaudit::dissect
