#include "dissect/tcp/tcp_conversation.h"

#include <algorithm>

#include "dissect/tcp/tcp_header.h"

namespace rpcaudit::dissect {
namespace {

// How much may be captured beyond an acknowledged gap before it is given up: frames of one
// connection do get shuffled, but not over such distances.
constexpr std::uint32_t kPiecesBeyondAcknowledged = 64;
constexpr std::int64_t kAcknowledgedReorderTimeout = kNanosecondsPerSecond;
constexpr std::int64_t kReorderTimeout = 10 * kNanosecondsPerSecond;

}  // namespace

// The very first segment after the handshake was said before the other side said anything: what it
// acknowledges is where the other side begins.
void TcpConversation::learn_start_of_other(Direction direction, const PieceShape& said) noexcept {
  const TcpStream& stream = streams_[direction];
  TcpStream& other = streams_[opposite(direction)];
  if (other.is_started() || !said.has_ack || stream.start_source() != StartSource::syn) return;
  if (said.sequence != stream.first()) return;
  other.start(said.acknowledgment, StartSource::acknowledgment);
}

// The start of a stream whose SYN was not seen is a guess. It was wrong when the receiver expects
// the first byte elsewhere, or lacks data that lie before it.
void TcpConversation::correct_start(Direction direction, std::uint32_t sequence, std::uint32_t end,
                                    const TcpContext& context) noexcept {
  TcpStream& stream = streams_[direction];
  const TcpReceiver& receiver = stream.receiver;
  const StartSource source = stream.start_source();
  const bool is_guess = stream.next() == stream.first() && source != StartSource::syn;
  const bool is_before = sequence_distance(stream.first(), sequence) < 0;
  bool was_wrong = is_before && receiver.has_acknowledged() && !receiver.has_acknowledged(end);
  if (is_guess) {
    const bool is_expected = receiver.has_acknowledged() && receiver.acknowledged() == sequence;
    was_wrong = is_before || (source == StartSource::segment && is_expected);
  }
  if (was_wrong) stream.restart(sequence, context);
}

std::optional<TcpReopening> TcpConversation::find_reopening(Direction direction,
                                                            const Packet& packet) noexcept {
  const TcpStream& stream = streams_[direction];
  const TcpStream& other = streams_[opposite(direction)];
  const TcpSegmentHeader& tcp = packet.tcp;
  if (!tcp.has_syn()) {
    // Only when this one is over, or the other side, which would have answered, is not captured.
    // What goes on exactly where this one stopped is none of another.
    if (stream.is_started() && tcp.sequence == stream.next()) return std::nullopt;
    if (stream.receiver.has_acknowledged() && !is_over()) return std::nullopt;
    return lifetime_.begun_by(direction, packet);
  }
  if (tcp.has_rst()) return std::nullopt;
  if (tcp.is_syn()) {
    if (stream.is_started() && stream.first() == tcp.sequence + 1) return std::nullopt;  // repeated
    if (!stream.is_started() && !stream.receiver.has_acknowledged()) {
      return TcpReopening{direction, tcp.sequence + 1};
    }
  } else {
    const bool is_of_this = other.is_started() && other.first() == tcp.acknowledgment;
    if (is_of_this || !stream.is_started()) return std::nullopt;
  }
  return lifetime_.note_opening(direction, packet);
}

// A segment that is not a plain ACK, with or without data. Returns whether a receiver looks at what
// else it holds.
bool TcpConversation::take_control(Direction direction, const Packet& packet,
                                   TcpCounters& counters) noexcept {
  TcpStream& stream = streams_[direction];
  const std::uint32_t sequence = packet.tcp.sequence;
  if (packet.tcp.has_rst()) {
    take_reset(direction, sequence, counters);
    return false;
  }
  if (packet.tcp.has_syn()) {
    const bool is_guess =
        stream.start_source() != StartSource::syn && stream.next() == stream.first();
    const bool is_denied =
        stream.receiver.has_acknowledged() && stream.receiver.acknowledged() != sequence + 1;
    if ((!stream.is_started() || is_guess) && !is_denied) {
      stream.start(sequence + 1, StartSource::syn);
    }
    if (stream.is_started() && stream.first() == sequence + 1) return true;
  }
  if (!is_over()) ++counters.not_taken;
  return false;
}

// A reset counts where the receiver expects the next byte; elsewhere in its window it is answered
// by a challenge (RFC 5961 3.2).
void TcpConversation::take_reset(Direction direction, std::uint32_t sequence,
                                 TcpCounters& counters) noexcept {
  const TcpStream& stream = streams_[direction];
  const bool is_expected = stream.is_expected(sequence);
  if (is_expected || (stream.distance_to(sequence) > 0 && stream.is_in_window(sequence))) {
    lifetime_.note_reset(direction, is_expected);
  } else if (!stream.is_finished()) {
    ++counters.out_of_window;
  }
}

bool TcpConversation::acknowledges_undelivered(Direction direction,
                                               const PieceShape& said) const noexcept {
  const TcpStream& other = streams_[opposite(direction)];
  if (!said.has_ack || !other.is_started() || other.is_finished()) return false;
  const std::int32_t ahead = other.distance_to(said.acknowledgment);
  return ahead > 0 && ahead <= kTcpWindowMax;
}

void TcpConversation::add(Direction direction, const Packet& packet, const FrameReference& frame,
                          TcpShared& shared, TcpStreamSink& sink) noexcept {
  constexpr std::uint8_t kControl = kTcpSyn | kTcpRst | kTcpAck;
  const bool is_plain = (packet.tcp.flags & kControl) == kTcpAck;
  if (!is_plain && !take_control(direction, packet, shared.counters)) return;

  const TcpContext context{shared, sink, frame};
  TcpStream& stream = streams_[direction];
  TcpReceiver& sender = streams_[opposite(direction)].receiver;  // as a receiver
  const PieceShape said = shape_of(packet, first_sequence(packet));
  const bool is_empty = packet.payload_length == 0 && !packet.tcp.has_fin();
  if (stream.is_started() && !stream.is_in_window(said.sequence)) {
    if (said.has_ack) sender.note_doubtful(said.acknowledgment);
    if (is_empty) return;
    ++shared.counters.out_of_window;
    // Which of two segments far apart belongs to a stream joined midway is not known.
    const bool is_guess = stream.start_source() == StartSource::segment;
    if (is_guess && !stream.receiver.has_acknowledged()) {
      sink.on_doubt(direction, Doubt::decoy, frame);
    }
    if (!stream.shows_jump(packet)) return;
    while (is_holding()) give_up_oldest_gap(false, context);
    stream.jump_to(said.sequence, context);
  }
  const std::optional<std::uint32_t> timestamp = tcp_timestamp(packet);
  if (timestamp && stream.receiver.is_old(*timestamp)) {
    const bool is_new = stream.distance_to(end_sequence(packet)) > 0;
    ++(is_new ? shared.counters.not_taken : shared.counters.retransmitted);
    return;
  }
  if (said.has_ack) {
    sender.note_sent(said.acknowledgment, tcp_window(packet), timestamp.has_value());
  }
  if (is_empty) {
    note_going_on(direction, shared.counters);
    if (is_holding() && gap_is_final(frame, shared.pool)) give_up_oldest_gap(true, context);
    return;
  }
  const bool is_next = said.sequence == stream.next() && stream.is_started();
  if (!is_next && stream.is_started() && !stream.is_keep_alive(said)) {
    correct_start(direction, said.sequence, end_sequence(packet), context);
  }
  add_data(direction, packet, said, context);
  if (timestamp && is_next) stream.receiver.note_taken(*timestamp);
}

// Bytes, or a FIN, that the receiver may take.
void TcpConversation::add_data(Direction direction, const Packet& packet, const PieceShape& said,
                               const TcpContext& context) noexcept {
  TcpStream& stream = streams_[direction];
  if (said.size != 0) stream.retract_fin(said.end(), context);
  const bool early = acknowledges_undelivered(direction, said);
  if (!stream.is_started() && !early) stream.start(said.sequence, StartSource::segment);
  if (packet.tcp.has(kTcpUrg)) stream.note_urgent(packet, context);

  const std::uint32_t end = end_sequence(packet);
  if (stream.is_started() && stream.distance_to(end) <= 0) {
    ++context.shared.counters.retransmitted;
    if (!stream.is_keep_alive(said)) stream.compare_copy(said.sequence, packet.payload, context);
    return;
  }
  if (said.size != 0) note_going_on(direction, context.shared.counters);
  const bool is_next = !early && stream.distance_to(said.sequence) <= 0;
  if (!is_next || queue_comes_first(direction, end, context.shared.pool)) {
    hold(direction, packet, said, context);
    return;
  }
  learn_start_of_other(direction, said);
  stream.deliver(packet, said.sequence, context);
  if (!is_holding()) return;
  stream.queue.note_progress(context.frame.timestamp);
  drain(context);
}

// Whether held pieces hold bytes of a segment that ends at `end`, and came first. A piece that
// waits for the other side may wait for ever: what it acknowledges is its own word.
bool TcpConversation::queue_comes_first(Direction direction, std::uint32_t end,
                                        const ReorderPool& pool) const noexcept {
  const OutOfOrderQueue& queue = streams_[direction].queue;
  if (queue.empty()) return false;
  const HeldPiece& front = queue.front(pool);
  return sequence_distance(front.sequence, end) > 0 && !acknowledges_undelivered(direction, front);
}

// Queues a segment that has to wait, and delivers what can be delivered by now.
void TcpConversation::hold(Direction direction, const Packet& packet, const PieceShape& said,
                           const TcpContext& context) noexcept {
  ++context.shared.counters.out_of_order;
  while (!streams_[direction].enqueue(packet, said.sequence, context)) {
    if (!is_holding()) {
      // No room even with nothing held here: others have it all. The segment is lost.
      streams_[direction].skip_to(end_sequence(packet), context);
      return;
    }
    give_up_oldest_gap(false, context);
  }
  drain(context);
  while (is_holding() && gap_is_final(context.frame, context.shared.pool)) {
    give_up_oldest_gap(true, context);
  }
}

// Delivers the first held piece of a direction if nothing it waits for is missing.
bool TcpConversation::deliver_front(Direction direction, const TcpContext& context) noexcept {
  TcpStream& stream = streams_[direction];
  if (stream.queue.empty()) return false;
  const HeldPiece& piece = stream.queue.front(context.shared.pool);
  const std::uint32_t end = piece.end() + (piece.fin ? 1 : 0);
  const bool is_delivered = stream.is_started() && stream.distance_to(end) <= 0;
  if (!is_delivered) {
    if (acknowledges_undelivered(direction, piece)) return false;
    if (!stream.is_started()) stream.start(piece.sequence, StartSource::segment);
    if (stream.distance_to(piece.sequence) > 0) return false;
    learn_start_of_other(direction, piece);
  }
  stream.deliver_front(context);
  return true;
}

void TcpConversation::drain(const TcpContext& context) noexcept {
  bool progress = true;
  while (progress) {
    progress = false;
    for (const Direction direction : kDirections) {
      while (deliver_front(direction, context)) progress = true;
    }
  }
}

bool TcpConversation::gap_is_final(const FrameReference& now,
                                   const ReorderPool& pool) const noexcept {
  const std::uint32_t pieces =
      streams_[Direction::forward].queue.size() + streams_[Direction::reverse].queue.size();
  for (const Direction direction : kDirections) {
    const TcpStream& stream = streams_[direction];
    if (stream.queue.empty()) continue;
    const std::int64_t age = nanoseconds_between(stream.queue.waiting_since(), now.timestamp);
    if (age > kReorderTimeout) return true;
    // Has the receiver got what is missing here? Then no retransmission will bring it.
    const bool received =
        acknowledges_undelivered(direction, stream.queue.front(pool)) ||
        (stream.is_started() && stream.receiver.has_acknowledged(stream.next() + 1));
    if (received && (age > kAcknowledgedReorderTimeout || pieces >= kPiecesBeyondAcknowledged)) {
      return true;
    }
  }
  return false;
}

// Gives up what the earliest captured of the held pieces waits for, and delivers what follows. With
// `may_drop` the piece itself is given up where the receiver is seen to lack what comes before it,
// too: no receiver reads beyond a gap.
void TcpConversation::give_up_oldest_gap(bool may_drop, const TcpContext& context) noexcept {
  ReorderPool& pool = context.shared.pool;
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
  TcpStream& stream = streams_[direction];
  TcpStream& other = streams_[opposite(direction)];
  const TcpReceiver& receiver = stream.receiver;
  const TcpContext then{context.shared, context.sink, piece->frame};
  if (acknowledges_undelivered(direction, *piece)) {
    std::uint32_t up_to = piece->acknowledgment;
    const HeldPiece* held = front_of(opposite(direction));
    if (held != nullptr && sequence_distance(held->sequence, up_to) > 0 &&
        other.distance_to(held->sequence) > 0) {
      up_to = held->sequence;
    }
    other.skip_to(up_to, then);
  } else if (may_drop && stream.is_started() && receiver.has_acknowledged() &&
             !receiver.has_acknowledged(stream.next() + 1)) {
    ++context.shared.counters.not_taken;
    stream.queue.pop_front(pool);
  } else {
    stream.skip_to(piece->sequence, then);
  }
  drain(context);
}

void TcpConversation::give_up_gaps(TcpShared& shared, TcpStreamSink& sink) noexcept {
  const FrameReference nowhere;
  while (is_holding()) give_up_oldest_gap(true, {shared, sink, nowhere});
}

void TcpConversation::finish(TcpShared& shared, TcpStreamSink& sink) noexcept {
  const FrameReference nowhere;
  while (is_holding()) give_up_oldest_gap(false, {shared, sink, nowhere});
  for (const Direction direction : kDirections) streams_[direction].forget_recent(shared);
}

}  // namespace rpcaudit::dissect
