#pragma once

#include <algorithm>
#include <array>
#include <cstdint>
#include <cstring>

#include "dissect/limits.h"
#include "dissect/net/packet.h"
#include "dissect/rpc_observer.h"
#include "dissect/store/slab.h"

namespace rpcaudit::dissect {

enum class GapKind : std::uint8_t {
  lost,         // the capture does not hold these bytes
  snap_length,  // their frame was cut
};

// What a piece of a segment is, apart from its bytes.
struct PieceShape {
  std::uint32_t sequence = 0;
  std::uint32_t size = 0;  // of the stream; all of it missing when `missing`
  std::uint32_t acknowledgment = 0;
  bool has_ack = false;
  bool missing = false;  // cut off by the snap length
  bool fin = false;      // the stream ends behind this piece
};

// A piece of a segment that cannot be delivered yet. Longer segments take several pieces.
struct HeldPiece : PieceShape {
  static constexpr std::size_t kBytes = 2048;

  FrameReference frame;
  std::uint32_t next = kNoSlot;
  std::array<std::byte, kBytes> bytes;
};

struct TcpCounters {
  std::uint64_t retransmitted = 0;  // segments of which nothing was new
  std::uint64_t out_of_order = 0;   // segments that had to be held
  std::uint64_t out_of_window = 0;  // segments far from anything expected, ignored
};

// Room for held pieces, shared by all conversations, and what they count.
struct HeldPieces {
  explicit HeldPieces(const Limits& limits)
      : slots(std::max<std::size_t>(1, limits.reorder_bytes / HeldPiece::kBytes)),
        per_stream(limits.reorder_segments_per_stream) {}

  Slab<HeldPiece> slots;
  std::size_t per_stream;
  TcpCounters counters;
};

// Both directions of a TCP connection, brought into the order in which they were said: within a
// direction by sequence number, and between them by acknowledgment: a segment that answers bytes
// not seen yet waits for them. So a capture that shuffles frames, of either direction, reads like
// one that does not, and a request is always told before its response.
//
// A segment in order is delivered in place. Whatever has to wait is copied, within bounds, until
// the hole before it fills or is given up: when the receiver has acknowledged beyond it and enough
// has been captured since, or when it simply lasts too long. Bytes once delivered, or first
// captured, win over any that overlap them.
//
// Sequence numbers are compared as differences, so they may wrap. The sink has
// on_bytes(direction, Bytes, const FrameReference&) and
// on_gap(direction, missing, GapKind, const FrameReference&).
class TcpConversation {
 public:
  // The SYN of `direction` was seen: its first byte has this sequence number.
  void open(unsigned direction, std::uint32_t sequence) noexcept;
  [[nodiscard]] bool started(unsigned direction) const noexcept {
    return directions_[direction].started;
  }

  template <class Sink>
  void add(unsigned direction, const Packet& packet, const FrameReference& frame, HeldPieces& held,
           Sink& sink) noexcept;

  // True when `packet`, a SYN, is the one that opened `direction`.
  [[nodiscard]] bool opened_with(unsigned direction, const Packet& packet) const noexcept {
    return directions_[direction].first == packet.tcp.sequence + 1;
  }

  // Gives up every hole; all that is held is delivered.
  template <class Sink>
  void flush(HeldPieces& held, Sink& sink) noexcept {
    while (is_holding()) give_up_one(held, sink);
  }

  [[nodiscard]] bool is_holding() const noexcept {
    return directions_[0].head != kNoSlot || directions_[1].head != kNoSlot;
  }
  // The frame since which `direction` holds something; sequence 0 when it does not.
  [[nodiscard]] const FrameReference& holding_since(unsigned direction) const noexcept {
    return directions_[direction].holding_since;
  }
  // The FIN of `direction` was delivered.
  [[nodiscard]] bool finished(unsigned direction) const noexcept {
    return directions_[direction].finished;
  }

 private:
  struct Direction {
    std::uint32_t first = 0;         // sequence number of the first byte
    std::uint32_t next = 0;          // sequence number of the next byte to deliver
    std::uint32_t acknowledged = 0;  // highest acknowledgment of these bytes
    std::uint32_t stray_next = 0;    // where a run of implausible segments goes on
    std::uint32_t head = kNoSlot;    // held pieces by sequence number
    std::uint32_t held_count = 0;
    std::uint8_t strays = 0;
    bool started = false;  // `next` means something
    bool opened = false;   // and is known from a SYN
    bool was_acknowledged = false;
    bool finished = false;
    FrameReference holding_since;
  };

  // Farther from what is expected than any window, a segment is not believed.
  static constexpr std::int32_t kPlausibleDistance = 1 << 26;
  static constexpr std::uint8_t kStraysBelieved = 3;
  // How much may be captured beyond an acknowledged hole before it is given up: frames of one
  // connection do get shuffled, but not over such distances.
  static constexpr std::uint32_t kPiecesBeyondAcknowledged = 64;
  static constexpr std::int64_t kAcknowledgedPatience = kNanosecondsPerSecond;
  static constexpr std::int64_t kPatience = 10 * kNanosecondsPerSecond;

  static std::int32_t distance(std::uint32_t from, std::uint32_t to) noexcept {
    return static_cast<std::int32_t>(to - from);
  }

  void start(unsigned direction, std::uint32_t sequence) noexcept;
  void take_back_fin(unsigned direction, std::uint32_t sequence) noexcept;
  void learn_start_of_other(unsigned direction, std::uint32_t sequence, bool has_ack,
                            std::uint32_t acknowledgment) noexcept;
  [[nodiscard]] bool answers_the_unseen(unsigned direction, bool has_ack,
                                        std::uint32_t acknowledgment) const noexcept;
  void note_acknowledgment(unsigned direction, const Packet& packet) noexcept;
  [[nodiscard]] bool believe(unsigned direction, const Packet& packet) noexcept;
  [[nodiscard]] bool hole_is_hopeless(const FrameReference& now,
                                      const HeldPieces& held) const noexcept;
  // Links `packet` in as pieces; false when there was no room for all of it.
  [[nodiscard]] bool hold(unsigned direction, const Packet& packet, std::uint32_t sequence,
                          const FrameReference& frame, HeldPieces& held) noexcept;
  [[nodiscard]] bool hold_piece(unsigned direction, const PieceShape& shape, Bytes bytes,
                                const FrameReference& frame, HeldPieces& held) noexcept;

  template <class Sink>
  void deliver(unsigned direction, const Packet& packet, std::uint32_t sequence,
               const FrameReference& frame, Sink& sink) noexcept;
  template <class Sink>
  [[nodiscard]] bool deliver_head(unsigned direction, HeldPieces& held, Sink& sink) noexcept;
  template <class Sink>
  void drain(HeldPieces& held, Sink& sink) noexcept;
  template <class Sink>
  void skip_to(unsigned direction, std::uint32_t sequence, const FrameReference& frame,
               Sink& sink) noexcept;
  template <class Sink>
  void give_up_one(HeldPieces& held, Sink& sink) noexcept;

  std::array<Direction, 2> directions_;
};

// --- implementation of the templates ---

// Hands on a segment whose first byte is the next one, or one already delivered.
template <class Sink>
void TcpConversation::deliver(unsigned direction, const Packet& packet, std::uint32_t sequence,
                              const FrameReference& frame, Sink& sink) noexcept {
  Direction& d = directions_[direction];
  learn_start_of_other(direction, sequence, packet.tcp.has_ack(), packet.tcp.acknowledgment);
  const auto old = static_cast<std::uint32_t>(-distance(d.next, sequence));
  const auto captured = static_cast<std::uint32_t>(packet.payload.size());
  d.next = sequence + packet.payload_length;
  if (old < captured) sink.on_bytes(direction, packet.payload.subspan(old), frame);
  if (captured < packet.payload_length) {
    sink.on_gap(direction, packet.payload_length - std::max(old, captured), GapKind::snap_length,
                frame);
  }
  if (packet.tcp.has_fin()) {
    d.finished = true;
    ++d.next;
  }
}

template <class Sink>
void TcpConversation::add(unsigned direction, const Packet& packet, const FrameReference& frame,
                          HeldPieces& held, Sink& sink) noexcept {
  note_acknowledgment(direction, packet);
  Direction& d = directions_[direction];
  if (packet.payload_length == 0 && !packet.tcp.has_fin()) {
    if (packet.tcp.has_syn() && !d.started) open(direction, packet.tcp.sequence + 1);
    if (is_holding() && hole_is_hopeless(frame, held)) give_up_one(held, sink);
    return;
  }
  // A SYN takes the sequence number before its payload.
  const std::uint32_t sequence = packet.tcp.sequence + (packet.tcp.has_syn() ? 1 : 0);
  if (packet.payload_length != 0) take_back_fin(direction, sequence);
  const bool early = answers_the_unseen(direction, packet.tcp.has_ack(), packet.tcp.acknowledgment);
  if (!d.started && !early) start(direction, sequence);

  const std::int32_t offset = d.started ? distance(d.next, sequence) : 0;
  if (offset > kPlausibleDistance || offset < -kPlausibleDistance) {
    ++held.counters.out_of_window;
    if (!believe(direction, packet)) return;
    flush(held, sink);
    sink.on_gap(direction, sequence - d.next, GapKind::lost, frame);
    start(direction, sequence);
  }
  const std::uint32_t end = sequence + packet.payload_length + (packet.tcp.has_fin() ? 1 : 0);
  if (d.started && distance(d.next, end) <= 0) {
    ++held.counters.retransmitted;
    return;
  }
  if (!early && d.head == kNoSlot && distance(d.next, sequence) <= 0) {
    deliver(direction, packet, sequence, frame, sink);
    if (directions_[1 - direction].head != kNoSlot) drain(held, sink);
    return;
  }
  ++held.counters.out_of_order;
  while (!hold(direction, packet, sequence, frame, held)) {
    if (!is_holding()) {
      // No room even with nothing held here: others have it all. The segment is lost.
      skip_to(direction, end, frame, sink);
      return;
    }
    give_up_one(held, sink);
  }
  drain(held, sink);
  while (is_holding() && hole_is_hopeless(frame, held)) give_up_one(held, sink);
}

// Delivers the first held piece of a direction if nothing it waits for is missing.
template <class Sink>
bool TcpConversation::deliver_head(unsigned direction, HeldPieces& held, Sink& sink) noexcept {
  Direction& d = directions_[direction];
  if (d.head == kNoSlot) return false;
  const std::uint32_t slot = d.head;
  HeldPiece& piece = held.slots[slot];
  if (answers_the_unseen(direction, piece.has_ack, piece.acknowledgment)) return false;
  if (!d.started) start(direction, piece.sequence);
  if (distance(d.next, piece.sequence) > 0) return false;
  learn_start_of_other(direction, piece.sequence, piece.has_ack, piece.acknowledgment);

  d.head = piece.next;
  --d.held_count;
  const auto old = static_cast<std::uint32_t>(-distance(d.next, piece.sequence));
  if (old < piece.size || (piece.fin && old == piece.size)) {
    d.next = piece.sequence + piece.size;
    if (piece.missing && old < piece.size) {
      sink.on_gap(direction, piece.size - old, GapKind::snap_length, piece.frame);
    } else if (old < piece.size) {
      sink.on_bytes(direction, Bytes(piece.bytes).first(piece.size).subspan(old), piece.frame);
    }
    if (piece.fin) {
      d.finished = true;
      ++d.next;
    }
  }
  held.slots.release(slot);
  if (d.head == kNoSlot) d.holding_since = {};
  return true;
}

template <class Sink>
void TcpConversation::drain(HeldPieces& held, Sink& sink) noexcept {
  bool progress = true;
  while (progress) {
    progress = false;
    for (unsigned direction = 0; direction < 2; ++direction) {
      while (deliver_head(direction, held, sink)) progress = true;
    }
  }
}

template <class Sink>
void TcpConversation::skip_to(unsigned direction, std::uint32_t sequence,
                              const FrameReference& frame, Sink& sink) noexcept {
  Direction& d = directions_[direction];
  const std::int32_t missing = distance(d.next, sequence);
  if (missing <= 0) return;
  d.next = sequence;
  sink.on_gap(direction, static_cast<std::uint64_t>(missing), GapKind::lost, frame);
}

// Gives up what the earliest captured of the held pieces waits for, and delivers what follows.
template <class Sink>
void TcpConversation::give_up_one(HeldPieces& held, Sink& sink) noexcept {
  unsigned direction = directions_[0].head == kNoSlot ? 1 : 0;
  const std::uint32_t other_head = directions_[1 - direction].head;
  if (other_head != kNoSlot && held.slots[other_head].frame.sequence <
                                   held.slots[directions_[direction].head].frame.sequence) {
    direction = 1 - direction;
  }
  const HeldPiece& piece = held.slots[directions_[direction].head];
  if (answers_the_unseen(direction, piece.has_ack, piece.acknowledgment)) {
    const unsigned other = 1 - direction;
    std::uint32_t up_to = piece.acknowledgment;
    if (directions_[other].head != kNoSlot) {
      const std::uint32_t held_from = held.slots[directions_[other].head].sequence;
      if (distance(held_from, up_to) > 0 && distance(directions_[other].next, held_from) > 0) {
        up_to = held_from;
      }
    }
    skip_to(other, up_to, piece.frame, sink);
  } else {
    skip_to(direction, piece.sequence, piece.frame, sink);
  }
  drain(held, sink);
}

}  // namespace rpcaudit::dissect
