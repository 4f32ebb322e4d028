#include "dissect/tcp_stream.h"

namespace rpcaudit {
namespace {

// How long a hole is waited for when the other side acknowledged bytes in it, so that only the
// order of the capture can still fill it.
constexpr std::uint32_t kSegmentsAfterAcknowledged = 8;
constexpr Timestamp kTimeAfterAcknowledged{kNanosecondsPerSecond / 10};
// When the other side is not seen: longer than a retransmission takes.
constexpr std::uint32_t kSegmentsUnacknowledged = 64;
constexpr Timestamp kTimeUnacknowledged{3 * kNanosecondsPerSecond};
// When it is seen and did not acknowledge: it should, or the capture lost sight of it.
constexpr Timestamp kTimeWithoutProgress{30 * kNanosecondsPerSecond};

// Positions begin here, so that what precedes the first is a position, too.
constexpr std::uint64_t kFirstEpoch = std::uint64_t{1} << 32;

}  // namespace

void TcpStream::reset(SegmentPool& pool) noexcept {
  held_.clear(pool.pieces);
  *this = TcpStream{};
}

void TcpStream::begin_at(std::uint32_t sequence) noexcept {
  next_ = kFirstEpoch | sequence;
  start_ = next_;
  settled_ = next_;
  started_ = true;
}

bool TcpStream::start_from(const TcpSegment& segment, TcpStreamCounters& counters) noexcept {
  if (segment.header.has_syn()) {
    begin_at(segment.header.sequence + 1);
    return true;
  }
  // A keep-alive repeats a byte; as a beginning, it would be taken for the first of a PDU.
  if (segment.payload_length == 1 && !segment.header.has(kTcpPsh)) {
    ++counters.keep_alives;
    return false;
  }
  if (segment.payload_length == 0 && !segment.header.has_fin()) return false;
  begin_at(segment.header.sequence);
  return true;
}

// The new bytes of the segment and their place; empty when it brings none.
PlacedBytes TcpStream::place(const TcpSegment& segment, SegmentPool& pool) noexcept {
  const TcpSegmentHeader& header = segment.header;
  if (header.has_rst()) {
    note_reset(header.sequence, pool.pieces);  // what payload it has is no part of the stream
    return {};
  }
  if (!started_ && !start_from(segment, pool.counters)) return {};
  if (segment.payload_length == 0 && !header.has_fin()) return {};

  const std::uint32_t sequence = header.sequence + (header.has_syn() ? 1 : 0);
  const auto distance = static_cast<std::int32_t>(sequence - next_sequence());
  if (distance > kWindowMax || distance < -kWindowMax) {
    return place_stray(segment, sequence, pool.counters);
  }
  strays_ = 0;
  PlacedBytes run;
  run.begin = next_ + static_cast<std::uint64_t>(std::int64_t{distance});
  run.bytes = segment.payload;
  run.missing = segment.payload_length - static_cast<std::uint32_t>(segment.payload.size());
  if (header.has_fin()) {
    if (run.end() >= next_) fin_ = run.end();
  } else if (fin_ != 0 && run.end() > fin_) {
    fin_ = 0;  // it goes on, so that was no FIN of this connection
  }
  if (run.empty()) return run;
  if (run.end() <= next_) {
    const bool is_keep_alive = segment.payload_length == 1 && run.end() == next_;
    ++(is_keep_alive ? pool.counters.keep_alives : pool.counters.retransmitted);
    return {};
  }
  if (run.begin < next_) {
    ++pool.counters.overlapping;
    run.trim_front(next_);
  }
  return run;
}

PlacedBytes TcpStream::place_stray(const TcpSegment& segment, std::uint32_t sequence,
                                   TcpStreamCounters& counters) noexcept {
  ++counters.out_of_window;
  strays_ = strays_ != 0 && sequence == stray_next_ ? static_cast<std::uint8_t>(strays_ + 1) : 1;
  stray_next_ = sequence + segment.payload_length;
  if (strays_ < kStraysBelieved) return {};
  strays_ = 0;
  fin_ = 0;
  acknowledged_ = 0;
  PlacedBytes run;
  run.begin = next_ + (sequence - next_sequence());  // what was missed is known modulo 2^32
  run.bytes = segment.payload;
  run.missing = segment.payload_length - static_cast<std::uint32_t>(segment.payload.size());
  return run;
}

void TcpStream::note_reset(std::uint32_t sequence, const PiecePool& pieces) noexcept {
  const bool is_expected =
      !started_ || sequence == next_sequence() ||
      (fin_ != 0 && sequence == static_cast<std::uint32_t>(fin_ + 1)) ||
      (acknowledged_ != 0 && sequence == static_cast<std::uint32_t>(acknowledged_)) ||
      (!held_.empty() && sequence == static_cast<std::uint32_t>(pieces[held_.last()].end()));
  reset_ |= is_expected;
}

void TcpStream::note_acknowledgment(std::uint32_t acknowledgment) noexcept {
  ack_seen_ = true;
  if (!started_) return;
  const auto distance = static_cast<std::int32_t>(acknowledgment - next_sequence());
  if (distance <= 0 || distance > kWindowMax) return;
  acknowledged_ = std::max(acknowledged_, next_ + static_cast<std::uint32_t>(distance));
}

bool TcpStream::hold(const PlacedBytes& run, const FrameReference& frame,
                     SegmentPool& pool) noexcept {
  const std::size_t bytes_before = held_.bytes();
  const HoldResult result = held_.insert(run, frame, pool.bounds, pool.pieces);
  if (bytes_before == 0) {
    held_since_ = frame.sequence;
    restart_waiting(frame.timestamp);
  }
  if (result == HoldResult::no_room) {
    ++pool.counters.no_room;
    return false;
  }
  if (held_.bytes() == bytes_before) {
    ++pool.counters.retransmitted;
    return true;
  }
  ++pool.counters.out_of_order;
  if (result == HoldResult::overlapped) ++pool.counters.overlapping;
  ++waiting_segments_;
  return true;
}

bool TcpStream::should_give_up(Timestamp now) const noexcept {
  const std::int64_t waited = now.nanoseconds - waiting_since_.nanoseconds;
  if (acknowledged_ > next_) {
    return waiting_segments_ >= kSegmentsAfterAcknowledged ||
           waited >= kTimeAfterAcknowledged.nanoseconds;
  }
  if (ack_seen_) return waited >= kTimeWithoutProgress.nanoseconds;
  return waiting_segments_ >= kSegmentsUnacknowledged || waited >= kTimeUnacknowledged.nanoseconds;
}

void TcpStream::restart_waiting(Timestamp now) noexcept {
  waiting_since_ = now;
  waiting_segments_ = 0;
}

// Where the stream ends or must at least have come to: a FIN takes up one sequence number, and an
// acknowledgment may be of just that.
std::uint64_t TcpStream::known_end() const noexcept {
  return acknowledged_ == 0 ? fin_ : std::max(fin_, acknowledged_ - 1);
}

}  // namespace rpcaudit
