#include "dissect/rpc/rpc_session.h"

#include <algorithm>

#include "dissect/rpc/pdus/rpc_bind.h"
#include "dissect/rpc/pdus/rpc_call.h"
#include "dissect/stubs/dcom_activation.h"

namespace rpcaudit::dissect {
// What a session's PduStream tells, handed on with the session and direction it came from.
class RpcSessions::Sink final : public PduSink {
 public:
  Sink(RpcSessions& sessions, Slot<RpcSession> slot, Direction direction) noexcept
      : sessions_(sessions), slot_(slot), direction_(direction) {}

  void on_pdu(const Pdu& pdu) noexcept override { sessions_.on_pdu(slot_, direction_, pdu); }
  void on_undecodable(const FrameReference& frame, std::size_t bytes) noexcept override {
    ++sessions_.statistics_.pdus_undecodable;
    tell_blindness(BlindnessKind::undecodable, frame, bytes);
  }
  void on_resynchronised() noexcept override { ++sessions_.statistics_.resynchronisations; }
  void on_evicted(const FrameReference& frame) noexcept override {
    ++sessions_.statistics_.pdus_evicted;
    sessions_.sessions_[slot_].has_gaps = true;
    tell_blindness(BlindnessKind::table_eviction, frame, 0);
  }

 private:
  void tell_blindness(BlindnessKind kind, const FrameReference& frame, std::size_t bytes) noexcept {
    sessions_.tell_blindness(sessions_.sessions_[slot_], kind, frame, bytes, 1);
  }

  RpcSessions& sessions_;
  Slot<RpcSession> slot_;
  Direction direction_;
};

RpcSessions::RpcSessions(const Limits& limits, RpcObserver& observer, DissectStatistics& statistics,
                         std::uint64_t seed)
    : limits_(limits),
      observer_(observer),
      statistics_(statistics),
      sessions_(limits.rpc_connections + limits.smb_pipes),
      contexts_(limits, observer, statistics, seed),
      security_(limits.rpc_connections + limits.smb_pipes, statistics),
      endpoints_(limits, observer, statistics, seed),
      buffers_(limits.pdu_buffers),
      proposals_(limits.pending_proposals),
      pending_(limits.pending_calls, seed) {}

Slot<RpcSession> RpcSessions::open(ProtocolSequence protocol,
                                   const std::array<Endpoint, 2>& endpoints,
                                   const PipeOrigin* pipe) {
  const Slot<RpcSession> slot = sessions_.take();
  if (!slot) return slot;
  RpcSession& session = sessions_[slot];
  session = RpcSession{};
  session.contexts.association = slot.index;
  Association& association = session.association;
  association.protocol = protocol;
  association.endpoints = {endpoints};
  association.pipe = pipe;
  association.roles_known = pipe != nullptr;
  return slot;
}

void RpcSessions::close(Slot<RpcSession> slot) noexcept {
  RpcSession& session = sessions_[slot];
  for (const Direction direction : kDirections) finish(slot, direction);
  while (const Pending call = session.calls.newest()) resolve(call, Outcome::unanswered, 0, {});
  while (const Slot<OpenProposal> proposal = session.proposals.oldest()) {
    end_proposal(proposal, AuthAnswer::unclear);
  }
  contexts_.close_all(session.contexts);
  endpoints_.end(slot.index);
  security_.release(session.security);
  const Association& association = session.association;
  const bool one_sided =
      association.roles_known && session.seen.values[0] != session.seen.values[1];
  if (one_sided && association.pipe == nullptr) ++statistics_.flows_one_sided;
  for (PduStream& stream : session.streams.values) stream.reset(buffers_);
  sessions_.release(slot);
}

Bytes RpcSessions::consume(Slot<RpcSession> slot, Direction direction, Bytes bytes,
                           const FrameReference& frame) noexcept {
  RpcSession& session = sessions_[slot];
  Sink sink(*this, slot, direction);
  const std::size_t stub_prefix = session.topics.stub_prefix(limits_);
  return session.streams[direction].consume(bytes, frame, buffers_, stub_prefix, sink);
}

void RpcSessions::consume_from(const PipeCarrier& carrier, PduOrdinal& ordinal,
                               Slot<RpcSession> slot, Direction direction, Bytes bytes,
                               const FrameReference& frame) noexcept {
  RpcSession& session = sessions_[slot];
  session.association.endpoints = {carrier};
  session.streams[direction].set_ordinal(ordinal);
  consume(slot, direction, bytes, frame);
  ordinal = session.streams[direction].ordinal();
}

void RpcSessions::gap(Slot<RpcSession> slot, Direction direction, std::uint64_t missing,
                      BlindnessKind kind, const FrameReference& frame) noexcept {
  RpcSession& session = sessions_[slot];
  const std::uint64_t countable = missing == kGapOfUnknownSize ? 0 : missing;
  if (session.association.roles_known) tell_blindness(session, kind, frame, countable, 0);
  session.has_gaps = true;
  Sink sink(*this, slot, direction);
  session.streams[direction].gap(missing, buffers_, sink);
}

void RpcSessions::finish(Slot<RpcSession> slot, Direction direction) noexcept {
  Sink sink(*this, slot, direction);
  sessions_[slot].streams[direction].finish(buffers_, sink);
}

void RpcSessions::abandon(Slot<RpcSession> slot, Direction direction) noexcept {
  RpcSession& session = sessions_[slot];
  PduStream& stream = session.streams[direction];
  if (!stream.is_open()) return;
  session.has_gaps = true;
  tell_blindness(session, BlindnessKind::gap, stream.open_since(), 0, 1);
  Sink sink(*this, slot, direction);
  stream.gap(PduStream::kUnknownGap, buffers_, sink);
}

void RpcSessions::doubt(Slot<RpcSession> slot, Doubts doubts,
                        const FrameReference& frame) noexcept {
  RpcSession& session = sessions_[slot];
  Doubts& known = session.association.doubts;
  Doubts all = known;
  all.add(doubts);
  if (all == known) return;
  known = all;
  tell_conflict(session, frame);
  for (Pending at = session.calls.newest(); at; at = pending_[at].of_owner.older) {
    observer_.on_doubt({at.index, pending_[at].generation}, all);
  }
}

void RpcSessions::expire(Timestamp now) noexcept {
  const auto is_over = [&](Timestamp since) {
    return nanoseconds_between(since, now) > limits_.outcome_window.nanoseconds;
  };
  while (const Pending oldest = pending_.oldest()) {
    if (!is_over(pending_[oldest].since)) break;
    give_up(oldest);
  }
  while (const Slot<OpenProposal> oldest = proposals_.oldest()) {
    if (!is_over(proposals_[oldest].since)) break;
    give_up(oldest);
  }
}

void RpcSessions::on_pdu(Slot<RpcSession> slot, Direction direction, const Pdu& pdu) noexcept {
  ++statistics_.pdus;
  RpcSession& session = sessions_[slot];
  Association& association = session.association;
  const PduType type = pdu.header.type;
  if (!association.roles_known) association.learn_roles(direction, type);
  session.seen[direction] = true;
  const bool by_client = association.client_direction == direction;
  if (by_client ? from_server(type) : from_client(type)) {
    ++statistics_.pdus_unexpected;
    return;
  }
  switch (type) {
    case PduType::request:
      is_first_fragment(pdu.header) ? on_request(slot, pdu) : on_later_fragment(slot, pdu);
      break;
    case PduType::response:
    case PduType::fault: on_answer(slot, pdu); break;
    case PduType::bind:
    case PduType::alter_context: on_bind(slot, pdu); break;
    case PduType::bind_ack:
    case PduType::alter_context_response:
    case PduType::bind_nak: on_bind_answer(slot, pdu); break;
    case PduType::auth3: {
      std::optional<AuthNumbers> numbers;
      (void)security_.note(session.security, pdu, numbers);
      break;
    }
    case PduType::co_cancel:
    case PduType::orphaned: on_cancel(slot, pdu); break;
    case PduType::shutdown:
    case PduType::rts: break;
  }
}

void RpcSessions::on_request(Slot<RpcSession> slot, const Pdu& pdu) noexcept {
  RpcSession& session = sessions_[slot];
  RpcRequest request;
  if (parse_request(pdu.header, pdu.real(), request) != ParseStatus::ok) {
    tell_undecodable(session, pdu, pdu.clean);
    return;
  }
  Slot<ContextRecord> context_slot = contexts_.find(session.contexts, request.context_id);
  if (!context_slot) {
    context_slot = contexts_.imply(session.contexts, session.association, pdu, request.context_id);
    if (!context_slot) return;
    tell_blindness(session, BlindnessKind::missed_bind, pdu.frame, 0, 1);
  }
  const RpcContext& context = contexts_[context_slot].context;

  RpcCall call;
  call.context_id = request.context_id;
  call.opnum = request.opnum;
  call.object = request.object;
  security_.describe(session.security, session.association.pipe, pdu, call);
  if (call.doubts.any()) tell_conflict(session, pdu.frame);
  const StubTopics topics = is_first_fragment(pdu.header) ? session.topics : StubTopics{};
  if (is_first_fragment(pdu.header)) read_stub(topics, context, pdu, request.stub, call);
  tell_call(slot, pdu, context_slot, call);
  if (!topics.mapper || !EndpointDialogue::is_mapper(context)) return;
  endpoints_.read_request(slot.index, context, call.opnum, pdu);
}

void RpcSessions::read_stub(const StubTopics& topics, const RpcContext& context, const Pdu& pdu,
                            Bytes stub, RpcCall& call) noexcept {
  call.body = clear_prefix(pdu, stub, topics.body_prefix(limits_));
  if (topics.activation)
    call.activated_class = find_activated_class(context, call, pdu.header.order);
  if (!topics.mapper || !EndpointDialogue::is_mapper(context)) return;
  call.question = EndpointDialogue::question(context, call.opnum, pdu, call.body);
}

void RpcSessions::tell_call(Slot<RpcSession> slot, const Pdu& pdu, Slot<ContextRecord> context_slot,
                            RpcCall& call) noexcept {
  const Pending earlier = find_call(slot, pdu);
  if (earlier) {
    ++statistics_.call_ids_reused;
    resolve(earlier, Outcome::unanswered, 0, {});
  }
  if (pending_.full()) give_up(pending_.oldest());
  const Pending pending_slot =
      pending_.add(slot, pdu.header.call_id, pdu.frame.timestamp, sessions_[slot].calls);
  RpcPendingCalls::Call& pending = pending_[pending_slot];
  pending.context = context_slot;
  pending.context_id = call.context_id;
  pending.opnum = call.opnum;
  contexts_.add_call(sessions_[slot].contexts, context_slot);
  const RpcContext& context = contexts_[context_slot].context;

  call.key = {pending_slot.index, pending.generation};
  call.frame = pdu.frame;
  call.ordinal = pdu.index << 8;
  call.call_id = pdu.header.call_id;
  call.one_way = pdu.has_flag(kPfcMaybe);
  const Association& association = sessions_[slot].association;
  if (association.was_moved_from(context)) call.carrier = association.endpoints.values;
  call.doubts.add(association.doubts_of(call));
  sessions_[slot].last_call_id = call.call_id;
  ++statistics_.calls;
  if (context.origin == ContextOrigin::implied) ++statistics_.calls_without_bind;
  observer_.on_call(context, call);
  if (call.one_way) resolve(pending_slot, Outcome::one_way, 0, {});
}

void RpcSessions::on_later_fragment(Slot<RpcSession> slot, const Pdu& pdu) noexcept {
  RpcRequest request;
  if (parse_request(pdu.header, pdu.real(), request) != ParseStatus::ok) return;
  if (sessions_[slot].topics.mapper) endpoints_.read_fragment(slot.index, pdu);
  const Pending pending_slot = find_call(slot, pdu);
  if (!pending_slot) {
    if (sessions_[slot].missed_first_fragment(pdu.header.call_id)) on_request(slot, pdu);
    return;
  }
  const RpcPendingCalls::Call& pending = pending_[pending_slot];
  if (pending.context_id != request.context_id || pending.opnum != request.opnum) {
    ++statistics_.fragments_contradicting;
    doubt(pending_slot, pdu.frame);
  }
}

// Samba ends the connection at fragments that contradict each other; which of them others take is
// not known.
void RpcSessions::doubt(Pending slot, const FrameReference& frame) noexcept {
  RpcPendingCalls::Call& call = pending_[slot];
  if (std::exchange(call.doubted, true)) return;
  Doubts doubts;
  doubts.add(Doubt::pdu_conflict);
  observer_.on_doubt({slot.index, call.generation}, doubts);
  tell_conflict(sessions_[call.owner], frame);
}

void RpcSessions::on_answer(Slot<RpcSession> slot, const Pdu& pdu) noexcept {
  RpcAnswer answer;
  const bool is_fault = pdu.header.type == PduType::fault;
  const ParseStatus status = parse_answer(pdu.header, pdu.real(), answer);
  const StubTopics topics = sessions_[slot].topics;
  const Pending call = find_call(slot, pdu);
  if (call && status == ParseStatus::ok) {
    if (!is_fault && topics.endpoints()) {
      const RpcContext& context = contexts_[pending_[call].context].context;
      endpoints_.read_answer(slot.index, context, pending_[call].opnum, pdu);
    }
    resolve(call, is_fault ? Outcome::fault : Outcome::response, answer.status, pdu.frame);
    return;
  }
  if (!is_fault && topics.mapper) endpoints_.read_fragment(slot.index, pdu);
  const Slot<OpenProposal> proposal = find_proposal(slot, pdu);
  if (proposal && is_fault) {
    contexts_.note_fault(proposals_[proposal].first, answer.status);
    end_proposal(proposal, AuthAnswer::refused);
    return;
  }
  if (is_first_fragment(pdu.header)) ++statistics_.answers_unmatched;
}

void RpcSessions::on_bind(Slot<RpcSession> slot, const Pdu& pdu) noexcept {
  RpcSession& session = sessions_[slot];
  std::optional<AuthNumbers> auth;
  const SecurityContext* security = security_.note(session.security, pdu, auth);
  const SecurityIdentity identity = security_.identity_of(security, session.association.pipe);
  const Slot<OpenProposal> earlier = find_proposal(slot, pdu);
  if (earlier) end_proposal(earlier, AuthAnswer::unclear);
  if (session.proposals.full()) give_up(session.proposals.oldest());
  if (proposals_.full()) give_up(proposals_.oldest());
  const Slot<OpenProposal> proposal = proposals_.add(slot, pdu, session.proposals);
  if (auth) proposals_[proposal].auth_context = auth->context_id;

  if (pdu.header.type == PduType::bind) session.association.begun = pdu.frame.timestamp;
  BindReader reader(pdu.header, bind_body(pdu));
  const Slot<ContextRecord> first =
      contexts_.propose(session.contexts, session.association, {pdu, auth, identity}, reader);
  proposals_[proposal].first = first;
  for (Slot<ContextRecord> at = first; at; at = contexts_[at].next_in_proposal) {
    session.topics.note(*contexts_[at].context.abstract_syntax);
  }
  if (!reader.ok()) tell_undecodable(session, pdu, pdu.header.fragment_length);
}

void RpcSessions::on_bind_answer(Slot<RpcSession> slot, const Pdu& pdu) noexcept {
  RpcSession& session = sessions_[slot];
  std::optional<AuthNumbers> auth;
  (void)security_.note(session.security, pdu, auth);
  const Slot<OpenProposal> proposal =
      proposals_.find_answered(pdu.header, session.proposals, session.sees_all());
  if (!proposal) {
    ++statistics_.answers_unmatched;
    return;
  }
  Slot<ContextRecord> first = std::exchange(proposals_[proposal].first, {});
  const SecurityIdentity identity = proposer(session, first);
  AuthAnswer auth_answer = AuthAnswer::refused;
  if (pdu.header.type == PduType::bind_nak) {
    std::uint16_t reason = 0;
    (void)parse_bind_nak(pdu.header, bind_body(pdu), reason);
    contexts_.refuse(session.contexts, session.association, first, identity, reason);
  } else {
    BindAckReader reader(pdu.header, bind_body(pdu));
    session.association.note_secondary_address(reader.secondary_address());
    const bool any_accepted =
        contexts_.answer(session.contexts, session.association, first, identity, reader);
    auth_answer = auth && any_accepted ? AuthAnswer::accepted : AuthAnswer::unclear;
    proposals_[proposal].first = first;  // items beyond the results stay unanswered
    if (!reader.ok()) tell_undecodable(session, pdu, pdu.header.fragment_length);
  }
  end_proposal(proposal, auth_answer);
}

// Whoever made a proposal, as far as that is known by now.
SecurityIdentity RpcSessions::proposer(const RpcSession& session,
                                       Slot<ContextRecord> first) const noexcept {
  if (!first) return {};
  const std::optional<AuthNumbers>& auth = contexts_[first].context.auth;
  const SecurityContext* security = auth ? session.security.find(auth->context_id) : nullptr;
  return security_.identity_of(security, session.association.pipe);
}

void RpcSessions::end_proposal(Slot<OpenProposal> slot, AuthAnswer answer) noexcept {
  const OpenProposal proposal = proposals_[slot];
  RpcSession& session = sessions_[proposal.session];
  proposals_.remove(slot, session.proposals);
  contexts_.end(session.contexts, session.association, proposal.first,
                proposer(session, proposal.first));
  if (proposal.auth_context) security_.settle(session.security, *proposal.auth_context, answer);
}

void RpcSessions::resolve(Pending pending_slot, Outcome outcome, std::uint32_t status,
                          const FrameReference& frame) noexcept {
  const RpcPendingCalls::Call& pending = pending_[pending_slot];
  if (outcome == Outcome::unanswered) {
    ++statistics_.calls_unanswered;
    outcome = pending.without_answer();
  }
  RpcOutcome told;
  told.call = {pending_slot.index, pending.generation};
  told.outcome = outcome;
  told.status = status;
  told.frame = frame;
  observer_.on_outcome(told);
  RpcSession& session = sessions_[pending.owner];
  const Slot<ContextRecord> context = pending.context;
  pending_.remove(pending_slot, session.calls);
  contexts_.remove_call(session.contexts, context);
}

}  // namespace rpcaudit::dissect
