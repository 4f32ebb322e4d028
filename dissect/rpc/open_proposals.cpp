#include "dissect/rpc/open_proposals.h"

namespace rpcaudit::dissect {

Slot<OpenProposal> OpenProposals::add(Slot<RpcSession> session, const Pdu& pdu,
                                      List& list) noexcept {
  const Slot<OpenProposal> slot = slots_.take();
  OpenProposal& proposal = slots_[slot];
  proposal = {};
  proposal.since = pdu.frame.timestamp;
  proposal.session = session;
  proposal.call_id = pdu.header.call_id;
  proposal.is_bind = pdu.header.type == PduType::bind;
  by_age_.push_newest(slot, slots_);
  list.proposals.push_newest(slot, slots_);
  ++list.count;
  return slot;
}

Slot<OpenProposal> OpenProposals::find(std::uint32_t call_id, const List& list) const noexcept {
  Slot<OpenProposal> slot = list.proposals.newest();
  while (slot && slots_[slot].call_id != call_id) slot = slots_[slot].of_session.older;
  return slot;
}

Slot<OpenProposal> OpenProposals::find_answered(const RpcHeader& answer, const List& list,
                                                bool all_seen) const noexcept {
  const Slot<OpenProposal> exact = find(answer.call_id, list);
  if (exact || !all_seen || !list.oldest()) return exact;
  const bool is_to_bind = answer.type != PduType::alter_context_response;
  return slots_[list.oldest()].is_bind == is_to_bind ? list.oldest() : Slot<OpenProposal>{};
}

void OpenProposals::remove(Slot<OpenProposal> slot, List& list) noexcept {
  by_age_.remove(slot, slots_);
  list.proposals.remove(slot, slots_);
  --list.count;
  slots_.release(slot);
}

}  // namespace rpcaudit::dissect
