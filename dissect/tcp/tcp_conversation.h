#pragma once

#include <cstdint>

#include "dissect/direction.h"
#include "dissect/net/packet.h"
#include "dissect/rpc_observer.h"
#include "dissect/tcp/out_of_order_queue.h"

namespace rpcaudit::dissect {

enum class GapKind : std::uint8_t {
  lost,         // the capture does not hold these bytes
  snap_length,  // their frame was cut
};

// Takes what a conversation delivers: bytes and gaps in the order in which they were said.
class TcpStreamSink {
 public:
  virtual void on_bytes(Direction direction, Bytes bytes, const FrameReference& frame) noexcept = 0;
  // `missing` bytes of the stream, > 0, will never be delivered.
  virtual void on_gap(Direction direction, std::uint64_t missing, GapKind kind,
                      const FrameReference& frame) noexcept = 0;

 protected:
  ~TcpStreamSink() = default;
};

struct TcpCounters {
  std::uint64_t retransmitted = 0;  // segments of which nothing was new
  std::uint64_t out_of_order = 0;   // segments that had to be held
  std::uint64_t out_of_window = 0;  // segments far from anything expected, ignored
};

// What all conversations share.
struct TcpShared {
  explicit TcpShared(const Limits& limits) : pool(limits) {}

  ReorderPool pool;
  TcpCounters counters;
};

// Both directions of a TCP connection, brought into the order in which they were said: within a
// direction by sequence number, and between them by acknowledgment: a segment that answers bytes
// not seen yet waits for them. So a capture that shuffles frames, of either direction, reads like
// one that does not, and a request is always told before its response.
//
// A segment in order is delivered in place. Whatever has to wait is copied, within bounds, until
// the gap before it fills or is given up: when the receiver has acknowledged beyond it and enough
// has been captured since, or when it simply lasts too long. Bytes once delivered, or first
// captured, win over any that overlap them.
//
// Sequence numbers are compared as differences, so they may wrap.
class TcpConversation {
 public:
  // The SYN of `direction` was seen: its first byte has this sequence number.
  void open(Direction direction, std::uint32_t sequence) noexcept;
  [[nodiscard]] bool started(Direction direction) const noexcept {
    return streams_[direction].started;
  }
  // True when `packet`, a SYN, is the one that opened `direction`.
  [[nodiscard]] bool opened_with(Direction direction, const Packet& packet) const noexcept {
    return streams_[direction].first == packet.tcp.sequence + 1;
  }

  void add(Direction direction, const Packet& packet, const FrameReference& frame,
           TcpShared& shared, TcpStreamSink& sink) noexcept;

  // Gives up every gap; all that is held is delivered.
  void flush(TcpShared& shared, TcpStreamSink& sink) noexcept;

  // The frame since which `direction` holds something; sequence 0 when it does not.
  [[nodiscard]] const FrameReference& holding_since(Direction direction) const noexcept {
    return streams_[direction].queue.since();
  }
  // The FIN of `direction` was delivered.
  [[nodiscard]] bool finished(Direction direction) const noexcept {
    return streams_[direction].finished;
  }

 private:
  // One direction.
  struct Stream {
    std::uint32_t first = 0;         // sequence number of the first byte
    std::uint32_t next = 0;          // sequence number of the next byte to deliver
    std::uint32_t acknowledged = 0;  // highest acknowledgment of these bytes
    std::uint32_t resync_next = 0;   // where a run of segments out of the window goes on
    std::uint8_t resync_count = 0;   // the length of that run
    bool started = false;            // `next` means something
    bool opened = false;             // and is known from a SYN
    bool was_acknowledged = false;
    bool finished = false;
    OutOfOrderQueue queue;
  };

  // What one call of add() or flush() works on.
  struct Context {
    TcpShared& shared;
    TcpStreamSink& sink;
    const FrameReference& frame;
  };

  void start(Direction direction, std::uint32_t sequence) noexcept;
  void retract_fin(Direction direction, std::uint32_t sequence) noexcept;
  void learn_start_of_other(Direction direction, const PieceShape& said) noexcept;
  // True when a segment acknowledges bytes of the other side that have not been delivered: it was
  // said after them.
  [[nodiscard]] bool acknowledges_undelivered(Direction direction, bool has_ack,
                                              std::uint32_t acknowledgment) const noexcept;
  void note_acknowledgment(Direction direction, const Packet& packet) noexcept;
  [[nodiscard]] bool accepts_as_new_sequence(Direction direction, const Packet& packet) noexcept;
  [[nodiscard]] bool is_holding() const noexcept {
    return !streams_[Direction::forward].queue.empty() ||
           !streams_[Direction::reverse].queue.empty();
  }
  [[nodiscard]] bool gap_is_final(const FrameReference& now,
                                  const ReorderPool& pool) const noexcept;

  void add_without_data(Direction direction, const Packet& packet, const Context& context) noexcept;
  void hold(Direction direction, const Packet& packet, std::uint32_t sequence,
            const Context& context) noexcept;
  // Queues `packet` as pieces; false when there was no room for all of it.
  [[nodiscard]] bool enqueue(Direction direction, const Packet& packet, std::uint32_t sequence,
                             const FrameReference& frame, ReorderPool& pool) noexcept;
  void deliver(Direction direction, const Packet& packet, std::uint32_t sequence,
               const Context& context) noexcept;
  [[nodiscard]] bool deliver_front(Direction direction, const Context& context) noexcept;
  void drain(const Context& context) noexcept;
  void skip_to(Direction direction, std::uint32_t sequence, const FrameReference& frame,
               TcpStreamSink& sink) noexcept;
  void give_up_oldest_gap(const Context& context) noexcept;

  PerDirection<Stream> streams_;
};

}  // namespace rpcaudit::dissect
