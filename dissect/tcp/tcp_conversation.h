#pragma once

#include <cstdint>
#include <optional>

#include "dissect/direction.h"
#include "dissect/net/packet.h"
#include "dissect/rpc_observer.h"
#include "dissect/tcp/tcp_lifetime.h"
#include "dissect/tcp/tcp_stream.h"

namespace rpcaudit::dissect {

// Both directions of a TCP connection, brought into the order in which they were said: within a
// direction by sequence number, and between them by acknowledgment: a segment that answers bytes
// not seen yet waits for them. So a capture that shuffles frames, of either direction, reads like
// one that does not, and a request is always told before its response.
//
// A segment in order is delivered in place. Whatever has to wait is copied, within bounds, until
// the gap before it fills or is given up: when the receiver has acknowledged beyond it and enough
// has been captured since, or when it simply lasts too long.
//
// Only what the receiver would take is delivered (RFC 9293 3.10.7.4, RFC 5961, RFC 7323 5.3):
// segments far from its window, without ACK, or with a timestamp from long ago are passed over, a
// SYN in the midst changes nothing, and a reset counts where it is expected exactly. Of two copies
// of the same bytes the first is delivered; a later one that differs is told as a doubt, and so is
// whatever else leaves open what the receiver read.
//
// Sequence numbers are compared as differences, so they may wrap.
class TcpConversation {
 public:
  // The SYN of `direction` was seen: its first byte has this sequence number.
  void open(Direction direction, std::uint32_t sequence) noexcept {
    streams_[direction].start(sequence, StartSource::syn);
  }

  void add(Direction direction, const Packet& packet, const FrameReference& frame,
           TcpShared& shared, TcpStreamSink& sink) noexcept;

  // The connection between the same ports that takes the place of this one, if it begins with
  // `packet`. A SYN that is repeated, or forged and so not answered by the other side, begins none.
  [[nodiscard]] std::optional<TcpReopening> reopened_by(Direction direction,
                                                        const Packet& packet) noexcept {
    if (!packet.tcp.has_syn() && !lifetime_.is_reopening()) return std::nullopt;
    return find_reopening(direction, packet);
  }

  // Gives up every gap, so that all that is held is delivered. Nothing is kept any longer.
  void finish(TcpShared& shared, TcpStreamSink& sink) noexcept;
  // Gives up every gap in the midst of the conversation.
  void give_up_gaps(TcpShared& shared, TcpStreamSink& sink) noexcept;

  // Whether a segment of either direction waits for others.
  [[nodiscard]] bool is_holding() const noexcept {
    return !streams_[Direction::forward].queue.empty() ||
           !streams_[Direction::reverse].queue.empty();
  }
  // The frame since which `direction` holds something; sequence 0 when it does not.
  [[nodiscard]] const FrameReference& holding_since(Direction direction) const noexcept {
    return streams_[direction].queue.since();
  }
  void prefetch_recent(Direction direction, const TcpShared& shared,
                       std::size_t step) const noexcept {
    streams_[direction].prefetch_recent(shared, step);
  }
  // Both sides have finished, or one has reset the connection. When it goes on all the same, that
  // is delivered, and the conversation is not over any longer.
  [[nodiscard]] bool is_over() const noexcept {
    return lifetime_.is_reset() || (streams_[Direction::forward].is_finished() &&
                                    streams_[Direction::reverse].is_finished());
  }

 private:
  [[nodiscard]] std::optional<TcpReopening> find_reopening(Direction direction,
                                                           const Packet& packet) noexcept;
  [[nodiscard]] bool take_control(Direction direction, const Packet& packet,
                                  TcpCounters& counters) noexcept;
  void take_reset(Direction direction, std::uint32_t sequence, TcpCounters& counters) noexcept;
  void note_going_on(Direction direction, TcpCounters& counters) noexcept {
    if (lifetime_.goes_on(direction)) ++counters.past_reset;
  }
  void learn_start_of_other(Direction direction, const PieceShape& said) noexcept;
  void correct_start(Direction direction, std::uint32_t sequence, std::uint32_t end,
                     const TcpContext& context) noexcept;

  // True when a segment acknowledges bytes of the other side that have not been delivered: it was
  // said after them.
  [[nodiscard]] bool acknowledges_undelivered(Direction direction,
                                              const PieceShape& said) const noexcept;
  [[nodiscard]] bool queue_comes_first(Direction direction, std::uint32_t end,
                                       const ReorderPool& pool) const noexcept;
  [[nodiscard]] bool gap_is_final(const FrameReference& now,
                                  const ReorderPool& pool) const noexcept;

  void add_data(Direction direction, const Packet& packet, const PieceShape& said,
                const TcpContext& context) noexcept;
  void hold(Direction direction, const Packet& packet, const PieceShape& said,
            const TcpContext& context) noexcept;
  [[nodiscard]] bool deliver_front(Direction direction, const TcpContext& context) noexcept;
  void drain(const TcpContext& context) noexcept;
  void give_up_oldest_gap(bool may_drop, const TcpContext& context) noexcept;

  PerDirection<TcpStream> streams_{{TcpStream(Direction::forward), TcpStream(Direction::reverse)}};
  TcpLifetime lifetime_;
};

}  // namespace rpcaudit::dissect
