#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>

#include "capture/timestamp.h"
#include "dissect/limits.h"
#include "dissect/packet.h"
#include "dissect/piece_list.h"
#include "dissect/rpc_observer.h"

namespace rpcaudit {

struct TcpSegment {
  TcpSegmentHeader header;
  Bytes payload;                     // as captured
  std::uint32_t payload_length = 0;  // as the headers state
};

[[nodiscard]] inline TcpSegment tcp_segment(const Packet& packet) noexcept {
  return {packet.tcp, packet.payload, packet.payload_length};
}

// Why bytes of a stream are missing.
enum class StreamGap : std::uint8_t {
  lost,  // they never came
  cut,   // the snap length took them
};

// Of all streams that share a pool. All counters only grow.
struct TcpStreamCounters {
  std::uint64_t retransmitted = 0;  // segments that brought nothing new
  std::uint64_t overlapping = 0;    // segments that brought some bytes again
  std::uint64_t out_of_order = 0;   // segments held for those before them
  std::uint64_t out_of_window = 0;  // segments too far from the stream to be of it
  std::uint64_t keep_alives = 0;
  std::uint64_t no_room = 0;  // holes given up because no more could be held
  std::uint64_t gaps = 0;     // of kind lost
  std::uint64_t gap_bytes = 0;
  std::uint64_t cuts = 0;  // of kind cut
  std::uint64_t cut_bytes = 0;
};

// What the streams of one dissector share: room for segments that came out of order.
struct SegmentPool {
  explicit SegmentPool(const Limits& limits)
      : pieces(limits.reorder_bytes),
        bounds{limits.reorder_segments_per_stream, limits.reorder_bytes_per_stream} {}

  PiecePool pieces;
  PieceBounds bounds;  // of one stream
  TcpStreamCounters counters;
};

// One direction of one TCP connection: segments in, bytes in their order out (RFC 9293 3.4).
//
// A segment in order goes to the sink where it stands; one that is early is copied to the pool
// until the hole before it fills. Of bytes that come twice the first to arrive are kept. A hole is
// given up, and told as a gap, when
//  - the other side acknowledged bytes in it, so it is the capture that lacks them, and some more
//    segments or time have passed, as frames may be captured out of order;
//  - or the other side is not seen at all, and many segments or seconds have passed;
//  - or nothing more can be held.
// A segment too far away is ignored, unless several come in a row there: then the capture missed
// very much, and the stream goes on from them.
//
// The sink has on_bytes(Bytes, const FrameReference&), with the frame in which the bytes came, and
// on_gap(std::uint64_t missing, StreamGap, const FrameReference&), with the frame of what follows
// the gap. It is called from within add(), acknowledged(), give_up() and finish() and may not touch
// the stream.
//
// Pieces in the pool are owned by hand: reset() a stream before it goes.
class TcpStream {
 public:
  // Forgets everything; a new connection may follow.
  void reset(SegmentPool& pool) noexcept;

  // Says where the stream begins (the sequence number after that of its SYN), when the SYN was seen
  // and not added. Otherwise the first segment with payload is the beginning.
  void begin_at(std::uint32_t sequence) noexcept;

  template <class Sink>
  void add(const TcpSegment& segment, const FrameReference& frame, SegmentPool& pool,
           Sink& sink) noexcept {
    if (held_.empty() && (segment.header.flags & kRareFlags) == 0 && started_) [[likely]] {
      if (segment.payload_length == 0) return;
      if (segment.header.sequence == next_sequence() &&
          segment.payload.size() == segment.payload_length) [[likely]] {
        next_ += segment.payload_length;
        sink.on_bytes(segment.payload, frame);
        return;
      }
    }
    const PlacedBytes run = place(segment, pool);
    if (!run.empty()) accept(run, frame, pool, sink);
    settle(frame, pool, sink);
  }

  // The other direction acknowledged all bytes before `acknowledgment`.
  template <class Sink>
  void acknowledged(std::uint32_t acknowledgment, const FrameReference& frame, SegmentPool& pool,
                    Sink& sink) noexcept {
    note_acknowledgment(acknowledgment);
    if (!held_.empty()) settle(frame, pool, sink);
  }

  // Tells everything that is held, and each hole before it as a gap. The stream goes on.
  template <class Sink>
  void give_up(SegmentPool& pool, Sink& sink) noexcept {
    while (!held_.empty()) give_up_first_hole(pool, sink);
  }

  // The connection ended: give_up(), then what is known to be missing at the end.
  template <class Sink>
  void finish(const FrameReference& frame, SegmentPool& pool, Sink& sink) noexcept {
    give_up(pool, sink);
    if (started_ && known_end() > next_) jump_to(known_end(), frame, pool, sink);
  }

  // A first segment was seen, so next_sequence() means something.
  [[nodiscard]] bool has_started() const noexcept { return started_; }
  [[nodiscard]] std::uint32_t next_sequence() const noexcept {
    return static_cast<std::uint32_t>(next_);
  }
  // All bytes up to the FIN were told.
  [[nodiscard]] bool is_finished() const noexcept { return fin_ != 0 && next_ == fin_; }
  // A RST was added that the receiver would heed: its sequence number was the one expected, or
  // followed all bytes held (RFC 5961 3.2; the capture may lack what is between).
  [[nodiscard]] bool is_reset() const noexcept { return reset_; }
  // A SYN of another connection between the same endpoints.
  [[nodiscard]] bool is_new_connection(const TcpSegmentHeader& header) const noexcept {
    return started_ && header.has_syn() &&
           header.sequence + 1 != static_cast<std::uint32_t>(start_);
  }
  [[nodiscard]] bool holds_segments() const noexcept { return !held_.empty(); }
  // A frame sequence that no held segment came before; means something when holds_segments().
  [[nodiscard]] std::uint64_t held_since() const noexcept { return held_since_; }

 private:
  static constexpr std::uint8_t kRareFlags = kTcpSyn | kTcpFin | kTcpRst;
  // The largest window there is (RFC 7323 2.3).
  static constexpr std::int32_t kWindowMax = 1 << 30;
  // Segments in a row after which a place outside the window is believed.
  static constexpr std::uint8_t kStraysBelieved = 4;

  [[nodiscard]] PlacedBytes place(const TcpSegment& segment, SegmentPool& pool) noexcept;
  [[nodiscard]] PlacedBytes place_stray(const TcpSegment& segment, std::uint32_t sequence,
                                        TcpStreamCounters& counters) noexcept;
  [[nodiscard]] bool start_from(const TcpSegment& segment, TcpStreamCounters& counters) noexcept;
  void note_reset(std::uint32_t sequence, const PiecePool& pieces) noexcept;
  void note_acknowledgment(std::uint32_t acknowledgment) noexcept;
  [[nodiscard]] bool hold(const PlacedBytes& run, const FrameReference& frame,
                          SegmentPool& pool) noexcept;
  [[nodiscard]] bool should_give_up(Timestamp now) const noexcept;
  void restart_waiting(Timestamp now) noexcept;
  [[nodiscard]] std::uint64_t known_end() const noexcept;

  template <class Sink>
  void accept(PlacedBytes run, const FrameReference& frame, SegmentPool& pool, Sink& sink) noexcept;
  template <class Sink>
  void settle(const FrameReference& frame, SegmentPool& pool, Sink& sink) noexcept;
  template <class Sink>
  void give_up_first_hole(SegmentPool& pool, Sink& sink) noexcept;
  template <class Sink>
  void jump_to(std::uint64_t position, const FrameReference& frame, SegmentPool& pool,
               Sink& sink) noexcept;
  template <class Sink>
  void tell_front(const PlacedBytes& run, std::uint64_t end, const FrameReference& frame,
                  SegmentPool& pool, Sink& sink) noexcept;
  template <class Sink>
  void drain(SegmentPool& pool, Sink& sink) noexcept;

  // Positions count bytes without wrapping; their low half is the sequence number.
  std::uint64_t next_ = 0;  // all before it was told
  std::uint64_t start_ = 0;
  std::uint64_t fin_ = 0;  // the end, once a FIN was seen
  std::uint64_t acknowledged_ = 0;
  PieceList held_;
  Timestamp waiting_since_;  // for the first hole, or for progress since the last one given up
  std::uint64_t held_since_ = 0;
  std::uint64_t settled_ = 0;  // next_ when settle() last ran
  std::uint32_t waiting_segments_ = 0;
  std::uint32_t stray_next_ = 0;
  std::uint8_t strays_ = 0;
  bool started_ = false;
  bool ack_seen_ = false;
  bool reset_ = false;
};

template <class Sink>
void TcpStream::accept(PlacedBytes run, const FrameReference& frame, SegmentPool& pool,
                       Sink& sink) noexcept {
  if (run.begin > next_ + std::uint64_t{kWindowMax}) {
    give_up(pool, sink);
    if (run.begin > next_) jump_to(run.begin, frame, pool, sink);
  }
  while (!run.empty()) {
    if (run.begin <= next_) {
      const std::uint64_t end =
          held_.empty() ? run.end() : std::min(run.end(), pool.pieces[held_.first()].begin);
      tell_front(run, end, frame, pool, sink);
      drain(pool, sink);
      run.trim_front(next_);
    } else if (hold(run, frame, pool)) {
      return;
    } else if (held_.empty()) {
      jump_to(run.begin, frame, pool, sink);
    } else {
      give_up_first_hole(pool, sink);
      run.trim_front(next_);
    }
  }
}

template <class Sink>
void TcpStream::settle(const FrameReference& frame, SegmentPool& pool, Sink& sink) noexcept {
  if (next_ != settled_) restart_waiting(frame.timestamp);
  while (!held_.empty() && should_give_up(frame.timestamp)) {
    give_up_first_hole(pool, sink);
    if (acknowledged_ <= next_) restart_waiting(frame.timestamp);
  }
  settled_ = next_;
}

template <class Sink>
void TcpStream::give_up_first_hole(SegmentPool& pool, Sink& sink) noexcept {
  const Piece& piece = pool.pieces[held_.first()];
  jump_to(piece.begin, piece.frame, pool, sink);
  drain(pool, sink);
}

template <class Sink>
void TcpStream::jump_to(std::uint64_t position, const FrameReference& frame, SegmentPool& pool,
                        Sink& sink) noexcept {
  ++pool.counters.gaps;
  pool.counters.gap_bytes += position - next_;
  sink.on_gap(position - next_, StreamGap::lost, frame);
  next_ = position;
}

// Tells the part of the run from next_ to `end`.
template <class Sink>
void TcpStream::tell_front(const PlacedBytes& run, std::uint64_t end, const FrameReference& frame,
                           SegmentPool& pool, Sink& sink) noexcept {
  PlacedBytes rest = run;
  rest.trim_front(next_);
  if (rest.begin >= end) return;
  const std::uint64_t wanted = end - rest.begin;
  next_ = end;
  const std::size_t present =
      static_cast<std::size_t>(std::min<std::uint64_t>(wanted, rest.bytes.size()));
  if (present != 0) sink.on_bytes(rest.bytes.first(present), frame);
  if (present == wanted) return;
  ++pool.counters.cuts;
  pool.counters.cut_bytes += wanted - present;
  sink.on_gap(wanted - present, StreamGap::cut, frame);
}

// Tells what is held from next_ on.
template <class Sink>
void TcpStream::drain(SegmentPool& pool, Sink& sink) noexcept {
  while (!held_.empty() && pool.pieces[held_.first()].begin <= next_) {
    const Piece piece = pool.pieces[held_.first()];
    const Bytes bytes = pool.pieces.bytes(held_.first());
    next_ = piece.end();
    if (piece.present) {
      sink.on_bytes(bytes, piece.frame);
    } else {
      ++pool.counters.cuts;
      pool.counters.cut_bytes += piece.length;
      sink.on_gap(piece.length, StreamGap::cut, piece.frame);
    }
    held_.pop_front(pool.pieces);
  }
}

}  // namespace rpcaudit
