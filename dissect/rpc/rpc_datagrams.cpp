#include "dissect/rpc/rpc_datagrams.h"

#include <cstring>
#include <limits>

#include "dissect/store/keyed_hash.h"

namespace rpcaudit::dissect {
namespace {

// How far below the highest one a sequence number may be and still be known as told or not.
constexpr std::uint32_t kToldWindow = 64;

// Activities of one UUID and client host, to several servers: a broadcast's, or a scanner's.
constexpr unsigned kSameActivityMax = 16;

std::array<std::uint64_t, 2> words_of(const std::array<std::uint8_t, 16>& bytes) noexcept {
  std::array<std::uint64_t, 2> words;
  std::memcpy(words.data(), bytes.data(), sizeof words);
  return words;
}

bool is_of(const RpcContext& context, const Endpoint& client, const Endpoint& server,
           const SyntaxId& interface) noexcept {
  return context.client == client && context.server == server &&
         *context.abstract_syntax == interface;
}

SyntaxId interface_of(const DatagramHeader& header) noexcept {
  return {header.interface, header.version_major, header.version_minor};
}

}  // namespace

RpcDatagrams::RpcDatagrams(const Limits& limits, RpcObserver& observer,
                           DissectStatistics& statistics, std::uint64_t seed)
    : limits_(limits),
      observer_(observer),
      statistics_(statistics),
      activities_(limits.datagram_activities),
      contexts_(limits.datagram_contexts),
      pending_(limits.datagram_calls, seed),
      mapper_stubs_(limits, observer, statistics, seed) {
  SecretSequence secrets(seed);
  for (std::uint64_t& secret : secrets_) secret = secrets.next();
}

void RpcDatagrams::add(const Packet& packet, const FrameReference& frame) noexcept {
  if (!is_connectionless(packet.payload, packet.payload_length)) return;
  Received pdu{{}, packet, frame};
  if (parse_datagram_header(packet.payload, pdu.header) != ParseStatus::ok) return;
  ++statistics_.pdus;
  ++statistics_.datagram_pdus;
  if (packet.is_cut()) {
    tell_blindness(pdu, BlindnessKind::snap_length_cut,
                   packet.payload_length - packet.payload.size());
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
  const IpAddress client = pdu.packet.source.address();
  const IpAddress server = pdu.packet.destination.address();
  std::uint32_t slot = find_activity(header.activity, client, server);
  if (slot == kNoSlot) slot = add_activity(pdu);
  Activity& activity = activities_[slot];
  activities_.touch(slot);

  if (!was_told(activity, header.sequence)) {
    note_told(activity, header.sequence);
    tell_call(pdu, slot);
    return;
  }
  const std::uint32_t open = find_pending(slot, header.sequence);
  if (open != kNoSlot) {
    const PendingCall& call = pending_[open];
    const RpcContext& context = contexts_[call.context].context;
    if (call.opnum != header.opnum || *context.abstract_syntax != interface_of(header)) {
      ++statistics_.fragments_contradicting;
    }
  }
  // The same number is the same call, however late: an activity UUID is never used again.
  if (header.interface == kEndpointMapper) read_mapper(pdu, nullptr, header.opnum);
  if (!header.is_fragment()) ++statistics_.datagram_requests_repeated;
}

void RpcDatagrams::tell_call(const Received& pdu, std::uint32_t activity) noexcept {
  const DatagramHeader& header = pdu.header;
  const std::uint32_t context_slot = use_context(pdu);
  if (pending_.full()) give_up(pending_.oldest());
  const std::uint32_t pending_slot = pending_.add(
      activity, header.sequence, false, pdu.frame.timestamp, activities_[activity].pending);
  PendingCall& pending = pending_[pending_slot];
  pending.context = context_slot;
  pending.opnum = header.opnum;
  Context& record = contexts_[context_slot];
  ++record.pending;

  RpcCall call;
  call.key = {static_cast<std::uint32_t>(limits_.pending_calls) + pending_slot, pending.generation};
  call.frame = pdu.frame;
  call.opnum = header.opnum;
  call.object = header.object;
  call.activity = header.activity;
  call.sequence = header.sequence;
  call.one_way = (header.flags1 & kDatagramMaybe) != 0;
  read_security(pdu, call);
  const bool by_mapper = header.interface == kEndpointMapper;
  if (by_mapper) call.question = question_of(header.opnum, {false, header.order}, call.body);
  ++statistics_.calls;
  observer_.on_call(record.context, call);
  if (by_mapper) read_mapper(pdu, &record, header.opnum);
  if (call.one_way) resolve(pending_slot, Outcome::one_way, 0, {});
}

// From the server: to a call that may have been made to another of its addresses or ports.
void RpcDatagrams::on_answer(const Received& pdu) noexcept {
  const DatagramHeader& header = pdu.header;
  const IpAddress client = pdu.packet.destination.address();
  const IpAddress server = pdu.packet.source.address();
  const std::uint32_t slot = find_open(header.activity, client, server, header.sequence);
  if (slot == kNoSlot) {
    const std::uint32_t known = find_activity(header.activity, client, server);
    const bool answered = known != kNoSlot && was_told(activities_[known], header.sequence);
    if (header.interface == kEndpointMapper) read_mapper(pdu, nullptr, header.opnum);
    if (!answered && (header.fragment == 0 || !header.is_fragment()))
      ++statistics_.answers_unmatched;
    return;
  }
  activities_.touch(slot);
  Activity& activity = activities_[slot];
  const std::uint32_t open = find_pending(slot, header.sequence);
  if (header.type == DatagramType::nocall) {
    // To a ping: the request was lost, and the client will repeat it.
    activity.nocall_sequence = header.sequence;
    activity.nocall = pdu.frame;
    return;
  }
  if (header.type == DatagramType::response) {
    const PendingCall& call = pending_[open];
    const Context& context = contexts_[call.context];
    if (context.context.abstract_syntax->uuid == kEndpointMapper) {
      read_mapper(pdu, &context, call.opnum);
    }
    resolve(open, Outcome::response, 0, pdu.frame);
    return;
  }
  std::uint32_t status = 0;
  if (parse_datagram_status(header, pdu.packet.payload, status) != ParseStatus::ok) {
    ++statistics_.pdus_undecodable;
    tell_blindness(pdu, BlindnessKind::undecodable, header.body_length);
    return;
  }
  const bool is_fault = header.type == DatagramType::fault;
  resolve(open, is_fault ? Outcome::fault : Outcome::rejected, status, pdu.frame);
}

// The server may answer a cancelled call all the same, so it stays open.
void RpcDatagrams::on_client_note(const Received& pdu) noexcept {
  const std::uint32_t slot = find_open(pdu.header.activity, pdu.packet.source.address(),
                                       pdu.packet.destination.address(), pdu.header.sequence);
  if (slot == kNoSlot) return;
  pending_[find_pending(slot, pdu.header.sequence)].cancelled = true;
}

void RpcDatagrams::resolve(std::uint32_t pending_slot, Outcome outcome, std::uint32_t status,
                           const FrameReference& frame) noexcept {
  PendingCall& pending = pending_[pending_slot];
  Activity& activity = activities_[pending.session];
  RpcOutcome told;
  told.call = {static_cast<std::uint32_t>(limits_.pending_calls) + pending_slot,
               pending.generation};
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
  --contexts_[pending.context].pending;
  pending_.remove(pending_slot, activity.pending);
}

void RpcDatagrams::give_up(std::uint32_t pending_slot) noexcept {
  ++statistics_.outcomes_given_up;
  resolve(pending_slot, Outcome::unanswered, 0, {});
}

void RpcDatagrams::expire(Timestamp now) noexcept {
  while (pending_.oldest() != kNoSlot) {
    const std::uint32_t slot = pending_.oldest();
    const std::int64_t age = nanoseconds_between(pending_[slot].since, now);
    if (age <= limits_.outcome_window.nanoseconds) return;
    give_up(slot);
  }
}

void RpcDatagrams::close_all() noexcept {
  while (activities_.oldest() != kNoSlot) forget_activity(activities_.oldest());
  while (contexts_.oldest() != kNoSlot) close_context(contexts_.oldest());
  mapper_stubs_.end(0, std::numeric_limits<std::uint64_t>::max());
}

void RpcDatagrams::tell_blindness(const Received& pdu, BlindnessKind kind,
                                  std::uint64_t bytes) noexcept {
  Blindness blindness = make_blindness(
      kind, pdu.frame, {pdu.packet.source_endpoint(), pdu.packet.destination_endpoint()});
  if (!from_client(pdu.header.type)) std::swap(blindness.client, blindness.server);
  blindness.udp = true;
  blindness.bytes = bytes;
  blindness.messages = 1;
  observer_.on_blindness(blindness);
}

std::uint64_t RpcDatagrams::hash_of(const Uuid& activity, const IpAddress& client) const noexcept {
  const std::array<std::uint64_t, 2> name = words_of(activity.bytes);
  const std::array<std::uint64_t, 2> host = words_of(client.bytes);
  return fold_multiply(
      fold_multiply(name[0] ^ secrets_[0], name[1] ^ secrets_[1]) ^ host[0] ^ secrets_[2],
      host[1] ^ secrets_[3]);
}

std::uint32_t RpcDatagrams::find_activity(const Uuid& uuid, const IpAddress& client,
                                          const IpAddress& server) noexcept {
  return activities_.find(hash_of(uuid, client), [&](std::uint32_t slot) {
    const Activity& activity = activities_[slot];
    return activity.uuid == uuid && activity.client == client && activity.server == server;
  });
}

std::uint32_t RpcDatagrams::find_open(const Uuid& uuid, const IpAddress& client,
                                      const IpAddress& server, std::uint32_t sequence) noexcept {
  const std::uint32_t exact = find_activity(uuid, client, server);
  if (exact != kNoSlot && find_pending(exact, sequence) != kNoSlot) return exact;
  return activities_.find(hash_of(uuid, client), [&](std::uint32_t slot) {
    const Activity& activity = activities_[slot];
    return activity.uuid == uuid && activity.client == client &&
           find_pending(slot, sequence) != kNoSlot;
  });
}

std::uint32_t RpcDatagrams::add_activity(const Received& pdu) noexcept {
  const Uuid& uuid = pdu.header.activity;
  const IpAddress client = pdu.packet.source.address();
  const std::uint64_t hash = hash_of(uuid, client);
  unsigned same = 0;
  const std::uint32_t one_too_many = activities_.find(hash, [&](std::uint32_t slot) {
    const Activity& activity = activities_[slot];
    return activity.uuid == uuid && activity.client == client && ++same == kSameActivityMax;
  });
  if (one_too_many != kNoSlot || activities_.full()) {
    ++statistics_.datagram_activities_evicted;
    forget_activity(one_too_many != kNoSlot ? one_too_many : activities_.oldest().index);
  }
  const std::uint32_t slot = activities_.add(hash);
  Activity& activity = activities_[slot];
  activity = {};
  activity.uuid = uuid;
  activity.client = client;
  activity.server = pdu.packet.destination.address();
  return slot;
}

void RpcDatagrams::forget_activity(std::uint32_t slot) noexcept {
  while (activities_[slot].pending != kNoSlot) {
    resolve(activities_[slot].pending, Outcome::unanswered, 0, {});
  }
  activities_.remove(slot);
}

// Sequence numbers are compared as the protocol does, around their end (C706 10.1.5).
bool RpcDatagrams::was_told(const Activity& activity, std::uint32_t sequence) noexcept {
  const std::uint32_t below = activity.highest - sequence;
  return below < kToldWindow && (activity.told >> below & 1) != 0;
}

void RpcDatagrams::note_told(Activity& activity, std::uint32_t sequence) noexcept {
  const std::uint32_t below = activity.highest - sequence;
  if (activity.told != 0 && below < kToldWindow) {
    activity.told |= std::uint64_t{1} << below;
    return;
  }
  // Far below the highest, the client has begun anew.
  const std::uint32_t above = sequence - activity.highest;
  activity.told = above < kToldWindow ? activity.told << above : 0;
  activity.told |= 1;
  activity.highest = sequence;
}

std::uint32_t RpcDatagrams::find_pending(std::uint32_t activity,
                                         std::uint32_t sequence) const noexcept {
  return pending_.find(activity, sequence, false, activities_[activity].pending);
}

std::uint32_t RpcDatagrams::use_context(const Received& pdu) noexcept {
  const Endpoint client = pdu.packet.source_endpoint();
  const Endpoint server = pdu.packet.destination_endpoint();
  const SyntaxId interface = interface_of(pdu.header);
  const std::uint64_t ports = std::uint64_t{client.port} << 16 | server.port;
  const std::uint64_t hash =
      fold_multiply(hash_of(pdu.header.interface, client.address) ^ ports ^ secrets_[0],
                    hash_of(pdu.header.interface, server.address) ^ secrets_[1]);
  std::uint32_t slot = contexts_.find(hash, [&](std::uint32_t candidate) {
    return is_of(contexts_[candidate].context, client, server, interface);
  });
  if (slot != kNoSlot) {
    contexts_.touch(slot);
    return slot;
  }
  if (contexts_.full()) make_room_for_context();
  slot = contexts_.add(hash);
  Context& record = contexts_[slot];
  record.pending = 0;
  RpcContext& context = record.context;
  context = {};
  context.key = {static_cast<std::uint32_t>(limits_.contexts) + slot, ++record.generation};
  context.origin = ContextOrigin::stated;
  context.frame = pdu.frame;
  context.protocol = ProtocolSequence::ncadg_ip_udp;
  context.client = client;
  context.server = server;
  context.abstract_syntax = interface;
  context.result = ContextResult::accepted;
  ++statistics_.contexts;
  observer_.on_context(context);
  return slot;
}

void RpcDatagrams::make_room_for_context() noexcept {
  // There are more contexts than calls, so one has none open.
  while (contexts_[contexts_.oldest()].pending != 0) contexts_.touch(contexts_.oldest());
  ++statistics_.contexts_evicted;
  close_context(contexts_.oldest());
}

void RpcDatagrams::close_context(std::uint32_t slot) noexcept {
  observer_.on_context_closed(contexts_[slot].context.key);
  contexts_.remove(slot);
}

}  // namespace rpcaudit::dissect
