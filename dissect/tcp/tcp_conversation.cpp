#include "dissect/tcp/tcp_conversation.h"

namespace rpcaudit::dissect {

void TcpConversation::start(unsigned direction, std::uint32_t sequence) noexcept {
  Direction& d = directions_[direction];
  d.first = sequence;
  d.next = sequence;
  d.started = true;
  d.strays = 0;
}

void TcpConversation::open(unsigned direction, std::uint32_t sequence) noexcept {
  start(direction, sequence);
  directions_[direction].opened = true;
}

// The very first segment after the handshake was said before the other side said anything: what it
// acknowledges is where the other side begins.
void TcpConversation::learn_start_of_other(unsigned direction, std::uint32_t sequence, bool has_ack,
                                           std::uint32_t acknowledgment) noexcept {
  const Direction& d = directions_[direction];
  const Direction& other = directions_[1 - direction];
  if (other.started || !has_ack || !d.opened || sequence != d.first) return;
  start(1 - direction, acknowledgment);
}

// Data where a FIN was: it was forged, or damaged in the capture.
void TcpConversation::take_back_fin(unsigned direction, std::uint32_t sequence) noexcept {
  Direction& d = directions_[direction];
  if (!d.finished || distance(sequence, d.next) != 1) return;
  d.finished = false;
  --d.next;
}

// True when a segment acknowledges bytes of the other side that have not been delivered: it was
// said after them.
bool TcpConversation::answers_the_unseen(unsigned direction, bool has_ack,
                                         std::uint32_t acknowledgment) const noexcept {
  const Direction& other = directions_[1 - direction];
  if (!has_ack || !other.started || other.finished) return false;
  const std::int32_t ahead = distance(other.next, acknowledgment);
  return ahead > 0 && ahead <= kPlausibleDistance;
}

void TcpConversation::note_acknowledgment(unsigned direction, const Packet& packet) noexcept {
  if (!packet.tcp.has_ack()) return;
  Direction& other = directions_[1 - direction];
  if (other.was_acknowledged && distance(other.acknowledged, packet.tcp.acknowledgment) <= 0)
    return;
  other.acknowledged = packet.tcp.acknowledgment;
  other.was_acknowledged = true;
}

// One segment far away is a stray; several that continue one another are a connection that went on
// while the capture did not.
bool TcpConversation::believe(unsigned direction, const Packet& packet) noexcept {
  Direction& d = directions_[direction];
  d.strays = packet.tcp.sequence == d.stray_next ? static_cast<std::uint8_t>(d.strays + 1) : 1;
  d.stray_next = packet.tcp.sequence + packet.payload_length;
  return d.strays >= kStraysBelieved;
}

bool TcpConversation::hole_is_hopeless(const FrameReference& now,
                                       const HeldPieces& held) const noexcept {
  const std::uint32_t pieces = directions_[0].held_count + directions_[1].held_count;
  for (unsigned direction = 0; direction < 2; ++direction) {
    const Direction& d = directions_[direction];
    if (d.head == kNoSlot) continue;
    const std::int64_t age = nanoseconds_between(d.holding_since.timestamp, now.timestamp);
    if (age > kPatience) return true;
    // Has the receiver got what is missing here? Then no retransmission will bring it.
    const HeldPiece& head = held.slots[d.head];
    const bool received = answers_the_unseen(direction, head.has_ack, head.acknowledgment) ||
                          (d.started && d.was_acknowledged && distance(d.next, d.acknowledged) > 0);
    if (received && (age > kAcknowledgedPatience || pieces >= kPiecesBeyondAcknowledged)) {
      return true;
    }
  }
  return false;
}

// Links one piece in by sequence number, cut to what no held piece has already.
bool TcpConversation::hold_piece(unsigned direction, const PieceShape& shape, Bytes bytes,
                                 const FrameReference& frame, HeldPieces& held) noexcept {
  Direction& d = directions_[direction];
  std::uint32_t begin = shape.sequence;
  const std::uint32_t end = shape.sequence + shape.size;
  std::uint32_t* link = &d.head;
  for (;;) {
    const bool last = *link == kNoSlot;
    const std::uint32_t next_begin = last ? end : held.slots[*link].sequence;
    const std::uint32_t piece_end = distance(next_begin, end) > 0 ? next_begin : end;
    const std::int32_t size = distance(begin, piece_end);
    const bool fin_here = shape.fin && piece_end == end;
    if (size > 0 || (last && fin_here)) {
      if (d.held_count >= held.per_stream) return false;
      const std::uint32_t slot = held.slots.take();
      if (slot == kNoSlot) return false;
      HeldPiece& piece = held.slots[slot];
      static_cast<PieceShape&>(piece) = shape;
      piece.sequence = begin;
      piece.size = static_cast<std::uint32_t>(std::max(size, 0));
      piece.fin = fin_here;
      piece.frame = frame;
      if (!shape.missing && size > 0) {
        std::memcpy(piece.bytes.data(), bytes.data() + (begin - shape.sequence), piece.size);
      }
      piece.next = *link;
      *link = slot;
      ++d.held_count;
      if (d.holding_since.sequence == 0) d.holding_since = frame;
      link = &piece.next;
    }
    if (last || distance(piece_end, end) <= 0) return true;
    const HeldPiece& existing = held.slots[*link];
    const std::uint32_t existing_end = existing.sequence + existing.size;
    if (distance(begin, existing_end) > 0) begin = existing_end;
    if (distance(begin, end) < 0) begin = end;
    link = &held.slots[*link].next;
  }
}

bool TcpConversation::hold(unsigned direction, const Packet& packet, std::uint32_t sequence,
                           const FrameReference& frame, HeldPieces& held) noexcept {
  PieceShape shape;
  shape.acknowledgment = packet.tcp.acknowledgment;
  shape.has_ack = packet.tcp.has_ack();
  // What was delivered already is not held again: a hole may have been given up, and part of this
  // very segment delivered, to make room for the rest of it.
  const Direction& d = directions_[direction];
  const std::int32_t old = d.started ? std::max(distance(sequence, d.next), 0) : 0;
  std::uint32_t done = std::min(static_cast<std::uint32_t>(old), packet.payload_length);
  Bytes rest = packet.payload.subspan(std::min<std::size_t>(done, packet.payload.size()));
  do {
    const Bytes part = rest.first(std::min(rest.size(), HeldPiece::kBytes));
    rest = rest.subspan(part.size());
    shape.sequence = sequence + done;
    shape.size = static_cast<std::uint32_t>(part.size());
    done += shape.size;
    shape.fin = packet.tcp.has_fin() && done == packet.payload_length;
    if (!hold_piece(direction, shape, part, frame, held)) return false;
  } while (!rest.empty());
  if (done == packet.payload_length) return true;
  shape.sequence = sequence + done;
  shape.size = packet.payload_length - done;
  shape.missing = true;
  shape.fin = packet.tcp.has_fin();
  return hold_piece(direction, shape, {}, frame, held);
}

}  // namespace rpcaudit::dissect
