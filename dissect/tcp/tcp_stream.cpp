#include "dissect/tcp/tcp_stream.h"

#include <algorithm>

#include "dissect/tcp/tcp_header.h"

namespace rpcaudit::dissect {
namespace {

// So many segments out of the window that continue one another are a connection that went on while
// the capture did not.
constexpr std::uint8_t kOutOfWindowToResync = 3;

}  // namespace

PieceShape shape_of(const Packet& packet, std::uint32_t sequence) noexcept {
  PieceShape shape;
  shape.sequence = sequence;
  shape.size = packet.payload_length;
  shape.acknowledgment = packet.tcp.acknowledgment;
  shape.has_ack = packet.tcp.has_ack();
  shape.fin = packet.tcp.has_fin();
  return shape;
}

void TcpStream::start(std::uint32_t sequence, StartSource source) noexcept {
  first_ = sequence;
  next_ = sequence;
  start_source_ = source;
  is_finished_ = false;
  jump_segments_ = 0;
}

bool TcpStream::is_in_window(std::uint32_t sequence) const noexcept {
  const std::int32_t offset = distance_to(sequence);
  return offset <= kTcpWindowMax && offset >= -kTcpWindowMax &&
         (offset <= 0 || !receiver.is_beyond_window(sequence));
}

bool TcpStream::is_expected(std::uint32_t sequence) const noexcept {
  return !is_started() || sequence == next_ ||
         (receiver.has_acknowledged() && sequence == receiver.acknowledged());
}

bool TcpStream::shows_jump(const Packet& packet) noexcept {
  const std::uint32_t sequence = first_sequence(packet);
  // The start was a guess, and the receiver, which has none of it, expects this very segment.
  if (start_source_ == StartSource::segment && receiver.last_acknowledgment() == sequence &&
      !receiver.has_acknowledged()) {
    return true;
  }
  const std::uint32_t count = sequence == jump_next_ ? jump_segments_ + 1u : 1u;
  jump_segments_ = static_cast<std::uint8_t>(std::min<std::uint32_t>(count, 255));
  jump_next_ = sequence + packet.payload_length;
  if (jump_segments_ < kOutOfWindowToResync) return false;
  if (!receiver.has_acknowledged()) return true;
  const std::uint32_t acknowledgment = receiver.last_acknowledgment();
  const std::int32_t behind = sequence_distance(acknowledgment, jump_next_);
  return behind >= 0 && behind <= kTcpWindowMax && !is_in_window(acknowledgment);
}

void TcpStream::jump_to(std::uint32_t sequence, const TcpContext& context) noexcept {
  const std::int32_t missing = distance_to(sequence);
  if (missing < 0) doubt(Doubt::tcp_conflict, context);
  const std::uint64_t size = missing > 0 ? static_cast<std::uint64_t>(missing) : kGapOfUnknownSize;
  context.sink.on_gap(direction_, size, GapKind::lost, context.frame);
  forget_recent(context.shared);
  receiver.forget();
  start(sequence, start_source_);
}

void TcpStream::skip_to(std::uint32_t sequence, const TcpContext& context) noexcept {
  const std::int32_t missing = distance_to(sequence);
  if (missing <= 0) return;
  next_ = sequence;
  context.sink.on_gap(direction_, static_cast<std::uint64_t>(missing), GapKind::lost,
                      context.frame);
}

void TcpStream::restart(std::uint32_t sequence, const TcpContext& context) noexcept {
  if (next_ != first_) doubt(Doubt::tcp_conflict, context);
  forget_recent(context.shared);
  start(sequence, start_source_);
}

// A receiver may take the urgent byte out of the stream, as by default, or leave it in (RFC 6093).
void TcpStream::note_urgent(const Packet& packet, const TcpContext& context) noexcept {
  const std::optional<std::uint16_t> pointer = tcp_urgent_pointer(packet);
  if (!pointer) return;
  urgent_ = packet.tcp.sequence + *pointer - 1;
  has_urgent_ = true;
  doubt(Doubt::urgent_data, context);
}

// A receiver that took the FIN reads nothing behind it.
void TcpStream::retract_fin(std::uint32_t end, const TcpContext& context) noexcept {
  if (!is_finished_ || sequence_distance(next_ - 1, end) <= 0) return;
  is_finished_ = false;
  --next_;
  doubt(Doubt::tcp_conflict, context);
}

void TcpStream::deliver(const Packet& packet, std::uint32_t sequence,
                        const TcpContext& context) noexcept {
  const std::uint32_t old = next_ - sequence;  // no negation: it may be 2^31
  const auto captured = static_cast<std::uint32_t>(packet.payload.size());
  if (old != 0) compare_copy(sequence, packet.payload.first(std::min(old, captured)), context);
  next_ = sequence + packet.payload_length;
  if (old < captured) hand_on(sequence + old, packet.payload.subspan(old), context);
  if (captured < packet.payload_length) {
    context.sink.on_gap(direction_, packet.payload_length - std::max(old, captured),
                        GapKind::snap_length, context.frame);
  }
  if (packet.tcp.has_fin()) {
    is_finished_ = true;
    ++next_;
  }
}

void TcpStream::deliver_front(const TcpContext& context) noexcept {
  const HeldPiece& piece = queue.front(context.shared.pool);
  const TcpContext then{context.shared, context.sink, piece.frame};
  const std::uint32_t old = next_ - piece.sequence;
  const Bytes bytes = piece.captured();
  compare_copy(piece.sequence, bytes.first(std::min<std::size_t>(old, bytes.size())), then);
  if (distance_to(piece.end()) >= 0) {
    next_ = piece.end();
    if (piece.missing && old < piece.size) {
      context.sink.on_gap(direction_, piece.size - old, GapKind::snap_length, piece.frame);
    } else if (old < piece.size) {
      hand_on(piece.sequence + old, bytes.subspan(old), then);
    }
    if (piece.fin) {
      is_finished_ = true;
      ++next_;
    }
  }
  queue.pop_front(context.shared.pool);
}

bool TcpStream::enqueue(const Packet& packet, std::uint32_t sequence,
                        const TcpContext& context) noexcept {
  // What was delivered already is not held again: a gap may have been given up, and part of this
  // very segment delivered, to make room for the rest of it.
  const bool is_old = is_started() && distance_to(sequence) < 0;
  std::uint32_t done = std::min(is_old ? next_ - sequence : 0, packet.payload_length);
  const std::size_t done_captured = std::min<std::size_t>(done, packet.payload.size());
  compare_copy(sequence, packet.payload.first(done_captured), context);
  Bytes rest = packet.payload.subspan(done_captured);
  PieceShape piece = shape_of(packet, sequence);
  do {
    const Bytes part = rest.first(std::min(rest.size(), HeldPiece::kBytes));
    rest = rest.subspan(part.size());
    piece.sequence = sequence + done;
    piece.size = static_cast<std::uint32_t>(part.size());
    done += piece.size;
    piece.fin = packet.tcp.has_fin() && done == packet.payload_length;
    if (!insert(piece, part, context)) return false;
  } while (!rest.empty());
  if (done == packet.payload_length) return true;
  piece.sequence = sequence + done;
  piece.size = packet.payload_length - done;
  piece.missing = true;
  piece.fin = packet.tcp.has_fin();
  return insert(piece, {}, context);
}

bool TcpStream::insert(const PieceShape& piece, Bytes bytes, const TcpContext& context) noexcept {
  const OutOfOrderQueue::Inserted inserted =
      queue.insert(piece, bytes, context.frame, context.shared.pool);
  if (inserted.has_conflict) {
    ++context.shared.counters.conflicting;
    doubt(Doubt::tcp_conflict, context);
  }
  return inserted.is_complete;
}

// The first of the bytes is the next one of the stream.
void TcpStream::hand_on(std::uint32_t sequence, Bytes bytes, const TcpContext& context) noexcept {
  Bytes read = bytes;
  const std::int32_t urgent = sequence_distance(sequence, urgent_);
  if (has_urgent_ && urgent >= 0 && urgent < static_cast<std::int32_t>(bytes.size())) [[unlikely]] {
    has_urgent_ = false;
    const Bytes before = bytes.first(static_cast<std::size_t>(urgent));
    const Bytes behind = bytes.subspan(before.size() + 1);
    if (!before.empty()) (void)context.sink.on_bytes(direction_, before, context.frame);
    if (!behind.empty()) (void)context.sink.on_bytes(direction_, behind, context.frame);
  } else {
    read = context.sink.on_bytes(direction_, bytes, context.frame);
  }
  if (read.empty()) return;
  const auto passed = static_cast<std::uint32_t>(read.data() - bytes.data());
  context.shared.recent.append(recent_, sequence, sequence + passed, read, receiver);
}

bool TcpStream::is_keep_alive(const PieceShape& said) const noexcept {
  if (said.size != 1 || said.end() != next_) return false;
  return receiver.has_acknowledged(next_) || !receiver.has_acknowledged();
}

void TcpStream::compare_copy(std::uint32_t sequence, Bytes bytes,
                             const TcpContext& context) noexcept {
  if (bytes.empty() || !recent_.slot) return;
  const std::uint32_t end = sequence + static_cast<std::uint32_t>(bytes.size());
  const RecentBytes* recent = context.shared.recent.find(recent_);
  const CopyResult result =
      recent == nullptr ? CopyResult::unknown : recent->compare(sequence, bytes);
  if (result == CopyResult::differs) {
    ++context.shared.counters.conflicting;
    doubt(Doubt::tcp_conflict, context);
  } else if (result == CopyResult::unknown && !receiver.has_acknowledged(end)) {
    ++context.shared.counters.unverified;
  }
}

}  // namespace rpcaudit::dissect
