#include "dissect/tcp_flows.h"

#include <algorithm>
#include <array>
#include <cstring>
#include <utility>

#include "dissect/tcp/tcp_header.h"

namespace rpcaudit::dissect {
namespace {

// What a flow is known to be; kept in its FlowEntry.
enum FlowState : unsigned {
  kFresh = 0,            // no payload seen, no SYN
  kOpeningForward = 1,   // the client sends forward; value: the sequence number of its first byte
  kOpeningReverse = 2,   // the client sends in the other direction
  kAnsweredForward = 3,  // as kOpeningForward, and the server has acknowledged that number
  kAnsweredReverse = 4,
  kConnection = 5,  // under dissection; value: its connection's slot
  // All states from here on: what was seen was nothing to dissect.
  kDismissed = 6,         // its start was not seen
  kDismissedForward = 7,  // its start was seen, as in kOpeningForward
  kDismissedReverse = 8,
  kLeft = 9,   // it was under dissection, until its connection ended or made room
  kHttp = 10,  // RPC over an HTTP proxy, and that was told; what its channels carry is not followed
};

// Sequence numbers farther apart than this are not of the same window.
constexpr std::uint32_t kWindowMax = 1u << 26;

unsigned opening_by(Direction client) noexcept {
  return client == Direction::forward ? kOpeningForward : kOpeningReverse;
}
unsigned answered(unsigned opening) noexcept {
  return opening == kOpeningForward ? kAnsweredForward : kAnsweredReverse;
}
bool is_answered(unsigned state) noexcept {
  return state == kAnsweredForward || state == kAnsweredReverse;
}
bool is_opening(unsigned state) noexcept {
  return state == kOpeningForward || state == kOpeningReverse || is_answered(state);
}
// Whether the sequence number of the client's first byte is known.
bool has_start(unsigned state) noexcept {
  return is_opening(state) || state == kDismissedForward || state == kDismissedReverse;
}
Direction client_of(unsigned state) noexcept {
  const bool is_forward =
      state == kOpeningForward || state == kAnsweredForward || state == kDismissedForward;
  return is_forward ? Direction::forward : Direction::reverse;
}
unsigned dismissed(unsigned state) noexcept {
  if (!has_start(state)) return state >= kDismissed ? state : unsigned{kDismissed};
  return client_of(state) == Direction::forward ? kDismissedForward : kDismissedReverse;
}

// The sequence number of the first byte of payload: a SYN takes the one before it.
std::uint32_t payload_sequence(const Packet& packet) noexcept {
  return packet.tcp.sequence + (packet.tcp.has_syn() ? 1 : 0);
}

// A glance at the first bytes of a segment, made for every segment of a dismissed flow: a header of
// RPC (C706 12.6.3.1), framed SMB, or a request to an RPC proxy. Nearly all are none of them.
bool may_begin_like_rpc_or_smb(Bytes payload) noexcept {
  constexpr std::size_t kGlance = 8;
  if (payload.size() < kGlance) return false;
  std::array<unsigned char, kGlance> bytes;
  std::memcpy(bytes.data(), payload.data(), kGlance);
  if (bytes[0] == 5) return bytes[1] <= 1;
  if (bytes[0] == 0) return bytes[4] >= 0xfc && bytes[5] == 'S' && bytes[6] == 'M';
  return bytes[0] == 'R' && bytes[1] == 'P' && bytes[2] == 'C' && bytes[3] == '_';
}

}  // namespace

TcpFlows::TcpFlows(const Limits& limits, RpcObserver& observer, DissectStatistics& statistics,
                   std::uint64_t seed)
    : observer_(observer),
      statistics_(statistics),
      tells_openings_(limits.tcp_openings != 0),
      flows_(limits, seed),
      connections_(limits, observer, statistics, seed),
      openings_(limits, observer, statistics) {}

Slot<TcpConnection> TcpFlows::fetch_connection(const FlowKey& key) noexcept {
  const FlowEntry* entry = flows_.find(key.tag);
  if (entry == nullptr || entry->state() != kConnection) return {};
  const Slot<TcpConnection> slot(entry->value);
  connections_.prefetch(slot);
  return slot;
}

bool TcpFlows::add(const Packet& packet, const FlowKey& key, const FrameReference& frame) noexcept {
  ++statistics_.tcp_segments;
  const FlowLookup lookup = flows_.find_or_insert(key.tag, frame.timestamp);
  if (lookup.inserted) {
    ++statistics_.flows;
    if (lookup.evicted && lookup.evicted->state() == kConnection) {
      connections_.evict(Slot<TcpConnection>(lookup.evicted->value), frame);
    }
  }
  FlowEntry& entry = *lookup.entry;
  if (tells_openings_ && (packet.tcp.has_fin() || packet.tcp.has_rst())) {
    observer_.on_closing({frame, packet.source_endpoint(), packet.destination_endpoint()});
  }
  // The common case: a flow known to be something else, on which nothing new begins.
  if (entry.state() >= kDismissed && !packet.tcp.has_syn() && !is_taken_up_by(entry, packet, key)) {
    return false;
  }
  if (tells_openings_) note_answer(entry, packet, key, frame);
  return follow(entry, packet, key, frame);
}

// Notes what answers an opening, until the flow has carried data.
void TcpFlows::note_answer(const FlowEntry& entry, const Packet& packet, const FlowKey& key,
                           const FrameReference& frame) noexcept {
  if (packet.tcp.is_syn()) {
    openings_.note_syn(key.tag, packet, frame);
  } else if (is_opening(entry.state()) || packet.tcp.has_syn() || packet.tcp.has_rst()) {
    openings_.note_other(key.tag, packet);
  }
}

// Whether a segment makes a dismissed flow worth another look: it begins like something that is
// dissected, or it brings the client's first byte (again), and the server may not have taken what
// was there before. Where the client is known, what the server says alone is no reason.
bool TcpFlows::is_taken_up_by(const FlowEntry& entry, const Packet& packet,
                              const FlowKey& key) const noexcept {
  const unsigned state = entry.state();
  if (state == kHttp) return false;
  if (has_start(state)) {
    if (key.direction != client_of(state)) return false;
    if (packet.tcp.sequence == entry.value && !packet.payload.empty() &&
        (packet.tcp.has(kTcpUrg) || probe_stream(packet.payload) != StreamKind::other)) {
      return true;
    }
  }
  if (!may_begin_like_rpc_or_smb(packet.payload)) return false;
  const StreamKind kind = probe_stream(packet.payload);
  return kind == StreamKind::rpc || kind == StreamKind::smb || kind == StreamKind::http_proxy;
}

bool TcpFlows::follow(FlowEntry& entry, const Packet& packet, const FlowKey& key,
                      const FrameReference& frame) noexcept {
  if (entry.state() == kConnection &&
      connections_.close_past(Slot<TcpConnection>(entry.value), frame)) {
    forget(key.tag);
    if (!packet.tcp.has_syn() && !is_taken_up_by(entry, packet, key)) return false;
  }
  const bool is_dissected = entry.state() == kConnection;
  if (is_dissected) {
    const Slot<TcpConnection> slot(entry.value);
    const std::optional<TcpReopening> reopening =
        connections_.reopened_by(slot, key.direction, packet);
    if (!reopening) {
      const ConnectionFate fate = connections_.add(slot, key.direction, packet, frame);
      if (fate.forgotten) forget(*fate.forgotten);
      if (fate.open) return true;
      leave(entry, fate, packet, frame);
      // What came before may have been a keep-alive, or a decoy; this segment may be the beginning.
      if (fate.kind != StreamKind::other || !is_taken_up_by(entry, packet, key)) return true;
    } else {
      connections_.close(slot, frame);
      entry.set_valuable(false);
      const unsigned opening = opening_by(reopening->opener);
      entry.set_state(packet.tcp.has_syn() ? answered(opening) : opening);
      entry.value = reopening->first;
    }
  } else if (packet.tcp.has_syn()) {
    if (contradicts_opening(entry, packet, key.direction)) {
      start_connection(entry, packet, key, frame);
      return true;
    }
    note_opening(entry, packet, key.direction);
  }
  if (packet.payload_length != 0) first_payload(entry, packet, key, frame);
  return is_dissected;
}

// Whether a SYN, or the answer to one, belongs to another handshake than the one that is complete.
// It may be forged, or open the connection anew: its TcpConversation finds out.
bool TcpFlows::contradicts_opening(const FlowEntry& entry, const Packet& packet,
                                   Direction direction) noexcept {
  const unsigned state = entry.state();
  if (!is_answered(state)) return false;
  const bool is_by_client = direction == client_of(state);
  if (packet.tcp.is_syn()) return !is_by_client || entry.value != packet.tcp.sequence + 1;
  return is_by_client || entry.value != packet.tcp.acknowledgment;
}

void TcpFlows::note_opening(FlowEntry& entry, const Packet& packet, Direction direction) noexcept {
  const unsigned state = entry.state();
  if (packet.tcp.is_syn()) {
    const std::uint32_t first = packet.tcp.sequence + 1;
    const bool is_repeated =
        has_start(state) && client_of(state) == direction && entry.value == first;
    if (is_repeated) return;
    entry.set_state(opening_by(direction));
    entry.value = first;
  } else if (!is_opening(state)) {
    if (has_start(state)) return;
    entry.set_state(opening_by(opposite(direction)));
    entry.value = packet.tcp.acknowledgment;
  } else if (direction != client_of(state) && !is_answered(state)) {
    // The answer acknowledges the client's number, also where a forged SYN stated another.
    if (entry.value == packet.tcp.acknowledgment) entry.set_state(answered(state));
    entry.value = packet.tcp.acknowledgment;
  }
}

void TcpFlows::first_payload(FlowEntry& entry, const Packet& packet, const FlowKey& key,
                             const FrameReference& frame) noexcept {
  const unsigned state = entry.state();
  const bool is_later = is_opening(state) && key.direction == client_of(state) &&
                        payload_sequence(packet) != entry.value;
  // The bytes that decide are not here yet, or a receiver may take the urgent byte out of them.
  if (is_later || packet.payload.empty() || packet.tcp.has(kTcpUrg)) {
    return start_connection(entry, packet, key, frame);
  }
  switch (probe_stream(packet.payload)) {
    case StreamKind::other: entry.set_state(dismissed(state)); return;
    case StreamKind::http_proxy: return note_http(entry, packet, frame);
    default: return start_connection(entry, packet, key, frame);
  }
}

void TcpFlows::start_connection(FlowEntry& entry, const Packet& packet, const FlowKey& key,
                                const FrameReference& frame) noexcept {
  std::array<Endpoint, 2> endpoints{packet.source_endpoint(), packet.destination_endpoint()};
  if (key.direction == Direction::reverse) std::swap(endpoints[0], endpoints[1]);

  const unsigned state = entry.state();
  if (state >= kDismissed) ++statistics_.flows_taken_up;
  const bool joined_late = state == kFresh || state == kDismissed;
  const TcpConnections::Opened opened = connections_.open(key.tag, endpoints, joined_late, frame);
  if (opened.evicted) forget(*opened.evicted);
  if (is_near_start(entry, packet, key)) {
    connections_.expect(opened.slot, client_of(state), entry.value, is_answered(state));
  }
  entry.set_state(kConnection);
  entry.set_valuable(true);
  entry.value = opened.slot.index;
  const ConnectionFate fate = connections_.add(opened.slot, key.direction, packet, frame);
  if (!fate.open) leave(entry, fate, packet, frame);
}

// Whether the connection that begins with this segment is to begin with the client's first byte. A
// dismissed flow may be far beyond that by now, and a SYN may have been forged: what lies between
// is waited for only where it can be a segment that comes late.
bool TcpFlows::is_near_start(const FlowEntry& entry, const Packet& packet,
                             const FlowKey& key) noexcept {
  const unsigned state = entry.state();
  if (!has_start(state)) return false;
  if (key.direction != client_of(state) || is_answered(state)) return is_opening(state);
  const std::uint32_t distance = payload_sequence(packet) - entry.value;
  return is_opening(state) ? distance <= kWindowMax : distance == 0;
}

// A connection that was closed: it is over, or it has turned out to be nothing to dissect.
void TcpFlows::leave(FlowEntry& entry, const ConnectionFate& fate, const Packet& packet,
                     const FrameReference& frame) noexcept {
  entry.set_valuable(false);
  entry.set_state(fate.joined_late && fate.kind == StreamKind::other ? kDismissed : kLeft);
  if (fate.kind == StreamKind::http_proxy) note_http(entry, packet, frame);
}

void TcpFlows::note_http(FlowEntry& entry, const Packet& packet,
                         const FrameReference& frame) noexcept {
  entry.set_state(kHttp);
  ++statistics_.flows_http;
  observer_.on_blindness(make_blindness(BlindnessKind::http_not_dissected, frame,
                                        {packet.source_endpoint(), packet.destination_endpoint()}));
}

// A connection that was closed to make room; its flow may be taken up again midway.
void TcpFlows::forget(std::uint64_t tag) noexcept {
  FlowEntry* entry = flows_.find(tag);
  if (entry == nullptr) return;
  entry->set_state(kLeft);
  entry->set_valuable(false);
}

void TcpFlows::expire(const FrameReference& now) noexcept {
  const TcpConnections::Closed closed = connections_.expire(now);
  for (std::size_t i = 0; i < closed.count; ++i) forget(closed.tags[i]);
  openings_.expire(now.timestamp);
}

void TcpFlows::finish(const FrameReference& now) noexcept {
  connections_.close_all(now);
  openings_.finish();
}

void TcpFlows::collect_counters() noexcept {
  const TcpCounters& tcp = connections_.tcp_counters();
  statistics_.segments_retransmitted = tcp.retransmitted;
  statistics_.segments_out_of_order = tcp.out_of_order;
  statistics_.segments_out_of_window = tcp.out_of_window;
  statistics_.segments_not_taken = tcp.not_taken;
  statistics_.segments_conflicting = tcp.conflicting;
  statistics_.segments_unverified = tcp.unverified;
  statistics_.connections_past_reset = tcp.past_reset;
  statistics_.flows_evicted = flows_.counters().evicted;
}

}  // namespace rpcaudit::dissect
