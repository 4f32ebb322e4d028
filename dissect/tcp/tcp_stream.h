#pragma once

#include <cstdint>

#include "dissect/direction.h"
#include "dissect/net/packet.h"
#include "dissect/rpc_observer.h"
#include "dissect/tcp/out_of_order_queue.h"
#include "dissect/tcp/recent_bytes_pool.h"
#include "dissect/tcp/tcp_receiver.h"

namespace rpcaudit::dissect {

enum class GapKind : std::uint8_t {
  lost,         // the capture does not hold these bytes
  snap_length,  // their frame was cut
};

// Takes what a conversation delivers: bytes and gaps in the order in which they were said.
class TcpStreamSink {
 public:
  // Returns those of the bytes that matter: later copies are compared with them.
  [[nodiscard]] virtual Bytes on_bytes(Direction direction, Bytes bytes,
                                       const FrameReference& frame) noexcept = 0;
  // `missing` bytes of the stream, > 0 or kGapOfUnknownSize, will never be delivered.
  virtual void on_gap(Direction direction, std::uint64_t missing, GapKind kind,
                      const FrameReference& frame) noexcept = 0;
  // The receiver of `direction` may have read something else than what was, or will be, delivered.
  virtual void on_doubt(Direction direction, Doubt doubt, const FrameReference& frame) noexcept = 0;

 protected:
  ~TcpStreamSink() = default;
};

struct TcpCounters {
  std::uint64_t retransmitted = 0;  // segments of which nothing was new
  std::uint64_t out_of_order = 0;   // segments that had to be held
  std::uint64_t out_of_window = 0;  // segments far from anything expected, passed over
  std::uint64_t not_taken = 0;      // segments that no receiver takes, for another reason
  std::uint64_t conflicting = 0;    // segments whose bytes differ from those of an earlier copy
  std::uint64_t unverified = 0;     // segments whose earlier copy was not kept to compare with
  std::uint64_t past_reset = 0;     // connections that went on after a reset
};

// What all streams share.
struct TcpShared {
  explicit TcpShared(const Limits& limits) : pool(limits), recent(limits) {}

  ReorderPool pool;
  RecentBytesPool recent;
  TcpCounters counters;
};

// What the streams of a conversation work with while a segment is added.
struct TcpContext {
  TcpShared& shared;
  TcpStreamSink& sink;
  const FrameReference& frame;
};

// What tells where a stream begins; what comes later is to be relied upon more.
enum class StartSource : std::uint8_t {
  none,
  segment,         // the first one seen
  acknowledgment,  // of the other side's first segment
  syn,
};

// One direction of a TCP connection: its place in the sequence numbers, what is held of it and what
// was delivered of late.
class TcpStream {
 public:
  explicit TcpStream(Direction direction) noexcept : direction_(direction) {}

  // The first byte to deliver has this sequence number.
  void start(std::uint32_t sequence, StartSource source) noexcept;

  [[nodiscard]] bool is_started() const noexcept { return start_source_ != StartSource::none; }
  [[nodiscard]] StartSource start_source() const noexcept { return start_source_; }
  [[nodiscard]] bool is_finished() const noexcept { return is_finished_; }  // its FIN was delivered
  [[nodiscard]] std::uint32_t first() const noexcept { return first_; }
  [[nodiscard]] std::uint32_t next() const noexcept { return next_; }
  // From the next byte to deliver to a sequence number.
  [[nodiscard]] std::int32_t distance_to(std::uint32_t sequence) const noexcept {
    return sequence_distance(next_, sequence);
  }
  // Whether a segment of these sequence numbers may lie in the receiver's window.
  [[nodiscard]] bool is_in_window(std::uint32_t sequence) const noexcept;
  // Whether `sequence` is, to the receiver, the one of the next byte.
  [[nodiscard]] bool is_expected(std::uint32_t sequence) const noexcept;

  // A segment out of the window. Returns whether, with those before it, it shows that the stream
  // went on elsewhere: the receiver acknowledges them, or is not captured.
  [[nodiscard]] bool shows_jump(const Packet& packet) noexcept;
  // The stream goes on at `sequence`, wherever that is.
  void jump_to(std::uint32_t sequence, const TcpContext& context) noexcept;
  // The stream goes on at `sequence`, which lies ahead; what comes before it is lost.
  void skip_to(std::uint32_t sequence, const TcpContext& context) noexcept;
  // The stream starts earlier than was assumed: `sequence` is the first byte.
  void restart(std::uint32_t sequence, const TcpContext& context) noexcept;

  // The segment's urgent pointer, if it has one.
  void note_urgent(const Packet& packet, const TcpContext& context) noexcept;
  // Data up to `end` came: a FIN before that was forged, or damaged in the capture.
  void retract_fin(std::uint32_t end, const TcpContext& context) noexcept;

  // Delivers a segment whose first byte is the next one, or one delivered already.
  void deliver(const Packet& packet, std::uint32_t sequence, const TcpContext& context) noexcept;
  // Delivers the front of the queue, and pops it.
  void deliver_front(const TcpContext& context) noexcept;
  // Queues a segment as pieces; false when there was no room for all of it.
  [[nodiscard]] bool enqueue(const Packet& packet, std::uint32_t sequence,
                             const TcpContext& context) noexcept;
  // Whether a segment may be a keep-alive, whose one byte may be anything (RFC 9293 3.8.4): the
  // receiver has the byte in its place, or is not captured.
  [[nodiscard]] bool is_keep_alive(const PieceShape& said) const noexcept;
  // Compares a copy of bytes, all of which were delivered already, with those.
  void compare_copy(std::uint32_t sequence, Bytes bytes, const TcpContext& context) noexcept;

  OutOfOrderQueue queue;
  TcpReceiver receiver;

  void forget_recent(TcpShared& shared) noexcept { shared.recent.release(recent_); }
  // Brings the bytes delivered last, and their end, into the cache: step 0, then step 1.
  void prefetch_recent(const TcpShared& shared, std::size_t step) const noexcept {
    if (step == 0) shared.recent.prefetch(recent_);
    if (step == 1) shared.recent.prefetch_end(recent_);
  }

 private:
  void hand_on(std::uint32_t sequence, Bytes bytes, const TcpContext& context) noexcept;
  [[nodiscard]] bool insert(const PieceShape& piece, Bytes bytes,
                            const TcpContext& context) noexcept;
  void doubt(Doubt doubt, const TcpContext& context) noexcept {
    context.sink.on_doubt(direction_, doubt, context.frame);
  }

  std::uint32_t first_ = 0;
  std::uint32_t next_ = 0;
  RecentBytesHandle recent_;
  std::uint32_t urgent_ = 0;        // sequence number of the urgent byte
  std::uint32_t jump_next_ = 0;     // where a run of segments out of the window goes on
  std::uint8_t jump_segments_ = 0;  // the length of that run
  Direction direction_;
  StartSource start_source_ = StartSource::none;
  bool is_finished_ = false;
  bool has_urgent_ = false;
};

// What of the stream a segment holds, from `sequence` on.
[[nodiscard]] PieceShape shape_of(const Packet& packet, std::uint32_t sequence) noexcept;

// A SYN takes the sequence number before its payload, a FIN the one behind it.
[[nodiscard]] inline std::uint32_t first_sequence(const Packet& packet) noexcept {
  return packet.tcp.sequence + (packet.tcp.has_syn() ? 1 : 0);
}
[[nodiscard]] inline std::uint32_t end_sequence(const Packet& packet) noexcept {
  return first_sequence(packet) + packet.payload_length + (packet.tcp.has_fin() ? 1 : 0);
}

// Farther from what is expected than any window, a segment is not believed.
inline constexpr std::int32_t kTcpWindowMax = 1 << 26;

}  // namespace rpcaudit::dissect
