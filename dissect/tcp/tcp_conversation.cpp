#include "dissect/tcp/tcp_conversation.h"

#include <algorithm>

namespace rpcaudit::dissect {
namespace {

// Farther from what is expected than any window, a segment is not believed.
constexpr std::int32_t kWindowMax = 1 << 26;
// So many segments out of the window that continue one another are a connection that went on while
// the capture did not.
constexpr std::uint8_t kOutOfWindowToResync = 3;

// How much may be captured beyond an acknowledged gap before it is given up: frames of one
// connection do get shuffled, but not over such distances.
constexpr std::uint32_t kPiecesBeyondAcknowledged = 64;
constexpr std::int64_t kAcknowledgedReorderTimeout = kNanosecondsPerSecond;
constexpr std::int64_t kReorderTimeout = 10 * kNanosecondsPerSecond;

// What of the stream a segment holds, from `sequence` on.
[[nodiscard]] PieceShape shape_of(const Packet& packet, std::uint32_t sequence) noexcept {
  PieceShape shape;
  shape.sequence = sequence;
  shape.size = packet.payload_length;
  shape.acknowledgment = packet.tcp.acknowledgment;
  shape.has_ack = packet.tcp.has_ack();
  shape.fin = packet.tcp.has_fin();
  return shape;
}

}  // namespace

void TcpConversation::start(Direction direction, std::uint32_t sequence) noexcept {
  Stream& stream = streams_[direction];
  stream.first = sequence;
  stream.next = sequence;
  stream.started = true;
  stream.resync_count = 0;
}

void TcpConversation::open(Direction direction, std::uint32_t sequence) noexcept {
  start(direction, sequence);
  streams_[direction].opened = true;
}

// The very first segment after the handshake was said before the other side said anything: what it
// acknowledges is where the other side begins.
void TcpConversation::learn_start_of_other(Direction direction, const PieceShape& said) noexcept {
  const Stream& stream = streams_[direction];
  const Stream& other = streams_[opposite(direction)];
  if (other.started || !said.has_ack || !stream.opened || said.sequence != stream.first) return;
  start(opposite(direction), said.acknowledgment);
}

// Data where a FIN was: it was forged, or damaged in the capture.
void TcpConversation::retract_fin(Direction direction, std::uint32_t sequence) noexcept {
  Stream& stream = streams_[direction];
  if (!stream.finished || sequence_distance(sequence, stream.next) != 1) return;
  stream.finished = false;
  --stream.next;
}

bool TcpConversation::acknowledges_undelivered(Direction direction, bool has_ack,
                                               std::uint32_t acknowledgment) const noexcept {
  const Stream& other = streams_[opposite(direction)];
  if (!has_ack || !other.started || other.finished) return false;
  const std::int32_t ahead = sequence_distance(other.next, acknowledgment);
  return ahead > 0 && ahead <= kWindowMax;
}

void TcpConversation::note_acknowledgment(Direction direction, const Packet& packet) noexcept {
  if (!packet.tcp.has_ack()) return;
  Stream& other = streams_[opposite(direction)];
  if (other.was_acknowledged &&
      sequence_distance(other.acknowledged, packet.tcp.acknowledgment) <= 0)
    return;
  other.acknowledged = packet.tcp.acknowledgment;
  other.was_acknowledged = true;
}

bool TcpConversation::accepts_as_new_sequence(Direction direction, const Packet& packet) noexcept {
  Stream& stream = streams_[direction];
  const bool continues = packet.tcp.sequence == stream.resync_next;
  stream.resync_count = continues ? static_cast<std::uint8_t>(stream.resync_count + 1) : 1;
  stream.resync_next = packet.tcp.sequence + packet.payload_length;
  return stream.resync_count >= kOutOfWindowToResync;
}

bool TcpConversation::gap_is_final(const FrameReference& now,
                                   const ReorderPool& pool) const noexcept {
  const std::uint32_t pieces =
      streams_[Direction::forward].queue.size() + streams_[Direction::reverse].queue.size();
  for (const Direction direction : kDirections) {
    const Stream& stream = streams_[direction];
    if (stream.queue.empty()) continue;
    const std::int64_t age = nanoseconds_between(stream.queue.since().timestamp, now.timestamp);
    if (age > kReorderTimeout) return true;
    // Has the receiver got what is missing here? Then no retransmission will bring it.
    const HeldPiece& front = stream.queue.front(pool);
    const bool received =
        acknowledges_undelivered(direction, front.has_ack, front.acknowledgment) ||
        (stream.started && stream.was_acknowledged &&
         sequence_distance(stream.next, stream.acknowledged) > 0);
    if (received && (age > kAcknowledgedReorderTimeout || pieces >= kPiecesBeyondAcknowledged)) {
      return true;
    }
  }
  return false;
}

void TcpConversation::add(Direction direction, const Packet& packet, const FrameReference& frame,
                          TcpShared& shared, TcpStreamSink& sink) noexcept {
  const Context context{shared, sink, frame};
  note_acknowledgment(direction, packet);
  if (packet.payload_length == 0 && !packet.tcp.has_fin()) {
    add_without_data(direction, packet, context);
    return;
  }
  Stream& stream = streams_[direction];
  // A SYN takes the sequence number before its payload.
  const std::uint32_t sequence = packet.tcp.sequence + (packet.tcp.has_syn() ? 1 : 0);
  if (packet.payload_length != 0) retract_fin(direction, sequence);
  const bool early =
      acknowledges_undelivered(direction, packet.tcp.has_ack(), packet.tcp.acknowledgment);
  if (!stream.started && !early) start(direction, sequence);

  const std::int32_t offset = stream.started ? sequence_distance(stream.next, sequence) : 0;
  if (offset > kWindowMax || offset < -kWindowMax) {
    ++shared.counters.out_of_window;
    if (!accepts_as_new_sequence(direction, packet)) return;
    flush(shared, sink);
    sink.on_gap(direction, sequence - stream.next, GapKind::lost, frame);
    start(direction, sequence);
  }
  const std::uint32_t end = sequence + packet.payload_length + (packet.tcp.has_fin() ? 1 : 0);
  if (stream.started && sequence_distance(stream.next, end) <= 0) {
    ++shared.counters.retransmitted;
    return;
  }
  if (!early && stream.queue.empty() && sequence_distance(stream.next, sequence) <= 0) {
    deliver(direction, packet, sequence, context);
    if (!streams_[opposite(direction)].queue.empty()) drain(context);
    return;
  }
  hold(direction, packet, sequence, context);
}

void TcpConversation::add_without_data(Direction direction, const Packet& packet,
                                       const Context& context) noexcept {
  if (packet.tcp.has_syn() && !started(direction)) open(direction, packet.tcp.sequence + 1);
  if (is_holding() && gap_is_final(context.frame, context.shared.pool)) {
    give_up_oldest_gap(context);
  }
}

// Queues a segment that has to wait, and delivers what can be delivered by now.
void TcpConversation::hold(Direction direction, const Packet& packet, std::uint32_t sequence,
                           const Context& context) noexcept {
  ReorderPool& pool = context.shared.pool;
  ++context.shared.counters.out_of_order;
  while (!enqueue(direction, packet, sequence, context.frame, pool)) {
    if (!is_holding()) {
      // No room even with nothing held here: others have it all. The segment is lost.
      const std::uint32_t fin = packet.tcp.has_fin() ? 1 : 0;
      skip_to(direction, sequence + packet.payload_length + fin, context.frame, context.sink);
      return;
    }
    give_up_oldest_gap(context);
  }
  drain(context);
  while (is_holding() && gap_is_final(context.frame, pool)) give_up_oldest_gap(context);
}

bool TcpConversation::enqueue(Direction direction, const Packet& packet, std::uint32_t sequence,
                              const FrameReference& frame, ReorderPool& pool) noexcept {
  Stream& stream = streams_[direction];
  PieceShape piece = shape_of(packet, sequence);
  // What was delivered already is not held again: a gap may have been given up, and part of this
  // very segment delivered, to make room for the rest of it.
  const std::int32_t old =
      stream.started ? std::max(sequence_distance(sequence, stream.next), 0) : 0;
  std::uint32_t done = std::min(static_cast<std::uint32_t>(old), packet.payload_length);
  Bytes rest = packet.payload.subspan(std::min<std::size_t>(done, packet.payload.size()));
  do {
    const Bytes part = rest.first(std::min(rest.size(), HeldPiece::kBytes));
    rest = rest.subspan(part.size());
    piece.sequence = sequence + done;
    piece.size = static_cast<std::uint32_t>(part.size());
    done += piece.size;
    piece.fin = packet.tcp.has_fin() && done == packet.payload_length;
    if (!stream.queue.insert(piece, part, frame, pool)) return false;
  } while (!rest.empty());
  if (done == packet.payload_length) return true;
  piece.sequence = sequence + done;
  piece.size = packet.payload_length - done;
  piece.missing = true;
  piece.fin = packet.tcp.has_fin();
  return stream.queue.insert(piece, {}, frame, pool);
}

// Hands on a segment whose first byte is the next one, or one already delivered.
void TcpConversation::deliver(Direction direction, const Packet& packet, std::uint32_t sequence,
                              const Context& context) noexcept {
  Stream& stream = streams_[direction];
  learn_start_of_other(direction, shape_of(packet, sequence));
  const auto old = static_cast<std::uint32_t>(-sequence_distance(stream.next, sequence));
  const auto captured = static_cast<std::uint32_t>(packet.payload.size());
  stream.next = sequence + packet.payload_length;
  if (old < captured) {
    context.sink.on_bytes(direction, packet.payload.subspan(old), context.frame);
  }
  if (captured < packet.payload_length) {
    context.sink.on_gap(direction, packet.payload_length - std::max(old, captured),
                        GapKind::snap_length, context.frame);
  }
  if (packet.tcp.has_fin()) {
    stream.finished = true;
    ++stream.next;
  }
}

// Delivers the first held piece of a direction if nothing it waits for is missing.
bool TcpConversation::deliver_front(Direction direction, const Context& context) noexcept {
  Stream& stream = streams_[direction];
  if (stream.queue.empty()) return false;
  const HeldPiece& piece = stream.queue.front(context.shared.pool);
  if (acknowledges_undelivered(direction, piece.has_ack, piece.acknowledgment)) return false;
  if (!stream.started) start(direction, piece.sequence);
  if (sequence_distance(stream.next, piece.sequence) > 0) return false;
  learn_start_of_other(direction, piece);

  const auto old = static_cast<std::uint32_t>(-sequence_distance(stream.next, piece.sequence));
  if (old < piece.size || (piece.fin && old == piece.size)) {
    stream.next = piece.end();
    if (piece.missing && old < piece.size) {
      context.sink.on_gap(direction, piece.size - old, GapKind::snap_length, piece.frame);
    } else if (old < piece.size) {
      context.sink.on_bytes(direction, piece.captured().subspan(old), piece.frame);
    }
    if (piece.fin) {
      stream.finished = true;
      ++stream.next;
    }
  }
  stream.queue.pop_front(context.shared.pool);
  return true;
}

void TcpConversation::drain(const Context& context) noexcept {
  bool progress = true;
  while (progress) {
    progress = false;
    for (const Direction direction : kDirections) {
      while (deliver_front(direction, context)) progress = true;
    }
  }
}

void TcpConversation::skip_to(Direction direction, std::uint32_t sequence,
                              const FrameReference& frame, TcpStreamSink& sink) noexcept {
  Stream& stream = streams_[direction];
  const std::int32_t missing = sequence_distance(stream.next, sequence);
  if (missing <= 0) return;
  stream.next = sequence;
  sink.on_gap(direction, static_cast<std::uint64_t>(missing), GapKind::lost, frame);
}

// Gives up what the earliest captured of the held pieces waits for, and delivers what follows.
void TcpConversation::give_up_oldest_gap(const Context& context) noexcept {
  const ReorderPool& pool = context.shared.pool;
  const auto front_of = [&](Direction direction) {
    const OutOfOrderQueue& queue = streams_[direction].queue;
    return queue.empty() ? nullptr : &queue.front(pool);
  };
  Direction direction = Direction::forward;
  const HeldPiece* piece = front_of(Direction::forward);
  const HeldPiece* reverse = front_of(Direction::reverse);
  if (piece == nullptr || (reverse != nullptr && reverse->frame.sequence < piece->frame.sequence)) {
    direction = Direction::reverse;
    piece = reverse;
  }
  if (acknowledges_undelivered(direction, piece->has_ack, piece->acknowledgment)) {
    const Direction other = opposite(direction);
    std::uint32_t up_to = piece->acknowledgment;
    if (const HeldPiece* held = front_of(other)) {
      if (sequence_distance(held->sequence, up_to) > 0 &&
          sequence_distance(streams_[other].next, held->sequence) > 0) {
        up_to = held->sequence;
      }
    }
    skip_to(other, up_to, piece->frame, context.sink);
  } else {
    skip_to(direction, piece->sequence, piece->frame, context.sink);
  }
  drain(context);
}

void TcpConversation::flush(TcpShared& shared, TcpStreamSink& sink) noexcept {
  const FrameReference nowhere;
  while (is_holding()) give_up_oldest_gap({shared, sink, nowhere});
}

}  // namespace rpcaudit::dissect
