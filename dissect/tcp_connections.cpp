#include "dissect/tcp_connections.h"

#include <algorithm>

namespace rpcaudit::dissect {
namespace {

// One bind may propose 255 contexts, and one segment may hold several binds: so many contexts are
// kept free that those of one connection never have to make room for themselves.
constexpr std::size_t kContextsKeptFree = 2048;

// Connections that seem to be over are kept for so long, and so many of them.
constexpr Timestamp kKeptWhenOver{10 * kNanosecondsPerSecond};
constexpr std::uint32_t kOverMax = 256;

// The index of a direction among unfinished streams.
[[nodiscard]] std::uint32_t stream_index(Slot<TcpConnection> slot, Direction direction) noexcept {
  return 2 * slot.index + static_cast<std::uint32_t>(direction);
}

}  // namespace

// What a conversation delivers, handed on with the connection it came from.
struct TcpConnections::Sink final : TcpStreamSink {
  Sink(TcpConnections& connections_in, Slot<TcpConnection> slot_in)
      : connections(connections_in), slot(slot_in) {}

  Bytes on_bytes(Direction direction, Bytes bytes, const FrameReference& frame) noexcept override {
    TcpConnection& connection = connections.connections_[slot];
    if (connection.probes[direction].decided) {
      return connections.carried_.consume(connection.carried, direction, bytes, frame);
    }
    const std::optional<StreamKind> other = connections.probe(connection, direction, bytes, frame);
    if (other) turned_out = other;
    return bytes;
  }
  void on_gap(Direction direction, std::uint64_t missing, GapKind kind,
              const FrameReference& frame) noexcept override {
    const bool cut = kind == GapKind::snap_length;
    connections.on_gap(slot, direction, missing,
                       cut ? BlindnessKind::snap_length_cut : BlindnessKind::gap, frame);
  }
  void on_doubt(Direction, Doubt doubt, const FrameReference& frame) noexcept override {
    connections.on_doubt(slot, Doubts::of(doubt), frame);
  }

  TcpConnections& connections;
  Slot<TcpConnection> slot;
  std::optional<StreamKind> turned_out;  // what the connection is, if that is nothing to follow
};

TcpConnections::TcpConnections(const Limits& limits, RpcObserver& observer,
                               DissectStatistics& statistics, std::uint64_t seed)
    : limits_(limits),
      observer_(observer),
      statistics_(statistics),
      carried_(limits, observer, statistics, seed),
      tcp_(limits),
      connections_(limits.rpc_connections),
      unfinished_(2 * limits.rpc_connections) {}

TcpConnections::Opened TcpConnections::open(std::uint64_t tag,
                                            const std::array<Endpoint, 2>& endpoints,
                                            bool joined_late,
                                            const FrameReference& frame) noexcept {
  Opened opened;
  opened.evicted = make_room(frame);
  opened.slot = connections_.take();
  TcpConnection& connection = connections_[opened.slot];
  connection = TcpConnection{};
  connection.tag = tag;
  connection.endpoints = endpoints;
  connection.joined_late = joined_late;
  connection.last_seen = frame.timestamp;
  connection.moved = frame.sequence;
  by_use_.push_newest(opened.slot, connections_);
  return opened;
}

void TcpConnections::expect(Slot<TcpConnection> slot, Direction direction, std::uint32_t sequence,
                            bool is_answered) noexcept {
  if (is_answered) connections_[slot].client = direction;
  connections_[slot].conversation.open(direction, sequence);
}

ConnectionFate TcpConnections::add(Slot<TcpConnection> slot, Direction direction,
                                   const Packet& packet, const FrameReference& frame) noexcept {
  TcpConnection& connection = connections_[slot];
  connection.last_seen = frame.timestamp;
  note_use(slot, frame);
  if (is_dropped_by_checksum(slot, direction, packet, frame)) return {};
  if (packet.doubts.any()) on_doubt(slot, packet.doubts, frame);

  Sink sink(*this, slot);
  connection.conversation.add(direction, packet, frame, tcp_, sink);
  const bool joined_late = connection.joined_late;
  if (sink.turned_out) {
    close(slot, frame);
    return {false, *sink.turned_out, std::nullopt, joined_late};
  }
  std::optional<std::uint64_t> forgotten;
  const bool is_over = connection.conversation.is_over();
  if (is_over != connection.is_over) forgotten = set_over(slot, is_over, frame);
  mark_unfinished(slot);
  return {true, StreamKind::rpc, forgotten, joined_late};
}

// Moving a connection in the list costs the cache lines of its neighbours, so one that was moved of
// late is left where it is: a frame uses one connection, so fewer than half of all can have passed
// it since.
void TcpConnections::note_use(Slot<TcpConnection> slot, const FrameReference& frame) noexcept {
  TcpConnection& connection = connections_[slot];
  if (connection.is_over) return;
  if (frame.sequence - connection.moved < connections_.capacity() / 2) return;
  connection.moved = frame.sequence;
  by_use_.touch(slot, connections_);
}

// A connection that seems to be over is kept for a while, as it may go on nevertheless. Returns the
// tag of the flow whose connection is closed to keep it, if any.
std::optional<std::uint64_t> TcpConnections::set_over(Slot<TcpConnection> slot, bool is_over,
                                                      const FrameReference& frame) noexcept {
  list_of(slot).remove(slot, connections_);
  connections_[slot].is_over = is_over;
  list_of(slot).push_newest(slot, connections_);
  if (!is_over) {
    --over_count_;
    return std::nullopt;
  }
  // Nothing may follow: what is told at the end is told here.
  carried_.tell_so_far(connections_[slot].carried, frame);
  if (++over_count_ <= kOverMax) return std::nullopt;
  return close_over(over_.oldest(), frame);
}

// Whether the receiver drops a segment for its checksum. That of payload that is passed over is not
// looked at: it would cost more than all the rest.
bool TcpConnections::is_dropped_by_checksum(Slot<TcpConnection> slot, Direction direction,
                                            const Packet& packet,
                                            const FrameReference& frame) noexcept {
  TcpConnection& connection = connections_[slot];
  const std::size_t size = packet.payload.size();
  if (size != 0 && carried_.passes_over(connection.carried, direction, size)) return false;
  const ChecksumResult result = verify_transport_checksum(packet);
  if (result == ChecksumResult::bad) ++statistics_.bad_checksums;
  // Fragments have checksums that their sender computed, whoever computes those of others. Segments
  // that the capturing host coalesced keep the checksum of the first: they are longer than the
  // shortest maximum segment size (RFC 9293 3.7.1).
  constexpr std::uint32_t kShortestMaximum = 536;
  if (packet.ip_header == nullptr || packet.payload_length > kShortestMaximum) return false;
  switch (connection.checksums[direction].judge(result)) {
    case ChecksumTrust::Verdict::taken: return false;
    case ChecksumTrust::Verdict::disproved:
      on_doubt(slot, Doubts::of(Doubt::decoy), frame);
      return false;
    case ChecksumTrust::Verdict::dropped: break;
  }
  ++statistics_.bad_checksums_left_out;
  return true;
}

// Looks at the prefix of a direction until it tells what the stream is, then hands it on.
std::optional<StreamKind> TcpConnections::probe(TcpConnection& connection, Direction direction,
                                                Bytes bytes, const FrameReference& frame) noexcept {
  ProbeBuffer& prefix = connection.probes[direction];
  StreamKind kind = StreamKind::undecided;
  if (connection.carried.kind == CarriedKind::smb) {
    kind = StreamKind::smb;  // once one side speaks SMB, whatever the other side says
  } else if (prefix.size == 0) {
    kind = probe_stream(bytes);
    prefix.start = frame;
    prefix.may_begin_with_keep_alive = connection.joined_late && bytes.size() == 1;
  }
  while (kind == StreamKind::undecided && !bytes.empty() && prefix.size < prefix.bytes.size()) {
    prefix.bytes[prefix.size++] = bytes.front();
    bytes = bytes.subspan(1);
    kind = probe_stream(prefix.view());
    if (kind == StreamKind::other && prefix.may_begin_with_keep_alive) {
      prefix.may_begin_with_keep_alive = false;
      prefix.drop_first_byte();
      kind = probe_stream(prefix.view());
    }
  }
  if (kind == StreamKind::undecided) return std::nullopt;

  prefix.decided = true;
  if (!classify(connection, direction, kind)) return kind;
  if (prefix.size != 0) {
    (void)carried_.consume(connection.carried, direction, prefix.view(), prefix.start);
    prefix.size = 0;
  }
  if (!bytes.empty()) (void)carried_.consume(connection.carried, direction, bytes, frame);
  return std::nullopt;
}

// Returns whether the connection is followed. Once one side speaks RPC the connection is RPC,
// whatever the other side says.
bool TcpConnections::classify(TcpConnection& connection, Direction direction,
                              StreamKind kind) noexcept {
  if (!connection.carried) {
    connection.carried = carried_.open(kind, connection.endpoints, connection.client);
    if (connection.carried.kind == CarriedKind::rpc && connection.joined_late) {
      ++statistics_.flows_joined_late;
    }
  }
  if (connection.doubts.any()) {
    carried_.doubt(connection.carried, connection.doubts, connection.probes[direction].start);
  }
  carried_.note_start(connection.carried, direction, kind);
  return static_cast<bool>(connection.carried);
}

void TcpConnections::on_doubt(Slot<TcpConnection> slot, Doubts doubts,
                              const FrameReference& frame) noexcept {
  TcpConnection& connection = connections_[slot];
  connection.doubts.add(doubts);
  carried_.doubt(connection.carried, connection.doubts, frame);
}

void TcpConnections::on_gap(Slot<TcpConnection> slot, Direction direction, std::uint64_t missing,
                            BlindnessKind kind, const FrameReference& frame) noexcept {
  TcpConnection& connection = connections_[slot];
  ProbeBuffer& prefix = connection.probes[direction];
  if (!prefix.decided) {
    // The prefix is incomplete for good: what follows the gap gets its own chance.
    prefix.size = 0;
    connection.joined_late = true;
  }
  if (connection.carried) prefix.decided = true;
  if (!carried_.gap(connection.carried, direction, missing, kind, frame)) return;
  ++statistics_.gaps;
  if (missing != kGapOfUnknownSize) statistics_.gap_bytes += missing;
}

void TcpConnections::close(Slot<TcpConnection> slot, const FrameReference& frame) noexcept {
  TcpConnection& connection = connections_[slot];
  Sink sink(*this, slot);
  connection.conversation.finish(tcp_, sink);
  for (const Direction direction : kDirections) {
    const ProbeBuffer& prefix = connection.probes[direction];
    if (prefix.size == 0) continue;
    (void)carried_.consume(connection.carried, direction, prefix.view(), prefix.start);
  }
  carried_.close(connection.carried, frame);
  if (connection.is_marked) {
    for (const Direction direction : kDirections) unfinished_.set(stream_index(slot, direction), 0);
  }
  list_of(slot).remove(slot, connections_);
  if (connection.is_over) --over_count_;
  connections_.release(slot);
}

TcpConnections::Closed TcpConnections::expire(const FrameReference& now) noexcept {
  carried_.expire(now.timestamp);
  Closed closed;
  give_up_stale(now.timestamp);
  while (closed.count < closed.tags.size() && over_.oldest() &&
         is_past(over_.oldest(), now.timestamp)) {
    closed.tags[closed.count++] = close_over(over_.oldest(), now);
  }
  return closed;
}

bool TcpConnections::is_past(Slot<TcpConnection> slot, Timestamp now) const noexcept {
  const TcpConnection& connection = connections_[slot];
  return connection.is_over &&
         nanoseconds_between(connection.last_seen, now) > kKeptWhenOver.nanoseconds;
}

bool TcpConnections::close_past(Slot<TcpConnection> slot, const FrameReference& now) noexcept {
  if (!is_past(slot, now.timestamp)) return false;
  close_over(slot, now);
  return true;
}

// Bytes held longer than the window hold the output back: what waits for them is given up.
void TcpConnections::give_up_stale(Timestamp now) noexcept {
  while (unfinished_.oldest() != kNoSlot) {
    const Slot<TcpConnection> slot(unfinished_.oldest() / 2);
    const Direction direction = kDirections[unfinished_.oldest() % 2];
    TcpConnection& connection = connections_[slot];
    const Timestamp since = open_since(connection, direction).timestamp;
    if (nanoseconds_between(since, now) <= limits_.outcome_window.nanoseconds) return;
    Sink sink(*this, slot);
    connection.conversation.give_up_gaps(tcp_, sink);
    carried_.abandon(connection.carried, direction);
    connection.probes[direction].size = 0;
    mark_unfinished(slot);
  }
}

void TcpConnections::close_all(const FrameReference& now) noexcept {
  while (over_.oldest()) close_over(over_.oldest(), now);
  while (by_use_.oldest()) close(by_use_.oldest(), now);
}

// Returns the tag of its flow.
std::uint64_t TcpConnections::close_over(Slot<TcpConnection> slot,
                                         const FrameReference& frame) noexcept {
  const std::uint64_t tag = connections_[slot].tag;
  close(slot, frame);
  return tag;
}

std::optional<std::uint64_t> TcpConnections::make_room(const FrameReference& frame) noexcept {
  const bool full = connections_.size() == connections_.capacity();
  const std::size_t wanted = std::min(kContextsKeptFree, limits_.contexts / 2);
  if (!full && carried_.free_contexts() >= wanted) return std::nullopt;
  if (over_.oldest()) return close_over(over_.oldest(), frame);
  const Slot<TcpConnection> oldest = by_use_.oldest();
  if (!oldest) return std::nullopt;
  const std::uint64_t tag = connections_[oldest].tag;
  evict(oldest, frame);
  return tag;
}

void TcpConnections::evict(Slot<TcpConnection> slot, const FrameReference& frame) noexcept {
  const TcpConnection& connection = connections_[slot];
  if (connection.is_over) {
    close_over(slot, frame);
    return;
  }
  ++statistics_.connections_evicted;
  if (connection.carried) {
    Blindness blindness =
        make_blindness(BlindnessKind::table_eviction, frame, connection.endpoints);
    blindness.messages = 1;
    observer_.on_blindness(blindness);
  }
  close(slot, frame);
}

FrameReference TcpConnections::open_since(const TcpConnection& connection,
                                          Direction direction) const noexcept {
  FrameReference earliest = connection.conversation.holding_since(direction);
  const auto consider = [&](const FrameReference& frame) {
    if (frame.sequence == 0) return;
    if (earliest.sequence == 0 || frame.sequence < earliest.sequence) earliest = frame;
  };
  const ProbeBuffer& prefix = connection.probes[direction];
  if (prefix.size != 0) consider(prefix.start);
  consider(carried_.open_since(connection.carried, direction));
  return earliest;
}

// Nearly always a connection held nothing and holds nothing, and the list is not looked at.
void TcpConnections::mark_unfinished(Slot<TcpConnection> slot) noexcept {
  TcpConnection& connection = connections_[slot];
  if (!connection.is_marked && !holds_bytes(connection)) return;
  connection.is_marked = false;
  for (const Direction direction : kDirections) {
    const std::uint64_t since = open_since(connection, direction).sequence;
    if (since != 0) connection.is_marked = true;
    unfinished_.set(stream_index(slot, direction), since);
  }
}

bool TcpConnections::holds_bytes(const TcpConnection& connection) const noexcept {
  if (connection.conversation.is_holding() || carried_.is_open(connection.carried)) return true;
  return connection.probes[Direction::forward].size != 0 ||
         connection.probes[Direction::reverse].size != 0;
}

}  // namespace rpcaudit::dissect
