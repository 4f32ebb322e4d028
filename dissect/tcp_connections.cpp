#include "dissect/tcp_connections.h"

#include <algorithm>
#include <cstring>

#include "dissect/net/checksum.h"

namespace rpcaudit::dissect {
namespace {

// One bind may propose 255 contexts, and one segment may hold several binds: so many contexts are
// kept free that those of one connection never have to make room for themselves.
constexpr std::size_t kContextsKeptFree = 2048;

}  // namespace

// What a conversation tells, handed on with the connection it came from.
struct TcpConnections::Sink final : TcpStreamSink {
  Sink(TcpConnections& connections_in, std::uint32_t slot_in)
      : connections(connections_in), slot(slot_in) {}

  void on_bytes(Direction direction, Bytes bytes, const FrameReference& frame) noexcept override {
    connections.on_bytes(slot, static_cast<unsigned>(direction), bytes, frame);
  }
  void on_gap(Direction direction, std::uint64_t missing, GapKind kind,
              const FrameReference& frame) noexcept override {
    const bool cut = kind == GapKind::snap_length;
    connections.on_gap(slot, static_cast<unsigned>(direction), missing,
                       cut ? BlindnessKind::snap_length_cut : BlindnessKind::gap, frame);
  }

  TcpConnections& connections;
  std::uint32_t slot;
};

TcpConnections::TcpConnections(const Limits& limits, RpcObserver& observer,
                               DissectStatistics& statistics, std::uint64_t seed)
    : limits_(limits),
      observer_(observer),
      statistics_(statistics),
      sessions_(limits, observer, statistics, seed),
      smb_(limits, observer, statistics, sessions_, seed),
      tcp_(limits),
      connections_(limits.rpc_connections),
      marks_(2 * limits.rpc_connections) {}

std::uint32_t TcpConnections::open(std::uint64_t tag, const std::array<Endpoint, 2>& endpoints,
                                   bool joined_late, const FrameReference& frame,
                                   Evicted& evicted) noexcept {
  make_room(frame, evicted);
  const std::uint32_t slot = connections_.take();
  TcpConnection& connection = connections_[slot];
  connection = TcpConnection{};
  connection.tag = tag;
  connection.endpoints = endpoints;
  connection.joined_late = joined_late;
  connection.last_seen = frame.timestamp;
  link_front(slot);
  return slot;
}

void TcpConnections::expect(std::uint32_t slot, unsigned direction,
                            std::uint32_t sequence) noexcept {
  connections_[slot].conversation.open(static_cast<Direction>(direction), sequence);
}

// A SYN repeated, or answered late, is about the connection there is: its number is near.
bool TcpConnections::is_reopened_by(std::uint32_t slot, unsigned direction,
                                    const Packet& packet) const noexcept {
  if (!packet.tcp.is_syn()) return false;
  const TcpConversation& conversation = connections_[slot].conversation;
  const auto sender = static_cast<Direction>(direction);
  return !conversation.started(sender) || !conversation.opened_with(sender, packet);
}

ConnectionFate TcpConnections::add(std::uint32_t slot, unsigned direction, const Packet& packet,
                                   const FrameReference& frame) noexcept {
  TcpConnection& connection = connections_[slot];
  touch(slot, frame.timestamp);
  verify_checksum(connection, direction, packet);
  turned_out_ = StreamKind::rpc;

  Sink sink(*this, slot);
  TcpConversation& conversation = connection.conversation;
  conversation.add(static_cast<Direction>(direction), packet, frame, tcp_, sink);
  const bool finished =
      conversation.finished(Direction::forward) && conversation.finished(Direction::reverse);
  if (turned_out_ == StreamKind::rpc && !finished && !packet.tcp.has_rst()) {
    mark_open(slot);
    return {};
  }
  const StreamKind kind = turned_out_;
  close(slot, frame);
  return {false, kind};
}

// Not of what is passed over: looking at it would cost more than all the rest.
void TcpConnections::verify_checksum(const TcpConnection& connection, unsigned direction,
                                     const Packet& packet) noexcept {
  if (connection.session == kNoSlot && connection.smb == kNoSlot) return;
  if (connection.smb != kNoSlot &&
      smb_.passes_over(connection.smb, static_cast<Direction>(direction), packet.payload.size())) {
    return;
  }
  if (verify_transport_checksum(packet) == ChecksumResult::bad) ++statistics_.bad_checksums;
}

void TcpConnections::consume(const TcpConnection& connection, unsigned direction, Bytes bytes,
                             const FrameReference& frame) noexcept {
  if (connection.session != kNoSlot) {
    sessions_.consume(connection.session, static_cast<Direction>(direction), bytes, frame);
  } else if (connection.smb != kNoSlot) {
    smb_.consume(connection.smb, static_cast<Direction>(direction), bytes, frame);
  }
}

void TcpConnections::on_bytes(std::uint32_t slot, unsigned direction, Bytes bytes,
                              const FrameReference& frame) noexcept {
  const TcpConnection& connection = connections_[slot];
  if (!connection.probes[direction].decided) bytes = probe(slot, direction, bytes, frame);
  if (!bytes.empty()) consume(connection, direction, bytes, frame);
}

void TcpConnections::on_gap(std::uint32_t slot, unsigned direction, std::uint64_t missing,
                            BlindnessKind kind, const FrameReference& frame) noexcept {
  TcpConnection& connection = connections_[slot];
  ProbeBuffer& front = connection.probes[direction];
  if (!front.decided) {
    // The front is incomplete for good: what follows the hole gets its own chance.
    front.size = 0;
    connection.joined_late = true;
  }
  if (connection.smb != kNoSlot) {
    front.decided = true;
    if (!smb_.gap(connection.smb, static_cast<Direction>(direction), missing, kind, frame)) return;
  } else if (connection.session != kNoSlot) {
    front.decided = true;
    sessions_.gap(connection.session, static_cast<Direction>(direction), missing, kind, frame);
  } else {
    return;
  }
  ++statistics_.gaps;
  statistics_.gap_bytes += missing;
}

// Looks at the front of a direction until it tells what it is. Returns the bytes to go on with.
Bytes TcpConnections::probe(std::uint32_t slot, unsigned direction, Bytes bytes,
                            const FrameReference& frame) noexcept {
  ProbeBuffer& front = connections_[slot].probes[direction];
  if (connections_[slot].smb != kNoSlot) {
    // Once one side speaks SMB the connection is SMB, whatever the other side says.
    front.decided = true;
    const Bytes held = Bytes(front.bytes).first(front.size);
    front.size = 0;
    if (!held.empty())
      smb_.consume(connections_[slot].smb, static_cast<Direction>(direction), held, front.start);
    return bytes;
  }
  if (front.size == 0) {
    const StreamKind kind = probe_stream(bytes);
    if (kind != StreamKind::undecided) {
      settle(slot, direction, kind);
      return bytes;
    }
    front.start = frame;
  }
  while (!bytes.empty() && front.size < front.bytes.size()) {
    front.bytes[front.size++] = bytes.front();
    bytes = bytes.subspan(1);
    const Bytes held = Bytes(front.bytes).first(front.size);
    const StreamKind kind = probe_stream(held);
    if (kind == StreamKind::undecided) continue;
    settle(slot, direction, kind);
    consume(connections_[slot], direction, held, front.start);
    front.size = 0;
    return bytes;
  }
  return {};
}

void TcpConnections::settle(std::uint32_t slot, unsigned direction, StreamKind kind) noexcept {
  TcpConnection& connection = connections_[slot];
  connection.probes[direction].decided = true;
  switch (kind) {
    case StreamKind::rpc:
      if (connection.session == kNoSlot) start_session(slot, ProtocolSequence::ncacn_ip_tcp);
      return;
    case StreamKind::http_banner:
      if (connection.session == kNoSlot) start_session(slot, ProtocolSequence::ncacn_http);
      sessions_.set_protocol(connection.session, ProtocolSequence::ncacn_http);
      sessions_.skip(connection.session, static_cast<Direction>(direction), kHttpBannerSize);
      return;
    case StreamKind::smb:
      if (connection.session == kNoSlot && connection.smb == kNoSlot) start_smb(slot);
      return;
    default:
      // Once one side speaks RPC the connection is RPC, whatever the other side says.
      if (connection.session != kNoSlot) return;
      turned_out_ = kind;
      return;
  }
}

void TcpConnections::start_smb(std::uint32_t slot) noexcept {
  connections_[slot].smb = smb_.open(connections_[slot].endpoints, std::nullopt);
  ++statistics_.flows_smb;
}

void TcpConnections::start_session(std::uint32_t slot, ProtocolSequence protocol) noexcept {
  TcpConnection& connection = connections_[slot];
  connection.session = sessions_.open(protocol, connection.endpoints, nullptr);
  ++statistics_.flows_rpc;
  if (connection.joined_late) ++statistics_.flows_joined_late;
}

void TcpConnections::close(std::uint32_t slot, const FrameReference& frame) noexcept {
  TcpConnection& connection = connections_[slot];
  Sink sink(*this, slot);
  connection.conversation.flush(tcp_, sink);
  for (unsigned direction = 0; direction < 2; ++direction) {
    const ProbeBuffer& front = connection.probes[direction];
    if (front.size == 0) continue;
    consume(connection, direction, Bytes(front.bytes).first(front.size), front.start);
  }
  if (connection.session != kNoSlot) sessions_.close(connection.session);
  if (connection.smb != kNoSlot) smb_.close(connection.smb, frame);
  if (connection.is_marked) {
    marks_.set(2 * slot, 0);
    marks_.set(2 * slot + 1, 0);
  }
  unlink(slot);
  connections_.release(slot);
}

TcpConnections::Evicted TcpConnections::expire(const FrameReference& now) noexcept {
  sessions_.expire(now.timestamp);
  give_up_stale(now.timestamp);
  smb_.give_up_stale(now.timestamp);
  Evicted closed;
  if (least_recent_ == kNoSlot) return closed;
  const TcpConnection& idlest = connections_[least_recent_];
  const std::int64_t idle = nanoseconds_between(idlest.last_seen, now.timestamp);
  if (idle <= limits_.connection_idle.nanoseconds) return closed;
  closed = {true, idlest.tag};
  close(least_recent_, now);
  return closed;
}

// Bytes held longer than the window hold the output back: what waits for them is given up.
void TcpConnections::give_up_stale(Timestamp now) noexcept {
  while (marks_.oldest() != kNoSlot) {
    const std::uint32_t index = marks_.oldest();
    const std::uint32_t slot = index / 2;
    const unsigned direction = index % 2;
    const std::int64_t age = nanoseconds_between(open_since(slot, direction).timestamp, now);
    if (age <= limits_.outcome_window.nanoseconds) return;
    Sink sink(*this, slot);
    TcpConnection& connection = connections_[slot];
    connection.conversation.flush(tcp_, sink);
    if (connection.session != kNoSlot) {
      sessions_.abandon(connection.session, static_cast<Direction>(direction));
    }
    connection.probes[direction].size = 0;
    mark_open(slot);
  }
}

void TcpConnections::close_all(const FrameReference& now) noexcept {
  while (least_recent_ != kNoSlot) close(least_recent_, now);
}

void TcpConnections::make_room(const FrameReference& frame, Evicted& evicted) noexcept {
  const bool full = connections_.size() == connections_.capacity();
  const std::size_t wanted = std::min(kContextsKeptFree, limits_.contexts / 2);
  if (!full && sessions_.free_contexts() >= wanted) return;
  if (least_recent_ == kNoSlot) return;
  evicted = {true, connections_[least_recent_].tag};
  evict(least_recent_, frame);
}

void TcpConnections::evict(std::uint32_t slot, const FrameReference& frame) noexcept {
  const TcpConnection& connection = connections_[slot];
  ++statistics_.connections_evicted;
  if (connection.session != kNoSlot || connection.smb != kNoSlot) {
    Blindness blindness =
        make_blindness(BlindnessKind::table_eviction, frame, connection.endpoints);
    blindness.messages = 1;
    observer_.on_blindness(blindness);
  }
  close(slot, frame);
}

// The earliest frame of which `direction` still holds something back; sequence 0 for nothing.
FrameReference TcpConnections::open_since(std::uint32_t slot, unsigned direction) noexcept {
  const TcpConnection& connection = connections_[slot];
  FrameReference earliest =
      connection.conversation.holding_since(static_cast<Direction>(direction));
  const auto consider = [&](const FrameReference& frame) {
    if (earliest.sequence == 0 || frame.sequence < earliest.sequence) earliest = frame;
  };
  const ProbeBuffer& front = connection.probes[direction];
  if (front.size != 0) consider(front.start);
  if (connection.session != kNoSlot) {
    const FrameReference since =
        sessions_.open_since(connection.session, static_cast<Direction>(direction));
    if (since.sequence != 0) consider(since);
  }
  return earliest;
}

void TcpConnections::mark_open(std::uint32_t slot) noexcept {
  const std::uint64_t sequences[] = {open_since(slot, 0).sequence, open_since(slot, 1).sequence};
  const bool holds = sequences[0] != 0 || sequences[1] != 0;
  TcpConnection& connection = connections_[slot];
  // Nearly always it held nothing and holds nothing: the list is not looked at.
  if (!holds && !connection.is_marked) return;
  connection.is_marked = holds;
  for (unsigned direction = 0; direction < 2; ++direction) {
    marks_.set(2 * slot + direction, sequences[direction]);
  }
}

void TcpConnections::touch(std::uint32_t slot, Timestamp now) noexcept {
  connections_[slot].last_seen = now;
  if (most_recent_ == slot) return;
  unlink(slot);
  link_front(slot);
}

void TcpConnections::link_front(std::uint32_t slot) noexcept {
  TcpConnection& connection = connections_[slot];
  connection.more_recent = kNoSlot;
  connection.less_recent = most_recent_;
  (most_recent_ == kNoSlot ? least_recent_ : connections_[most_recent_].more_recent) = slot;
  most_recent_ = slot;
}

void TcpConnections::unlink(std::uint32_t slot) noexcept {
  const TcpConnection& connection = connections_[slot];
  (connection.more_recent == kNoSlot ? most_recent_
                                     : connections_[connection.more_recent].less_recent) =
      connection.less_recent;
  (connection.less_recent == kNoSlot ? least_recent_
                                     : connections_[connection.less_recent].more_recent) =
      connection.more_recent;
}

}  // namespace rpcaudit::dissect
