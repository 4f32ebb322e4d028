#include "dissect/dissector.h"

#include <algorithm>
#include <array>

#include "dissect/net/ip_fragments.h"
#include "dissect/net/link.h"
#include "dissect/net/packet.h"
#include "dissect/rpc/rpc_datagrams.h"
#include "dissect/tcp/flow_table.h"
#include "dissect/tcp_flows.h"

namespace rpcaudit::dissect {
namespace {

constexpr std::size_t kBatch = 32;
// How many frames lie between the use of a connection and each step of fetching what it leads to.
constexpr std::array<std::size_t, kPrefetchSteps> kPrefetchDistances{9, 6, 4, 2};

FrameReference reference_to(const Frame& frame) noexcept {
  return {frame.number, frame.sequence, frame.input, outermost_vlan(frame), frame.timestamp};
}

}  // namespace

struct Dissector::State {
  State(const Limits& limits_in, RpcObserver& observer_in, std::uint64_t seed)
      : limits(limits_in),
        observer(observer_in),
        flows(limits, observer, statistics, seed),
        fragments(limits, seed),
        datagrams(limits, observer, statistics, seed) {}

  void process_batch(std::span<const Frame> frames) noexcept;
  void decode(const Frame& frame, Packet& packet, FlowKey& key) noexcept;
  void count_unread(DecodeStatus status, const Frame& frame) noexcept;
  void add_fragment(const Frame& frame, const Packet& packet) noexcept;
  void add_datagram(const Frame& frame, const Packet& packet) noexcept;
  void end_of_batch() noexcept;
  void tell_progress(std::uint64_t sequence) noexcept;
  void collect_counters() noexcept;
  void tell_encapsulated() noexcept;
  void tell_unfinished_fragments() noexcept;

  Limits limits;
  RpcObserver& observer;
  DissectStatistics statistics;
  TcpFlows flows;
  IpFragments fragments;
  RpcDatagrams datagrams;
  FrameReference last_frame;
  std::uint64_t encapsulated_bytes = 0;
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
  state.flows.finish(state.last_frame);
  state.datagrams.close_all();
  state.collect_counters();
  state.tell_unfinished_fragments();
  state.tell_encapsulated();
  state.observer.on_watermark(kAllFrames);
}

const DissectStatistics& Dissector::statistics() const noexcept { return state_->statistics; }

// Tells the frames in encapsulations that are not followed together: nobody knows what they are.
void Dissector::State::tell_encapsulated() noexcept {
  const std::uint64_t frames = statistics.frames_encapsulated + statistics.frames_too_deep;
  if (frames == 0) return;
  Blindness blindness = make_blindness(BlindnessKind::encapsulated, last_frame);
  blindness.messages = frames;
  blindness.bytes = encapsulated_bytes;
  observer.on_blindness(blindness);
}

void Dissector::State::tell_unfinished_fragments() noexcept {
  if (statistics.ip_datagrams_unfinished == 0) return;
  Blindness blindness = make_blindness(BlindnessKind::unfinished_fragments, last_frame);
  blindness.messages = statistics.ip_datagrams_unfinished;
  observer.on_blindness(blindness);
}

void Dissector::State::collect_counters() noexcept {
  flows.collect_counters();
  statistics.ip_datagrams_unfinished = fragments.counters().unfinished() + fragments.size();
  statistics.ip_fragments_conflicting = fragments.counters().conflicts;
}

// Several passes, so that memory is on its way before it is needed: the flow table's while headers
// are decoded, and that of connections where there were many of them in the batch before.
void Dissector::State::process_batch(std::span<const Frame> frames) noexcept {
  std::array<Packet, kBatch> packets;
  std::array<FlowKey, kBatch> keys;
  for (std::size_t i = 0; i < frames.size(); ++i) decode(frames[i], packets[i], keys[i]);

  std::array<Slot<TcpConnection>, kBatch + kPrefetchDistances.front()> slots;
  const bool ahead = dissected_segments >= kBatch / 4;
  for (std::size_t i = 0; ahead && i < frames.size(); ++i) {
    if (packets[i].transport == Transport::tcp) slots[i] = flows.fetch_connection(keys[i]);
  }
  dissected_segments = 0;
  for (std::size_t step = 0; ahead && step < kPrefetchSteps; ++step) {
    for (std::size_t i = 0; i < kPrefetchDistances[step]; ++i) {
      if (slots[i]) flows.prefetch_carried(slots[i], keys[i], step);
    }
  }
  for (std::size_t i = 0; i < frames.size(); ++i) {
    const Frame& frame = frames[i];
    for (std::size_t step = 0; ahead && step < kPrefetchSteps; ++step) {
      const std::size_t later = i + kPrefetchDistances[step];
      if (slots[later]) flows.prefetch_carried(slots[later], keys[later], step);
    }
    if (packets[i].transport == Transport::tcp) {
      if (flows.add(packets[i], keys[i], reference_to(frame))) ++dissected_segments;
    } else if (packets[i].transport == Transport::udp) {
      add_datagram(frame, packets[i]);
    } else if (packets[i].transport == Transport::fragment) {
      add_fragment(frame, packets[i]);
    }
  }
}

void Dissector::State::decode(const Frame& frame, Packet& packet, FlowKey& key) noexcept {
  ++statistics.frames;
  statistics.bytes += frame.bytes.size();
  if (frame.bytes.size() < frame.original_length) ++statistics.frames_cut;
  const DecodeStatus status = decode_packet(frame, limits, packet);
  if (status == DecodeStatus::ok) {
    if (packet.transport == Transport::tcp) {
      key = flows.fetch(packet);
    } else {
      ++statistics.udp_datagrams;
    }
    return;
  }
  if (status == DecodeStatus::fragment) {
    ++statistics.ip_fragments;
    return;
  }
  packet.transport = Transport::none;
  count_unread(status, frame);
}

void Dissector::State::count_unread(DecodeStatus status, const Frame& frame) noexcept {
  switch (status) {
    case DecodeStatus::other_transport: ++statistics.other_transport; return;
    case DecodeStatus::not_ip: ++statistics.frames_not_ip; return;
    case DecodeStatus::too_deep: ++statistics.frames_too_deep; break;
    case DecodeStatus::encapsulated: ++statistics.frames_encapsulated; break;
    default: ++statistics.frames_malformed; return;
  }
  encapsulated_bytes += frame.original_length;
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
      count_unread(status, frame);
    } else if (piece.transport == Transport::tcp) {
      flows.add(piece, flows.fetch(piece), reference_to(frame));
    } else {
      ++statistics.udp_datagrams;
      add_datagram(frame, piece);
    }
    return;
  }
  count_unread(DecodeStatus::too_deep, frame);
}

// A datagram needs no flow: its first bytes say whether it is RPC, and RPC names its call in each.
void Dissector::State::add_datagram(const Frame& frame, const Packet& packet) noexcept {
  if (!may_be_connectionless(packet.payload)) return;
  datagrams.add({packet.source_endpoint(), packet.destination_endpoint(), packet.payload,
                 packet.payload_length, packet.doubts},
                reference_to(frame));
}

void Dissector::State::end_of_batch() noexcept {
  flows.expire(last_frame);
  datagrams.expire(last_frame.timestamp);
  collect_counters();
  tell_progress(last_frame.sequence);
}

void Dissector::State::tell_progress(std::uint64_t sequence) noexcept {
  observer.on_watermark(std::min(flows.earliest_open(), sequence + 1));
}

}  // namespace rpcaudit::dissect
