#include "dissect/rpc/presentation_contexts.h"

#include <algorithm>
#include <utility>

#include "dissect/store/keyed_hash.h"

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
                                           DissectStatistics& statistics, std::uint64_t seed)
    : limits_(limits),
      observer_(observer),
      statistics_(statistics),
      contexts_(limits.contexts),
      ids_(limits.contexts) {
  SecretSequence secrets(seed);
  for (std::uint64_t& secret : secrets_) secret = secrets.next();
}

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
    name(list, slot, item.context_id);
    *link = slot;
    link = &record.next_in_proposal;
    observer_.on_context(context);
  }
  return first;
}

bool PresentationContexts::answer(ContextList& list, const Association& association,
                                  Slot<ContextRecord>& first, const SecurityIdentity& identity,
                                  BindAckReader& reader) noexcept {
  bool any_accepted = false;
  BindResult answer;
  while (first && reader.next(answer)) {
    const Slot<ContextRecord> slot = first;
    RpcContext& context = contexts_[slot].context;
    first = contexts_[slot].next_in_proposal;
    context.result = result_of(answer.result);
    context.reason = answer.reason;
    if (context.result == ContextResult::rejected) context.refusal = Refusal::item;
    if (context.result == ContextResult::accepted) {
      context.transfer_syntax = answer.transfer_syntax;
      any_accepted = true;
    }
    resolve(list, association, slot, identity);
  }
  return any_accepted;
}

void PresentationContexts::refuse(ContextList& list, const Association& association,
                                  Slot<ContextRecord> first, const SecurityIdentity& identity,
                                  std::uint16_t reason) noexcept {
  while (first) {
    const Slot<ContextRecord> slot = first;
    RpcContext& context = contexts_[slot].context;
    first = contexts_[slot].next_in_proposal;
    context.result = ContextResult::rejected;
    context.reason = reason;
    context.refusal = Refusal::bind;
    resolve(list, association, slot, identity);
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
    const Slot<ContextRecord> slot = first;
    first = contexts_[slot].next_in_proposal;
    resolve(list, association, slot, identity);
  }
}

void PresentationContexts::resolve(ContextList& list, const Association& association,
                                   Slot<ContextRecord> slot,
                                   const SecurityIdentity& identity) noexcept {
  ContextRecord& record = contexts_[slot];
  record.resolved = true;
  record.next_in_proposal = {};
  list.recent = {};  // a result changes what ids mean
  association.describe(record.context);
  record.context.identity = identity;
  observer_.on_context_result(record.context);
  if (record.is_idle()) idle_list(list, record).push_newest(slot, contexts_);
  take_meaning(list, slot);
}

// An accepted id means the newly accepted interface from here on; of refusals the last is kept.
void PresentationContexts::take_meaning(ContextList& list, Slot<ContextRecord> slot) noexcept {
  const ContextRecord& record = contexts_[slot];
  ContextId& id = ids_[record.id];
  const bool is_accepted = record.context.result == ContextResult::accepted;
  const Slot<ContextRecord> refused = std::exchange(id.refused, {});
  Slot<ContextRecord> accepted;
  if (is_accepted) {
    accepted = std::exchange(id.accepted, slot);
  } else {
    id.refused = slot;
  }
  if (refused) supersede(list, refused);
  if (accepted) supersede(list, accepted);
}

void PresentationContexts::supersede(ContextList& list, Slot<ContextRecord> slot) noexcept {
  ContextRecord& record = contexts_[slot];
  unname(slot);
  record.superseded = true;
  if (record.open_calls == 0) close(list, slot);
}

// Where most of the table is in use, whoever has much of it makes room among its own contexts, so
// that no few associations push out those of all others.
std::size_t PresentationContexts::most_of_one() const noexcept {
  constexpr std::size_t kLeast = 16;
  const std::size_t capacity = contexts_.capacity();
  const std::size_t fair = std::max(kLeast, capacity / 256);
  const bool is_crowded = contexts_.size() >= capacity - capacity / 4;
  return is_crowded ? std::min(fair, limits_.contexts_per_connection)
                    : limits_.contexts_per_connection;
}

Slot<ContextRecord> PresentationContexts::add(ContextList& list) noexcept {
  const bool is_full = contexts_.size() == contexts_.capacity();
  if (list.count >= most_of_one() || is_full) {
    const Slot<ContextRecord> refused = list.refused.oldest();
    const Slot<ContextRecord> evicted = refused ? refused : list.usable.oldest();
    ++statistics_.contexts_evicted;
    if (!evicted) return {};
    close(list, evicted);
  }
  const Slot<ContextRecord> slot = contexts_.take();
  ContextRecord& record = contexts_[slot];
  const std::uint32_t generation = record.generation + 1;
  record = ContextRecord{};
  record.generation = generation;
  record.context.key = {slot.index, generation};
  list.all.push_newest(slot, contexts_);
  list.recent = {};
  ++list.count;
  ++statistics_.contexts;
  return slot;
}

// The context that was accepted last; but the newest one where none was accepted, and where a
// proposal of another interface still waits for its answer.
Slot<ContextRecord> PresentationContexts::search(const ContextList& list,
                                                 std::uint16_t context_id) const noexcept {
  const Slot<ContextId> id = find_id(list, context_id);
  if (!id) return {};
  const Slot<ContextRecord> newest = ids_[id].contexts.newest();
  const Slot<ContextRecord> accepted = ids_[id].accepted;
  if (!accepted) return newest;
  const ContextRecord& newer = contexts_[newest];
  const bool is_same = newer.context.abstract_syntax == contexts_[accepted].context.abstract_syntax;
  return newer.resolved || is_same ? accepted : newest;
}

Slot<ContextId> PresentationContexts::find_id(const ContextList& list,
                                              std::uint16_t context_id) const noexcept {
  return ids_.find(hash(list, context_id), [&](Slot<ContextId> slot) {
    return ids_[slot].association == list.association && ids_[slot].id == context_id;
  });
}

std::uint64_t PresentationContexts::hash(const ContextList& list,
                                         std::uint16_t context_id) const noexcept {
  const std::uint64_t key = std::uint64_t{list.association} << 16 | context_id;
  return fold_multiply(key ^ secrets_[0], secrets_[1] | 1);
}

void PresentationContexts::name(const ContextList& list, Slot<ContextRecord> slot,
                                std::uint16_t context_id) noexcept {
  Slot<ContextId> id = find_id(list, context_id);
  if (!id) {
    id = ids_.add(hash(list, context_id));
    ids_[id] = {};
    ids_[id].association = list.association;
    ids_[id].id = context_id;
  }
  ids_[id].contexts.push_newest(slot, contexts_);
  contexts_[slot].id = id;
}

void PresentationContexts::unname(Slot<ContextRecord> slot) noexcept {
  const Slot<ContextId> id = std::exchange(contexts_[slot].id, {});
  ContextId& entry = ids_[id];
  entry.contexts.remove(slot, contexts_);
  if (entry.accepted == slot) entry.accepted = {};
  if (entry.refused == slot) entry.refused = {};
  if (!entry.contexts.newest()) ids_.remove(id);
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
  name(list, slot, context_id);
  list.usable.push_newest(slot, contexts_);
  observer_.on_context(record.context);
  return slot;
}

void PresentationContexts::add_call(ContextList& list, Slot<ContextRecord> slot) noexcept {
  ContextRecord& record = contexts_[slot];
  if (record.is_idle()) idle_list(list, record).remove(slot, contexts_);
  ++record.open_calls;
}

void PresentationContexts::remove_call(ContextList& list, Slot<ContextRecord> slot) noexcept {
  ContextRecord& record = contexts_[slot];
  --record.open_calls;
  if (!record.is_idle()) return;
  idle_list(list, record).push_newest(slot, contexts_);
  if (record.superseded) close(list, slot);
}

void PresentationContexts::close_all(ContextList& list) noexcept {
  while (list.all.newest()) close(list, list.all.newest());
}

// Only what is resolved and has no open call is closed, so there is no result left to tell.
void PresentationContexts::close(ContextList& list, Slot<ContextRecord> slot) noexcept {
  const ContextRecord& record = contexts_[slot];
  idle_list(list, record).remove(slot, contexts_);
  if (!record.superseded) unname(slot);
  list.all.remove(slot, contexts_);
  list.recent = {};
  --list.count;
  observer_.on_context_closed(record.context.key);
  contexts_.release(slot);
}

}  // namespace rpcaudit::dissect
