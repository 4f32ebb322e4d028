#pragma once

#include <algorithm>
#include <array>
#include <cstdint>
#include <optional>

#include "dissect/carried_streams.h"
#include "dissect/direction.h"
#include "dissect/limits.h"
#include "dissect/net/checksum_trust.h"
#include "dissect/net/packet.h"
#include "dissect/protocol_probe.h"
#include "dissect/statistics.h"
#include "dissect/store/intrusive_list.h"
#include "dissect/store/probe_buffer.h"
#include "dissect/store/slab.h"
#include "dissect/store/unfinished_streams.h"
#include "dissect/tcp/tcp_conversation.h"

namespace rpcaudit::dissect {

// A TCP connection that carries RPC or SMB, or whose first bytes do not tell yet.
struct TcpConnection {
  TcpConversation conversation;  // what every segment needs stands first
  Carried carried;
  ListLinks<TcpConnection> links;
  std::optional<Direction> client;  // in which the client sends: its SYN and the answer were seen
  bool joined_late = false;
  bool is_marked = false;  // in the list of what holds bytes
  bool is_over = false;    // or seems to be
  Doubts doubts;
  Timestamp last_seen;
  std::uint64_t moved = 0;  // the frame in which it was last made the newest in its list
  std::uint64_t tag = 0;    // of its flow
  PerDirection<ChecksumTrust> checksums;
  PerDirection<ProbeBuffer> probes;
  std::array<Endpoint, 2> endpoints;  // by direction: who sends in it
};

// What a segment made of its connection.
struct ConnectionFate {
  bool open = true;                        // false: it is over, its slot free again
  StreamKind kind = StreamKind::rpc;       // what it turned out to be, when it is not looked into
  std::optional<std::uint64_t> forgotten;  // the tag of another flow, whose connection was closed
  bool joined_late = false;
};

// All connections under dissection: brings their segments into order, finds out what they carry and
// feeds that. Bounded; evicts the least recently used connection, and counts it.
class TcpConnections {
 public:
  TcpConnections(const Limits& limits, RpcObserver& observer, DissectStatistics& statistics,
                 std::uint64_t seed);

  struct Opened {
    Slot<TcpConnection> slot;
    std::optional<std::uint64_t> evicted;  // the tag of the flow whose connection made room
  };

  // The flows whose connections were closed.
  struct Closed {
    std::array<std::uint64_t, 16> tags{};
    std::size_t count = 0;
  };

  // A connection for a flow whose first segment is at hand. `endpoints` are by direction: who sends
  // in it.
  [[nodiscard]] Opened open(std::uint64_t tag, const std::array<Endpoint, 2>& endpoints,
                            bool joined_late, const FrameReference& frame) noexcept;
  // The client's SYN or its answer was seen, or both when `is_answered`: the next byte of
  // `direction`, in which the client sends, will have this sequence number.
  void expect(Slot<TcpConnection> slot, Direction direction, std::uint32_t sequence,
              bool is_answered) noexcept;
  // The connection between the same ports that takes the place of this one, if it begins with
  // `packet`.
  [[nodiscard]] std::optional<TcpReopening> reopened_by(Slot<TcpConnection> slot,
                                                        Direction direction,
                                                        const Packet& packet) noexcept {
    return connections_[slot].conversation.reopened_by(direction, packet);
  }

  // Takes one segment.
  [[nodiscard]] ConnectionFate add(Slot<TcpConnection> slot, Direction direction,
                                   const Packet& packet, const FrameReference& frame) noexcept;
  // Tells everything held and frees the slot. `frame` is where the connection ends.
  void close(Slot<TcpConnection> slot, const FrameReference& frame) noexcept;
  // Closes the connection if it has been over for so long that what comes between its ports is none
  // of it, and returns whether that is so.
  bool close_past(Slot<TcpConnection> slot, const FrameReference& now) noexcept;
  // Closes the connection, counted and told as one that cannot be seen any longer.
  void evict(Slot<TcpConnection> slot, const FrameReference& frame) noexcept;

  // Work that time brings: outcomes given up, and connections closed that seemed over and did not
  // go on. `now` is the last frame.
  [[nodiscard]] Closed expire(const FrameReference& now) noexcept;
  // Closes all connections, the least recently used first.
  void close_all(const FrameReference& now) noexcept;

  // Everything that began before this frame has been told.
  [[nodiscard]] std::uint64_t earliest_open() const noexcept {
    return std::min(unfinished_.earliest(), carried_.earliest_open());
  }

  // Bring a connection into the cache, then what it leads to: worth it some segments ahead.
  void prefetch(Slot<TcpConnection> slot) const noexcept {
    connections_.prefetch(slot, sizeof(TcpConversation) + sizeof(ProbeBuffer) / 2);
  }
  void prefetch_carried(Slot<TcpConnection> slot, Direction direction,
                        std::size_t step) const noexcept {
    connections_[slot].conversation.prefetch_recent(direction, tcp_, step);
    carried_.prefetch(connections_[slot].carried, step);
  }

  [[nodiscard]] const TcpCounters& tcp_counters() const noexcept { return tcp_.counters; }

 private:
  struct Sink;
  using ConnectionList = IntrusiveList<TcpConnection, &TcpConnection::links>;

  // Returns what the connection has turned out to be, if that is nothing to follow.
  [[nodiscard]] std::optional<StreamKind> probe(TcpConnection& connection, Direction direction,
                                                Bytes bytes, const FrameReference& frame) noexcept;
  void on_gap(Slot<TcpConnection> slot, Direction direction, std::uint64_t missing,
              BlindnessKind kind, const FrameReference& frame) noexcept;
  void on_doubt(Slot<TcpConnection> slot, Doubts doubts, const FrameReference& frame) noexcept;
  [[nodiscard]] bool classify(TcpConnection& connection, Direction direction,
                              StreamKind kind) noexcept;
  [[nodiscard]] bool is_dropped_by_checksum(Slot<TcpConnection> slot, Direction direction,
                                            const Packet& packet,
                                            const FrameReference& frame) noexcept;
  void note_use(Slot<TcpConnection> slot, const FrameReference& frame) noexcept;
  [[nodiscard]] std::optional<std::uint64_t> set_over(Slot<TcpConnection> slot, bool is_over,
                                                      const FrameReference& frame) noexcept;
  [[nodiscard]] ConnectionList& list_of(Slot<TcpConnection> slot) noexcept {
    return connections_[slot].is_over ? over_ : by_use_;
  }
  [[nodiscard]] bool is_past(Slot<TcpConnection> slot, Timestamp now) const noexcept;
  std::uint64_t close_over(Slot<TcpConnection> slot, const FrameReference& frame) noexcept;
  [[nodiscard]] std::optional<std::uint64_t> make_room(const FrameReference& frame) noexcept;
  void give_up_stale(Timestamp now) noexcept;
  // The earliest frame of which a direction still holds something back; sequence 0 for nothing.
  [[nodiscard]] FrameReference open_since(const TcpConnection& connection,
                                          Direction direction) const noexcept;
  [[nodiscard]] bool holds_bytes(const TcpConnection& connection) const noexcept;
  void mark_unfinished(Slot<TcpConnection> slot) noexcept;

  const Limits& limits_;
  RpcObserver& observer_;
  DissectStatistics& statistics_;
  CarriedStreams carried_;
  TcpShared tcp_;
  Slab<TcpConnection> connections_;
  UnfinishedStreams unfinished_;
  ConnectionList by_use_;
  ConnectionList over_;  // in the order in which they ended
  std::uint32_t over_count_ = 0;
};

}  // namespace rpcaudit::dissect
