#include "dissect/rpc/rpc_session.h"

#include <algorithm>

#include "dissect/rpc/rpc_call.h"
#include "dissect/stubs/dcom_activation.h"

namespace rpcaudit::dissect {
namespace {

// Records of one frame are ordered by PDU, then by item: a bind has at most 255.
std::uint32_t ordinal_of(const Pdu& pdu) noexcept { return pdu.index << 8; }

// The part of the stub that may be shown: real bytes, in clear, without padding and trailer.
Bytes clear_stub(const Pdu& pdu, Bytes stub, const std::optional<SecurityTrailer>& trailer,
                 std::size_t most) noexcept {
  if (pdu.header.auth_length != 0) {
    if (!trailer || trailer->numbers.level >= kAuthLevelPrivacy) return {};
    const std::size_t stub_offset = pdu.clean - stub.size();
    const std::size_t stub_end = trailer_offset(pdu.header) - trailer->pad_length;
    if (stub_end < stub_offset) return {};
    stub = stub.first(std::min(stub.size(), stub_end - stub_offset));
  }
  return stub.first(std::min(stub.size(), most));
}

// Of an activation in clear; stubs in NDR64 are not read.
std::optional<Uuid> activated_class(const RpcContext& context, const RpcCall& call,
                                    std::endian order) noexcept {
  constexpr Uuid kNdr = uuid("8a885d04-1ceb-11c9-9fe8-08002b104860");  // C706 14
  if (!context.abstract_syntax || !context.transfer_syntax) return std::nullopt;
  if (context.result == ContextResult::rejected || context.transfer_syntax->uuid != kNdr) {
    return std::nullopt;
  }
  const ActivationCall activation = activation_call(context.abstract_syntax->uuid, call.opnum);
  if (activation == ActivationCall::none) return std::nullopt;
  Uuid class_id;
  const ParseStatus status = parse_activated_class(activation, call.body, order, class_id);
  return status == ParseStatus::ok ? std::optional(class_id) : std::nullopt;
}

}  // namespace

// What a session's PduStream tells, handed on with the session and direction it came from.
struct RpcSessions::Sink final : PduSink {
  Sink(RpcSessions& sessions_in, Slot<RpcSession> slot_in, Direction direction_in) noexcept
      : sessions(sessions_in), slot(slot_in), direction(direction_in) {}

  void on_pdu(const Pdu& pdu) noexcept override { sessions.on_pdu(slot, direction, pdu); }
  void on_undecodable(const FrameReference& frame, std::size_t bytes) noexcept override {
    ++sessions.statistics_.pdus_undecodable;
    sessions.tell_blindness(sessions.sessions_[slot], BlindnessKind::undecodable, frame, bytes, 1);
  }
  void on_resynchronised() noexcept override { ++sessions.statistics_.resynchronisations; }
  void on_buffers_exhausted(const FrameReference& frame) noexcept override {
    ++sessions.statistics_.buffers_exhausted;
    sessions.tell_blindness(sessions.sessions_[slot], BlindnessKind::table_eviction, frame, 0, 1);
  }

  RpcSessions& sessions;
  Slot<RpcSession> slot;
  Direction direction;
};

RpcSessions::RpcSessions(const Limits& limits, RpcObserver& observer, DissectStatistics& statistics,
                         std::uint64_t seed)
    : limits_(limits),
      observer_(observer),
      statistics_(statistics),
      sessions_(limits.rpc_connections + limits.smb_pipes),
      contexts_(limits.contexts),
      identities_(limits.rpc_connections + limits.smb_pipes),
      buffers_(limits.pdu_buffers),
      pending_(limits.pending_calls, seed),
      mapper_stubs_(limits, observer, statistics, seed) {}

Slot<RpcSession> RpcSessions::open(ProtocolSequence protocol,
                                   const std::array<Endpoint, 2>& endpoints,
                                   const PipeOrigin* pipe) {
  const Slot<RpcSession> slot = sessions_.take();
  if (slot == kNoSlot) return slot;
  RpcSession& session = sessions_[slot];
  session = RpcSession{};
  session.protocol = protocol;
  session.endpoints = {endpoints};
  session.pipe = pipe;
  session.roles_known = pipe != nullptr;
  return slot;
}

void RpcSessions::close(Slot<RpcSession> slot, Timestamp now) noexcept {
  now_ = now;
  RpcSession& session = sessions_[slot];
  for (const Direction direction : kDirections) finish(slot, direction);
  while (session.pending != kNoSlot) {
    const std::uint32_t pending_slot = session.pending;
    if (pending_[pending_slot].is_bind) {
      end_bind(pending_slot);
    } else {
      resolve(pending_slot, Outcome::unanswered, 0, {});
    }
  }
  while (session.contexts != kNoSlot) close_context(slot, session.contexts);
  end_mapper_messages(slot);
  for (std::size_t i = 0; i < session.security_count; ++i) {
    if (session.security[i].identity != kNoSlot) identities_.release(session.security[i].identity);
  }
  const bool one_sided = session.roles_known && session.seen.values[0] != session.seen.values[1];
  if (one_sided && session.pipe == nullptr) ++statistics_.flows_one_sided;
  for (PduStream& stream : session.streams.values) stream.reset(buffers_);
  sessions_.release(slot);
}

void RpcSessions::consume(Slot<RpcSession> slot, Direction direction, Bytes bytes,
                          const FrameReference& frame) noexcept {
  now_ = frame.timestamp;
  Sink sink(*this, slot, direction);
  sessions_[slot].streams[direction].consume(bytes, frame, buffers_, body_prefix(sessions_[slot]),
                                             sink);
}

void RpcSessions::consume_from(const PipeCarrier& carrier, PduOrdinal& ordinal,
                               Slot<RpcSession> slot, Direction direction, Bytes bytes,
                               const FrameReference& frame) noexcept {
  RpcSession& session = sessions_[slot];
  session.endpoints = {carrier};
  session.streams[direction].set_ordinal(ordinal);
  consume(slot, direction, bytes, frame);
  ordinal = session.streams[direction].ordinal();
}

void RpcSessions::gap(Slot<RpcSession> slot, Direction direction, std::uint64_t missing,
                      BlindnessKind kind, const FrameReference& frame) noexcept {
  now_ = frame.timestamp;
  RpcSession& session = sessions_[slot];
  if (session.roles_known) tell_blindness(session, kind, frame, missing, 0);
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
  tell_blindness(session, BlindnessKind::gap, stream.open_since(), 0, 1);
  Sink sink(*this, slot, direction);
  stream.gap(PduStream::kUnknownGap, buffers_, sink);
}

void RpcSessions::doubt(Slot<RpcSession> slot, Doubts doubts,
                        const FrameReference& frame) noexcept {
  RpcSession& session = sessions_[slot];
  if (!doubts.any()) return;
  if (!session.doubts.any()) tell_blindness(session, BlindnessKind::conflict, frame, 0, 1);
  Doubts all = session.doubts;
  all.add(doubts);
  if (all == session.doubts) return;
  session.doubts = all;
  for (std::uint32_t at = session.pending; at != kNoSlot; at = pending_[at].session_next) {
    if (!pending_[at].is_bind) observer_.on_doubt({at, pending_[at].generation}, all);
  }
}

void RpcSessions::expire(Timestamp now) noexcept {
  now_ = now;
  while (pending_.oldest() != kNoSlot) {
    const std::uint32_t slot = pending_.oldest();
    const std::int64_t age = nanoseconds_between(pending_[slot].since, now_);
    if (age <= limits_.outcome_window.nanoseconds) return;
    give_up(slot);
  }
}

void RpcSessions::tell_blindness(const RpcSession& session, BlindnessKind kind,
                                 const FrameReference& frame, std::uint64_t bytes,
                                 std::uint64_t messages) noexcept {
  Blindness blindness = make_blindness(kind, frame,
                                       {session.endpoints[session.client_direction],
                                        session.endpoints[opposite(session.client_direction)]});
  blindness.bytes = bytes;
  blindness.messages = messages;
  observer_.on_blindness(blindness);
}

void RpcSessions::describe_session(const RpcSession& session, RpcContext& context) const noexcept {
  context.protocol = session.protocol;
  context.client = session.endpoints[session.client_direction];
  context.server = session.endpoints[opposite(session.client_direction)];
  context.secondary_address = session.secondary_address.view();
  context.association = session.association;
  if (session.pipe == nullptr) return;
  context.pipe = session.pipe->name.view();
  if (session.pipe->caller->setup_seen) context.smb = session.pipe->caller->view();
}

void RpcSessions::learn_roles(RpcSession& session, Direction direction, PduType type) noexcept {
  if (from_client(type)) {
    session.client_direction = direction;
  } else if (from_server(type)) {
    session.client_direction = opposite(direction);
  } else {
    return;
  }
  session.roles_known = true;
}

void RpcSessions::on_pdu(Slot<RpcSession> slot, Direction direction, const Pdu& pdu) noexcept {
  ++statistics_.pdus;
  RpcSession& session = sessions_[slot];
  const PduType type = pdu.header.type;
  if (!session.roles_known) learn_roles(session, direction, type);
  session.seen[direction] = true;
  const bool by_client = session.client_direction == direction;
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
      note_security(slot, pdu, numbers);
      break;
    }
    case PduType::co_cancel:
    case PduType::orphaned: on_cancel(slot, pdu); break;
    case PduType::shutdown:
    case PduType::rts: break;
  }
}

void RpcSessions::on_request(Slot<RpcSession> slot, const Pdu& pdu) noexcept {
  RpcRequest request;
  if (parse_request(pdu.header, pdu.bytes.first(pdu.clean), request) != ParseStatus::ok) {
    ++statistics_.pdus_undecodable;
    tell_blindness(sessions_[slot], BlindnessKind::undecodable, pdu.frame, pdu.clean, 1);
    return;
  }
  std::uint32_t context_slot = find_context(sessions_[slot], request.context_id);
  if (context_slot == kNoSlot) context_slot = imply_context(slot, pdu, request.context_id);
  if (context_slot == kNoSlot) return;

  RpcCall call;
  call.context_id = request.context_id;
  call.opnum = request.opnum;
  call.object = request.object;
  RpcSession& session = sessions_[slot];
  const SecurityContext* security = note_security(slot, pdu, call.auth);
  call.auth_unseen = pdu.header.auth_length != 0 && !call.auth;
  if (pdu.header.auth_length == 0 && session.security_count == 1 &&
      session.security[0].numbers.level <= kAuthLevelConnect) {
    security = &session.security[0];
    call.connection_auth = security->numbers;
  }
  if (!call.auth_unseen) call.identity = identity_of(session, security);
  std::optional<SecurityTrailer> trailer;
  if (call.auth) (void)read_trailer(pdu, trailer.emplace());
  call.body = clear_stub(pdu, request.stub, trailer, limits_.body_prefix_bytes);
  call.activated_class = activated_class(contexts_[context_slot].context, call, pdu.header.order);
  const bool by_mapper = is_mapper(contexts_[context_slot]);
  if (by_mapper) note_question(context_slot, pdu, call);
  tell_call(slot, pdu, context_slot, call);
  if (by_mapper) read_mapper_request(slot, context_slot, call.opnum, pdu);
}

void RpcSessions::tell_call(Slot<RpcSession> slot, const Pdu& pdu, std::uint32_t context_slot,
                            RpcCall& call) noexcept {
  const std::uint32_t earlier = find_pending(slot, pdu, false);
  if (earlier != kNoSlot) {
    ++statistics_.call_ids_reused;
    resolve(earlier, Outcome::unanswered, 0, {});
  }
  const std::uint32_t pending_slot = add_pending(slot, pdu, false);
  PendingCall& pending = pending_[pending_slot];
  pending.context = context_slot;
  pending.context_id = call.context_id;
  pending.opnum = call.opnum;
  ContextRecord& record = contexts_[context_slot];
  ++record.pending;

  call.key = {pending_slot, pending.generation};
  call.frame = pdu.frame;
  call.ordinal = ordinal_of(pdu);
  call.call_id = pdu.header.call_id;
  call.one_way = (pdu.header.flags & kPfcMaybe) != 0;
  const RpcSession& session = sessions_[slot];
  const std::array<Endpoint, 2>& ends = session.endpoints.values;
  if (session.pipe != nullptr &&
      (ends[0] != record.context.client || ends[1] != record.context.server)) {
    call.carrier = ends;
  }
  call.doubts = session.doubts;
  ++statistics_.calls;
  if (record.context.origin == ContextOrigin::implied) ++statistics_.calls_without_bind;
  observer_.on_call(record.context, call);
  if (call.one_way) resolve(pending_slot, Outcome::one_way, 0, {});
}

void RpcSessions::on_later_fragment(Slot<RpcSession> slot, const Pdu& pdu) noexcept {
  RpcRequest request;
  if (parse_request(pdu.header, pdu.bytes.first(pdu.clean), request) != ParseStatus::ok) return;
  if (sessions_[slot].is_of_mapper) read_mapper_fragment(slot, false, pdu);
  const std::uint32_t pending_slot = find_pending(slot, pdu, false);
  if (pending_slot == kNoSlot) return;
  const PendingCall& pending = pending_[pending_slot];
  if (pending.context_id != request.context_id || pending.opnum != request.opnum) {
    ++statistics_.fragments_contradicting;
  }
}

void RpcSessions::on_answer(Slot<RpcSession> slot, const Pdu& pdu) noexcept {
  RpcAnswer answer;
  const bool is_fault = pdu.header.type == PduType::fault;
  const ParseStatus status = parse_answer(pdu.header, pdu.bytes.first(pdu.clean), answer);
  std::uint32_t pending_slot = find_pending(slot, pdu, false);
  if (pending_slot != kNoSlot && status == ParseStatus::ok) {
    if (!is_fault && sessions_[slot].is_of_mapper) read_mapper_answer(slot, pending_slot, pdu);
    if (!is_fault && sessions_[slot].is_of_management) read_interface_list(pending_slot, pdu);
    resolve(pending_slot, is_fault ? Outcome::fault : Outcome::response, answer.status, pdu.frame);
    return;
  }
  if (!is_fault && sessions_[slot].is_of_mapper) read_mapper_fragment(slot, true, pdu);
  pending_slot = find_pending(slot, pdu, true);
  if (pending_slot != kNoSlot && is_fault) {
    note_fault(pending_slot, status == ParseStatus::ok ? answer.status : 0);
    return;
  }
  if (is_first_fragment(pdu.header)) ++statistics_.answers_unmatched;
}

void RpcSessions::on_cancel(Slot<RpcSession> slot, const Pdu& pdu) noexcept {
  const std::uint32_t pending_slot = find_pending(slot, pdu, false);
  if (pending_slot == kNoSlot) return;
  // The server may answer all the same, so the call stays open.
  if (pdu.header.type == PduType::orphaned) {
    pending_[pending_slot].orphaned = true;
  } else {
    pending_[pending_slot].cancelled = true;
  }
}

std::uint32_t RpcSessions::add_pending(Slot<RpcSession> slot, const Pdu& pdu,
                                       bool is_bind) noexcept {
  if (pending_.full()) give_up(pending_.oldest());
  return pending_.add(slot, pdu.header.call_id, is_bind, pdu.frame.timestamp,
                      sessions_[slot].pending);
}

void RpcSessions::give_up(std::uint32_t pending_slot) noexcept {
  ++statistics_.outcomes_given_up;
  if (pending_[pending_slot].is_bind) {
    end_bind(pending_slot);
  } else {
    resolve(pending_slot, Outcome::unanswered, 0, {});
  }
}

void RpcSessions::resolve(std::uint32_t pending_slot, Outcome outcome, std::uint32_t status,
                          const FrameReference& frame) noexcept {
  PendingCall& pending = pending_[pending_slot];
  if (outcome == Outcome::unanswered) {
    ++statistics_.calls_unanswered;
    if (pending.cancelled) outcome = Outcome::cancelled;
    if (pending.orphaned) outcome = Outcome::orphaned;
  }
  RpcOutcome told;
  told.call = {pending_slot, pending.generation};
  told.outcome = outcome;
  told.status = status;
  told.frame = frame;
  observer_.on_outcome(told);
  const std::uint32_t context_slot = pending.context;
  const std::uint32_t session_slot = pending.session;
  pending_.remove(pending_slot, sessions_[session_slot].pending);
  release_call(session_slot, context_slot);
}

}  // namespace rpcaudit::dissect
