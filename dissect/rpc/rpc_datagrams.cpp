#include "dissect/rpc/rpc_datagrams.h"

#include <algorithm>
#include <limits>

#include "dissect/rpc/pdus/rpc_auth.h"

namespace rpcaudit::dissect {
namespace {

SyntaxId interface_of(const DatagramHeader& header) noexcept {
  return {header.interface, header.version_major, header.version_minor};
}

}  // namespace

RpcDatagrams::RpcDatagrams(const Limits& limits, RpcObserver& observer,
                           DissectStatistics& statistics, std::uint64_t seed)
    : limits_(limits),
      observer_(observer),
      statistics_(statistics),
      activities_(limits.datagram_activities, seed),
      contexts_(limits, observer, statistics, seed),
      pending_(limits.datagram_calls, seed),
      mapper_stubs_(limits, observer, statistics, seed) {}

void RpcDatagrams::add(const UdpPayload& datagram, const FrameReference& frame) noexcept {
  if (!is_connectionless(datagram.bytes, datagram.length)) return;
  Received pdu{{}, datagram, frame};
  if (parse_datagram_header(datagram.bytes, pdu.header) != ParseStatus::ok) return;
  ++statistics_.pdus;
  ++statistics_.datagram_pdus;
  if (datagram.bytes.size() < datagram.length) {
    tell_blindness(pdu, BlindnessKind::snap_length_cut, datagram.length - datagram.bytes.size());
  }
  switch (pdu.header.type) {
    case DatagramType::request: on_request(pdu); break;
    case DatagramType::response:
    case DatagramType::fault:
    case DatagramType::reject:
    case DatagramType::nocall: on_answer(pdu); break;
    case DatagramType::cancel: on_client_note(pdu); break;
    // These say that a call is under way, which is known, or that its answer came.
    case DatagramType::ping:
    case DatagramType::working:
    case DatagramType::ack:
    case DatagramType::fack:
    case DatagramType::cancel_ack: break;
  }
}

void RpcDatagrams::on_request(const Received& pdu) noexcept {
  const DatagramHeader& header = pdu.header;
  const Slot<DatagramActivity> slot = use_activity(pdu);
  DatagramActivity& activity = activities_[slot];
  const std::uint16_t digest = activities_.digest(interface_of(header), header.opnum);
  if (!activity.was_told(header.sequence)) {
    activity.note_told(header.sequence, digest);
    tell_call(pdu, slot, {});
    return;
  }
  const Pending open = find_pending(slot, header.sequence);
  if (open) {
    const DatagramPendingCalls::Call& call = pending_[open];
    Doubts doubts = pdu.datagram.doubts;
    if (call.opnum != header.opnum ||
        *contexts_[call.context].abstract_syntax != interface_of(header)) {
      ++statistics_.fragments_contradicting;
      doubts.add(Doubt::datagram_conflict);
    }
    if (doubts.any()) doubt(open, pdu, doubts);
  } else if (activity.is_contradicted(header.sequence, digest)) {
    return tell_other_reading(pdu, slot);
  }
  // The same number is the same call, however late: an activity UUID is never used again.
  if (header.interface == kEndpointMapper) read_mapper(pdu, nullptr, header.opnum);
  if (!header.is_fragment()) ++statistics_.datagram_requests_repeated;
}

void RpcDatagrams::tell_call(const Received& pdu, Slot<DatagramActivity> slot,
                             Doubts doubts) noexcept {
  const DatagramHeader& header = pdu.header;
  const Slot<DatagramContext> context_slot =
      contexts_.use(pdu.datagram.source, pdu.datagram.destination, interface_of(header), pdu.frame);
  if (pending_.full()) give_up(pending_.oldest());
  const Pending pending_slot =
      pending_.add(slot, header.sequence, pdu.frame.timestamp, activities_[slot].calls);
  DatagramPendingCalls::Call& pending = pending_[pending_slot];
  pending.context = context_slot;
  pending.opnum = header.opnum;
  pending.doubted = doubts.any();
  contexts_.add_call(context_slot);
  const RpcContext& context = contexts_[context_slot];

  RpcCall call;
  call.key = key_of(pending_slot);
  call.frame = pdu.frame;
  call.opnum = header.opnum;
  call.object = header.object;
  call.activity = header.activity;
  call.sequence = header.sequence;
  call.one_way = (header.flags1 & kDatagramMaybe) != 0;
  read_security(pdu, call);
  const bool by_mapper = header.interface == kEndpointMapper;
  if (by_mapper) call.question = question_of(header.opnum, {false, header.order}, call.body);
  call.doubts = pdu.datagram.doubts;
  call.doubts.add(doubts);
  ++statistics_.calls;
  observer_.on_call(context, call);
  if (call.doubts.any()) tell_blindness(pdu, BlindnessKind::conflict, 0);
  if (by_mapper) read_mapper(pdu, &context, header.opnum);
  if (call.one_way) resolve(pending_slot, Outcome::one_way, 0, {});
}

// Which of the datagrams, or fragments, that contradict each other the server took is not known.
void RpcDatagrams::doubt(Pending slot, const Received& pdu, Doubts doubts) noexcept {
  DatagramPendingCalls::Call& call = pending_[slot];
  if (call.doubted) return;
  call.doubted = true;
  observer_.on_doubt(key_of(slot), doubts);
  tell_blindness(pdu, BlindnessKind::conflict, 0);
}

// The call that this datagram repeats is not waited for any longer, because it was one-way or was
// given up, and says something else: what may be a decoy does not hide the other.
void RpcDatagrams::tell_other_reading(const Received& pdu, Slot<DatagramActivity> slot) noexcept {
  activities_[slot].settle(pdu.header.sequence);
  ++statistics_.fragments_contradicting;
  Doubts doubts;
  doubts.add(Doubt::datagram_conflict);
  tell_call(pdu, slot, doubts);
}

// From the server: to a call that may have been made to another of its addresses or ports.
void RpcDatagrams::on_answer(const Received& pdu) noexcept {
  const DatagramHeader& header = pdu.header;
  const IpAddress client = pdu.datagram.destination.address;
  const IpAddress server = pdu.datagram.source.address;
  const Slot<DatagramActivity> slot = find_open(header.activity, client, server, header.sequence);
  if (!slot) {
    const Slot<DatagramActivity> known = activities_.find(header.activity, client, server);
    const bool answered = known && activities_[known].was_told(header.sequence);
    if (header.interface == kEndpointMapper) read_mapper(pdu, nullptr, header.opnum);
    if (!answered && (header.fragment == 0 || !header.is_fragment())) {
      ++statistics_.answers_unmatched;
    }
    return;
  }
  activities_.touch(slot);
  DatagramActivity& activity = activities_[slot];
  const Pending open = find_pending(slot, header.sequence);
  if (header.type == DatagramType::nocall) {
    // To a ping: the request was lost, and the client will repeat it.
    activity.nocall_sequence = header.sequence;
    activity.nocall = pdu.frame;
    return;
  }
  if (header.type == DatagramType::response) {
    const DatagramPendingCalls::Call& call = pending_[open];
    const RpcContext& context = contexts_[call.context];
    if (context.abstract_syntax->uuid == kEndpointMapper) {
      read_mapper(pdu, &context, call.opnum);
    }
    resolve(open, Outcome::response, 0, pdu.frame);
    return;
  }
  std::uint32_t status = 0;
  if (parse_datagram_status(header, pdu.datagram.bytes, status) != ParseStatus::ok) {
    ++statistics_.pdus_undecodable;
    tell_blindness(pdu, BlindnessKind::undecodable, header.body_length);
    return;
  }
  const bool is_fault = header.type == DatagramType::fault;
  resolve(open, is_fault ? Outcome::fault : Outcome::rejected, status, pdu.frame);
}

// The server may still answer a cancelled call, so the call stays open.
void RpcDatagrams::on_client_note(const Received& pdu) noexcept {
  const Slot<DatagramActivity> slot =
      find_open(pdu.header.activity, pdu.datagram.source.address, pdu.datagram.destination.address,
                pdu.header.sequence);
  if (slot) pending_[find_pending(slot, pdu.header.sequence)].cancelled = true;
}

CallKey RpcDatagrams::key_of(Pending slot) const noexcept {
  return {static_cast<std::uint32_t>(limits_.pending_calls) + slot.index,
          pending_[slot].generation};
}

void RpcDatagrams::resolve(Pending slot, Outcome outcome, std::uint32_t status,
                           const FrameReference& frame) noexcept {
  const DatagramPendingCalls::Call& pending = pending_[slot];
  DatagramActivity& activity = activities_[pending.owner];
  RpcOutcome told;
  told.call = key_of(slot);
  told.outcome = outcome;
  told.status = status;
  told.frame = frame;
  if (outcome == Outcome::unanswered) {
    ++statistics_.calls_unanswered;
    if (pending.cancelled) {
      told.outcome = Outcome::cancelled;
    } else if (activity.nocall.sequence != 0 && activity.nocall_sequence == pending.call_id) {
      told.outcome = Outcome::rejected;
      told.frame = activity.nocall;
    }
  }
  observer_.on_outcome(told);
  if (frame.sequence != 0) activity.settle(pending.call_id);
  contexts_.remove_call(pending.context);
  pending_.remove(slot, activity.calls);
}

void RpcDatagrams::give_up(Pending slot) noexcept {
  ++statistics_.outcomes_given_up;
  resolve(slot, Outcome::unanswered, 0, {});
}

void RpcDatagrams::expire(Timestamp now) noexcept {
  while (const Pending oldest = pending_.oldest()) {
    const std::int64_t age = nanoseconds_between(pending_[oldest].since, now);
    if (age <= limits_.outcome_window.nanoseconds) return;
    give_up(oldest);
  }
}

void RpcDatagrams::close_all() noexcept {
  while (activities_.oldest()) forget_activity(activities_.oldest());
  contexts_.close_all();
  mapper_stubs_.end(0, std::numeric_limits<std::uint64_t>::max());
}

void RpcDatagrams::tell_blindness(const Received& pdu, BlindnessKind kind,
                                  std::uint64_t bytes) noexcept {
  Blindness blindness =
      make_blindness(kind, pdu.frame, {pdu.datagram.source, pdu.datagram.destination});
  if (!from_client(pdu.header.type)) std::swap(blindness.client, blindness.server);
  blindness.udp = true;
  blindness.bytes = bytes;
  blindness.messages = 1;
  observer_.on_blindness(blindness);
}

// The activity that has the call open: with this server, or else with another one.
Slot<DatagramActivity> RpcDatagrams::find_open(const Uuid& uuid, const IpAddress& client,
                                               const IpAddress& server,
                                               std::uint32_t sequence) const noexcept {
  const Slot<DatagramActivity> exact = activities_.find(uuid, client, server);
  if (exact && find_pending(exact, sequence)) return exact;
  return activities_.find_of_client(uuid, client, [&](Slot<DatagramActivity> slot) {
    return bool{find_pending(slot, sequence)};
  });
}

Slot<DatagramActivity> RpcDatagrams::use_activity(const Received& pdu) noexcept {
  const Uuid& uuid = pdu.header.activity;
  const IpAddress client = pdu.datagram.source.address;
  const IpAddress server = pdu.datagram.destination.address;
  const Slot<DatagramActivity> known = activities_.find(uuid, client, server);
  if (known) {
    activities_.touch(known);
    return known;
  }
  const Slot<DatagramActivity> in_the_way = activities_.in_the_way(uuid, client);
  if (in_the_way) {
    ++statistics_.datagram_activities_evicted;
    forget_activity(in_the_way);
  }
  return activities_.add(uuid, client, server);
}

void RpcDatagrams::forget_activity(Slot<DatagramActivity> slot) noexcept {
  while (const Pending open = activities_[slot].calls.newest()) {
    resolve(open, Outcome::unanswered, 0, {});
  }
  activities_.remove(slot);
}

void RpcDatagrams::read_mapper(const Received& pdu, const RpcContext* context,
                               std::uint16_t opnum) noexcept {
  const DatagramHeader& header = pdu.header;
  const bool is_answer = header.type == DatagramType::response;
  if (!EpmStubs::has_entries(opnum, is_answer)) return;
  EpmFragment fragment;
  const IpAddress client = (is_answer ? pdu.datagram.destination : pdu.datagram.source).address;
  fragment.message = activities_.hash(header.activity, client) ^ header.sequence;
  fragment.first = header.fragment == 0;
  fragment.last = !header.is_fragment() || (header.flags1 & kDatagramLastFragment) != 0;
  fragment.index = header.fragment;
  fragment.frame = pdu.frame;
  if (protection_level(pdu) < kAuthLevelPrivacy) {
    fragment.stub = datagram_body(header, pdu.datagram.bytes);
  }
  if (context == nullptr) return mapper_stubs_.go_on(fragment);
  mapper_stubs_.begin(*context, opnum, {false, header.order}, fragment);
}

// What of the verifier matters for reading the body; privacy where it is not shown.
std::uint8_t RpcDatagrams::protection_level(const Received& pdu) noexcept {
  if (pdu.header.auth_protocol == kAuthNone) return 0;
  std::uint8_t level = 0;
  const ParseStatus status = parse_protection_level(pdu.header, pdu.datagram.bytes, level);
  return status == ParseStatus::ok ? level : kAuthLevelPrivacy;
}

void RpcDatagrams::read_security(const Received& pdu, RpcCall& call) const noexcept {
  if (pdu.header.auth_protocol != kAuthNone) {
    std::uint8_t level = 0;
    if (parse_protection_level(pdu.header, pdu.datagram.bytes, level) == ParseStatus::ok) {
      call.auth = AuthNumbers{pdu.header.auth_protocol, level, 0};
    } else {
      call.auth_unseen = true;
    }
    if (!call.auth || level >= kAuthLevelPrivacy) return;
  }
  if (pdu.header.fragment != 0) return;
  const Bytes body = datagram_body(pdu.header, pdu.datagram.bytes);
  call.body = body.first(std::min(body.size(), limits_.body_prefix_bytes));
}

}  // namespace rpcaudit::dissect
