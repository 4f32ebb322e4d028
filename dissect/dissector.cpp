#include "dissect/dissector.h"

#include <algorithm>
#include <array>
#include <limits>

#include "dissect/net/ip_fragments.h"
#include "dissect/net/packet.h"
#include "dissect/rpc/rpc_datagrams.h"
#include "dissect/tcp/flow_table.h"
#include "dissect/tcp/tcp_openings.h"
#include "dissect/tcp_connections.h"

namespace rpcaudit::dissect {
namespace {

// What a flow is known to be; kept in its FlowEntry. The order is that of a flow's life.
enum FlowState : unsigned {
  kFresh = 0,           // no payload seen, no SYN
  kOpeningForward = 1,  // SYN seen from the forward side; value: its next sequence number
  kOpeningReverse = 2,  // the same from the other side
  kJoinedLate = 3,      // payload seen that told nothing; value: how many times
  kDismissed = 4,       // shown to be neither RPC nor undecided: its payload is never read again
  kConnection = 5,      // under dissection; value: its connection's slot
};

// A connection whose start was not captured may first show the middle of a PDU. So many of its
// segments are tried before it is dismissed; more of them at the ports of SMB, whose messages may
// hold a megabyte of a file.
constexpr std::uint32_t kLateTries = 32;
constexpr std::uint32_t kLateTriesOfSmb = 1024;
std::uint32_t late_tries(const Packet& packet) noexcept {
  const auto is_smb = [](const Endpoint& end) { return end.port == 445 || end.port == 139; };
  const bool smb = is_smb(packet.source_endpoint()) || is_smb(packet.destination_endpoint());
  return smb ? kLateTriesOfSmb : kLateTries;
}

// Converts between a flow's state and the direction of the SYN that was seen.
unsigned opening_by(Direction opener) noexcept {
  return opener == Direction::forward ? kOpeningForward : kOpeningReverse;
}
Direction opener_of(unsigned state) noexcept {
  return state == kOpeningForward ? Direction::forward : Direction::reverse;
}
constexpr std::size_t kBatch = 32;
// How many frames lie between the prefetching of a session and its use.
constexpr std::size_t kPrefetchDistance = 4;

FrameReference reference_to(const Frame& frame) noexcept {
  return {frame.number, frame.sequence, frame.input, frame.timestamp};
}

}  // namespace

struct Dissector::State {
  State(const Limits& limits_in, RpcObserver& observer_in, std::uint64_t seed)
      : limits(limits_in),
        observer(observer_in),
        flows(limits, seed),
        fragments(limits, seed),
        connections(limits, observer, statistics, seed),
        openings(limits, observer, statistics),
        datagrams(limits, observer, statistics, seed) {}

  void process_batch(std::span<const Frame> frames) noexcept;
  void decode(const Frame& frame, Packet& packet, FlowKey& key) noexcept;
  [[nodiscard]] Slot<TcpConnection> prefetch_connection(const Packet& packet,
                                                        const FlowKey& key) noexcept;
  void add_fragment(const Frame& frame, const Packet& packet) noexcept;
  void add_datagram(const Frame& frame, const Packet& packet) noexcept;
  void add_segment(const Frame& frame, const Packet& packet, const FlowKey& key) noexcept;
  void follow(FlowEntry& entry, const Frame& frame, const Packet& packet,
              const FlowKey& key) noexcept;
  void note_answer(const FlowEntry& entry, const Frame& frame, const Packet& packet,
                   const FlowKey& key) noexcept;
  void note_opening(FlowEntry& entry, const Packet& packet, Direction direction) noexcept;
  void first_payload(FlowEntry& entry, const Frame& frame, const Packet& packet,
                     const FlowKey& key) noexcept;
  void start_connection(FlowEntry& entry, const Frame& frame, const Packet& packet,
                        const FlowKey& key) noexcept;
  void dismiss(FlowEntry& entry, const Frame& frame, const Packet& packet,
               StreamKind kind) noexcept;
  void forget(std::uint64_t tag) noexcept;
  void end_of_batch() noexcept;
  void tell_progress(std::uint64_t sequence) noexcept;
  void collect_counters() noexcept;
  void tell_unfinished_fragments() noexcept;

  Limits limits;
  RpcObserver& observer;
  DissectStatistics statistics;
  FlowTable flows;
  IpFragments fragments;
  TcpConnections connections;
  TcpOpenings openings;
  RpcDatagrams datagrams;
  FrameReference last_frame;
  std::size_t dissected_segments = 0;  // of the batch before
};

Dissector::Dissector(const Limits& limits, RpcObserver& observer, std::uint64_t seed)
    : state_(std::make_unique<State>(limits, observer, seed)) {}

Dissector::~Dissector() = default;

void Dissector::process(std::span<const Frame> frames) noexcept {
  while (!frames.empty()) {
    const std::size_t count = std::min(frames.size(), kBatch);
    state_->process_batch(frames.first(count));
    frames = frames.subspan(count);
  }
}

void Dissector::advance(std::span<const Frame> frames) noexcept {
  if (!frames.empty()) {
    // The last frame's time, not the latest ever: one corrupt timestamp must not make all that
    // follows look old.
    state_->last_frame = reference_to(frames.back());
  }
  state_->end_of_batch();
}

void Dissector::tell_progress(const Frame& last) noexcept { state_->tell_progress(last.sequence); }

void Dissector::finish() noexcept {
  State& state = *state_;
  state.connections.close_all(state.last_frame);
  state.openings.finish();
  state.datagrams.close_all();
  state.collect_counters();
  state.tell_unfinished_fragments();
  state.observer.on_watermark(std::numeric_limits<std::uint64_t>::max());
}

const DissectStatistics& Dissector::statistics() const noexcept { return state_->statistics; }

void Dissector::State::tell_unfinished_fragments() noexcept {
  if (statistics.ip_datagrams_unfinished == 0) return;
  Blindness blindness = make_blindness(BlindnessKind::unfinished_fragments, last_frame);
  blindness.messages = statistics.ip_datagrams_unfinished;
  observer.on_blindness(blindness);
}

void Dissector::State::collect_counters() noexcept {
  const TcpCounters& tcp = connections.tcp_counters();
  statistics.segments_retransmitted = tcp.retransmitted;
  statistics.segments_out_of_order = tcp.out_of_order;
  statistics.segments_out_of_window = tcp.out_of_window;
  statistics.segments_not_taken = tcp.not_taken;
  statistics.segments_conflicting = tcp.conflicting;
  statistics.segments_unverified = tcp.unverified;
  statistics.connections_past_reset = tcp.past_reset;
  statistics.flows_evicted = flows.counters().evicted;
  statistics.ip_datagrams_unfinished = fragments.counters().unfinished() + fragments.size();
}

// Several passes, so that memory is on its way before it is needed: the flow table's while headers
// are decoded, and that of connections where there were many of them in the batch before.
void Dissector::State::process_batch(std::span<const Frame> frames) noexcept {
  std::array<Packet, kBatch> packets;
  std::array<FlowKey, kBatch> keys;
  for (std::size_t i = 0; i < frames.size(); ++i) decode(frames[i], packets[i], keys[i]);

  std::array<Slot<TcpConnection>, kBatch> slots;
  const bool ahead = dissected_segments >= kBatch / 4;
  if (ahead) {
    for (std::size_t i = 0; i < frames.size(); ++i)
      slots[i] = prefetch_connection(packets[i], keys[i]);
  }
  dissected_segments = 0;
  for (std::size_t i = 0; i < frames.size(); ++i) {
    const Frame& frame = frames[i];
    if (ahead && i + kPrefetchDistance < frames.size() && slots[i + kPrefetchDistance]) {
      connections.prefetch_carried(slots[i + kPrefetchDistance]);
    }
    if (packets[i].transport == Transport::tcp) {
      add_segment(frame, packets[i], keys[i]);
    } else if (packets[i].transport == Transport::udp) {
      add_datagram(frame, packets[i]);
    } else if (packets[i].transport == Transport::fragment) {
      add_fragment(frame, packets[i]);
    }
  }
}

Slot<TcpConnection> Dissector::State::prefetch_connection(const Packet& packet,
                                                          const FlowKey& key) noexcept {
  if (packet.transport != Transport::tcp) return {};
  const FlowEntry* entry = flows.find(key.tag);
  if (entry == nullptr || entry->state() != kConnection) return {};
  const Slot<TcpConnection> slot(entry->value);
  connections.prefetch(slot);
  return slot;
}

void Dissector::State::decode(const Frame& frame, Packet& packet, FlowKey& key) noexcept {
  ++statistics.frames;
  statistics.bytes += frame.bytes.size();
  if (frame.bytes.size() < frame.original_length) ++statistics.frames_cut;
  const DecodeStatus status = decode_packet(frame, limits, packet);
  if (status == DecodeStatus::ok) {
    if (packet.transport != Transport::tcp) {
      ++statistics.udp_datagrams;
      return;
    }
    key = flows.key(packet);
    flows.prefetch(key.tag);
    return;
  }
  if (status == DecodeStatus::fragment) {
    ++statistics.ip_fragments;
    return;
  }
  packet.transport = Transport::none;
  switch (status) {
    case DecodeStatus::other_transport: ++statistics.other_transport; break;
    case DecodeStatus::not_ip: ++statistics.frames_not_ip; break;
    case DecodeStatus::too_deep: ++statistics.frames_too_deep; break;
    default: ++statistics.frames_malformed; break;
  }
}

void Dissector::State::add_fragment(const Frame& frame, const Packet& packet) noexcept {
  Packet piece = packet;
  // A datagram may hold a tunnel whose packets are fragments again.
  for (std::size_t depth = 0; depth < limits.tunnel_depth; ++depth) {
    const std::optional<Datagram> datagram = fragments.add(piece, frame.timestamp);
    if (!datagram) return;
    const DecodeStatus status = decode_datagram(*datagram, limits, piece);
    if (status == DecodeStatus::fragment) continue;
    if (status != DecodeStatus::ok) {
      ++statistics.frames_malformed;
    } else if (piece.transport == Transport::tcp) {
      add_segment(frame, piece, flows.key(piece));
    } else {
      ++statistics.udp_datagrams;
      add_datagram(frame, piece);
    }
    return;
  }
  ++statistics.frames_too_deep;
}

// A datagram needs no flow: its first bytes say whether it is RPC, and RPC names its call in each.
void Dissector::State::add_datagram(const Frame& frame, const Packet& packet) noexcept {
  if (may_be_connectionless(packet.payload)) datagrams.add(packet, reference_to(frame));
}

void Dissector::State::add_segment(const Frame& frame, const Packet& packet,
                                   const FlowKey& key) noexcept {
  ++statistics.tcp_segments;
  const FlowLookup lookup = flows.find_or_insert(key.tag, frame.timestamp);
  if (lookup.inserted) {
    ++statistics.flows;
    if (lookup.evicted && lookup.evicted->state() == kConnection) {
      connections.evict(Slot<TcpConnection>(lookup.evicted->value), reference_to(frame));
    }
  }
  FlowEntry& entry = *lookup.entry;
  if (limits.tcp_openings != 0 && (packet.tcp.has_fin() || packet.tcp.has_rst())) {
    observer.on_closing(
        {reference_to(frame), packet.source_endpoint(), packet.destination_endpoint()});
  }
  // The common case: a flow known to be something else, on which nothing new begins.
  if (entry.state() == kDismissed && !packet.tcp.has_syn()) return;
  if (limits.tcp_openings != 0) note_answer(entry, frame, packet, key);
  follow(entry, frame, packet, key);
}

// Whether connections come about, until they carry something.
void Dissector::State::note_answer(const FlowEntry& entry, const Frame& frame, const Packet& packet,
                                   const FlowKey& key) noexcept {
  if (packet.tcp.is_syn()) {
    openings.note_syn(key.tag, packet, reference_to(frame));
  } else if (entry.state() == kOpeningForward || entry.state() == kOpeningReverse) {
    openings.note_other(key.tag, packet);
  }
}

void Dissector::State::follow(FlowEntry& entry, const Frame& frame, const Packet& packet,
                              const FlowKey& key) noexcept {
  if (entry.state() == kConnection) {
    ++dissected_segments;
    const Slot<TcpConnection> slot(entry.value);
    const std::optional<TcpReopening> reopening =
        connections.reopened_by(slot, key.direction, packet);
    if (!reopening) {
      const ConnectionFate fate = connections.add(slot, key.direction, packet, reference_to(frame));
      if (fate.forgotten) forget(*fate.forgotten);
      if (!fate.open) dismiss(entry, frame, packet, fate.kind);
      return;
    }
    connections.close(slot, reference_to(frame));
    entry.set_valuable(false);
    entry.set_state(opening_by(reopening->opener));
    entry.value = reopening->first;
  } else if (packet.tcp.has_syn()) {
    note_opening(entry, packet, key.direction);
  }
  if (packet.payload_length != 0 && entry.state() != kDismissed) {
    first_payload(entry, frame, packet, key);
  }
}

void Dissector::State::note_opening(FlowEntry& entry, const Packet& packet,
                                    Direction direction) noexcept {
  if (packet.tcp.is_syn()) {
    entry.set_state(opening_by(direction));
    entry.value = packet.tcp.sequence + 1;
  } else if (entry.state() != kOpeningForward && entry.state() != kOpeningReverse) {
    // Only the answer was captured: it acknowledges the client's number.
    entry.set_state(opening_by(opposite(direction)));
    entry.value = packet.tcp.acknowledgment;
  }
}

// The first payload decides, and nearly always against us: no state beyond the entry is spent on a
// flow before its bytes have spoken for it.
void Dissector::State::first_payload(FlowEntry& entry, const Frame& frame, const Packet& packet,
                                     const FlowKey& key) noexcept {
  const unsigned state = entry.state();
  const bool late = state == kFresh || state == kJoinedLate;
  const std::uint32_t sequence = packet.tcp.sequence + (packet.tcp.has_syn() ? 1 : 0);
  const bool first = late || state != opening_by(key.direction) || sequence == entry.value;
  if (!first) {  // bytes before these are missing yet
    start_connection(entry, frame, packet, key);
    return;
  }
  const StreamKind kind =
      packet.payload.empty() ? StreamKind::undecided : probe_stream(packet.payload);
  if (kind != StreamKind::other) {
    if (kind == StreamKind::http_proxy) {
      dismiss(entry, frame, packet, kind);
    } else {
      start_connection(entry, frame, packet, key);
    }
    return;
  }
  if (!late) {
    entry.set_state(kDismissed);
    return;
  }
  entry.value = state == kJoinedLate ? entry.value + 1 : 1;
  entry.set_state(entry.value >= late_tries(packet) ? kDismissed : kJoinedLate);
}

void Dissector::State::start_connection(FlowEntry& entry, const Frame& frame, const Packet& packet,
                                        const FlowKey& key) noexcept {
  const Endpoint source = packet.source_endpoint();
  const Endpoint destination = packet.destination_endpoint();
  std::array<Endpoint, 2> endpoints{source, destination};
  if (key.direction == Direction::reverse) std::swap(endpoints[0], endpoints[1]);

  const unsigned state = entry.state();
  const bool opening = state == kOpeningForward || state == kOpeningReverse;
  const FrameReference reference = reference_to(frame);
  const TcpConnections::Opened opened = connections.open(key.tag, endpoints, !opening, reference);
  if (opened.evicted) forget(*opened.evicted);
  if (opening) connections.expect(opened.slot, opener_of(state), entry.value);
  entry.set_state(kConnection);
  entry.set_valuable(true);
  entry.value = opened.slot.index;
  const ConnectionFate fate = connections.add(opened.slot, key.direction, packet, reference);
  if (!fate.open) dismiss(entry, frame, packet, fate.kind);
}

void Dissector::State::dismiss(FlowEntry& entry, const Frame& frame, const Packet& packet,
                               StreamKind kind) noexcept {
  entry.set_state(kDismissed);
  entry.set_valuable(false);
  if (kind != StreamKind::http_proxy) return;
  ++statistics.flows_http;
  observer.on_blindness(make_blindness(BlindnessKind::http_not_dissected, reference_to(frame),
                                       {packet.source_endpoint(), packet.destination_endpoint()}));
}

// A connection that was closed for room or age; its flow may be taken up again midway.
void Dissector::State::forget(std::uint64_t tag) noexcept {
  FlowEntry* entry = flows.find(tag);
  if (entry == nullptr) return;
  entry->set_state(kFresh);
  entry->set_valuable(false);
}

void Dissector::State::end_of_batch() noexcept {
  // One idle connection at a time: there is no hurry, and a damaged timestamp shall not end them
  // all.
  const TcpConnections::Closed closed = connections.expire(last_frame);
  datagrams.expire(last_frame.timestamp);
  openings.expire(last_frame.timestamp);
  for (std::size_t i = 0; i < closed.count; ++i) forget(closed.tags[i]);
  collect_counters();
  tell_progress(last_frame.sequence);
}

void Dissector::State::tell_progress(std::uint64_t sequence) noexcept {
  observer.on_watermark(std::min(connections.earliest_open(), sequence + 1));
}

}  // namespace rpcaudit::dissect
