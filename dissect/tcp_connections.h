#pragma once

#include <algorithm>
#include <array>
#include <cstdint>

#include "dissect/limits.h"
#include "dissect/net/packet.h"
#include "dissect/protocol_probe.h"
#include "dissect/rpc/rpc_session.h"
#include "dissect/smb/smb_connections.h"
#include "dissect/statistics.h"
#include "dissect/store/probe_buffer.h"
#include "dissect/store/slab.h"
#include "dissect/store/unfinished_streams.h"
#include "dissect/tcp/tcp_conversation.h"

namespace rpcaudit::dissect {

// A TCP connection that carries RPC or SMB, or whose first bytes do not tell yet.
struct TcpConnection {
  TcpConversation conversation;         // what every segment needs stands first
  std::uint32_t session = kNoSlot;      // once the connection is known to be RPC
  Slot<SmbConnection> smb;              // once it is known to be SMB
  std::uint32_t more_recent = kNoSlot;  // links of the list by last use
  std::uint32_t less_recent = kNoSlot;
  bool joined_late = false;
  bool is_marked = false;  // in the list of what holds bytes
  Timestamp last_seen;
  std::uint64_t tag = 0;  // of its flow
  std::array<ProbeBuffer, 2> probes;
  std::array<Endpoint, 2> endpoints;  // by direction: who sends in it
};

// What became of a connection by a segment.
struct ConnectionFate {
  bool open = true;                   // false: it is over, its slot free again
  StreamKind kind = StreamKind::rpc;  // what it turned out to be, when it is not looked into
};

// All connections under dissection: brings their segments into order, finds out what they carry and
// feeds RPC sessions. Bounded: the one idle the longest makes room, and is counted.
class TcpConnections {
 public:
  TcpConnections(const Limits& limits, RpcObserver& observer, DissectStatistics& statistics,
                 std::uint64_t seed);

  // Where an evicted connection is announced, so that its flow can be forgotten too.
  struct Evicted {
    bool happened = false;
    std::uint64_t tag = 0;
  };

  // A connection for a flow whose segment in `direction` is at hand. `endpoints` by direction.
  std::uint32_t open(std::uint64_t tag, const std::array<Endpoint, 2>& endpoints, bool joined_late,
                     const FrameReference& frame, Evicted& evicted) noexcept;
  // The next byte of `direction` will have this sequence number (its SYN was seen).
  void expect(std::uint32_t slot, unsigned direction, std::uint32_t sequence) noexcept;
  // True when `packet` opens another connection between the same ports.
  [[nodiscard]] bool is_reopened_by(std::uint32_t slot, unsigned direction,
                                    const Packet& packet) const noexcept;

  // One segment.
  ConnectionFate add(std::uint32_t slot, unsigned direction, const Packet& packet,
                     const FrameReference& frame) noexcept;
  // Everything held is told, the slot is free again. `frame` is where that happens.
  void close(std::uint32_t slot, const FrameReference& frame) noexcept;

  // The same, counted and told as something that cannot be seen any longer.
  void evict(std::uint32_t slot, const FrameReference& frame) noexcept;

  // Work that time brings: outcomes given up, and the connection idle the longest closed if that is
  // too long. `now` is the last frame. Returns the flow of the one that was closed.
  Evicted expire(const FrameReference& now) noexcept;
  // Closes them all, the longest idle first.
  void close_all(const FrameReference& now) noexcept;

  // Everything that began before this frame has been told.
  [[nodiscard]] std::uint64_t earliest_open() const noexcept {
    return std::min(marks_.earliest(), smb_.earliest_open());
  }

  // Bring a connection into the cache, then what it leads to: worth it some segments ahead.
  void prefetch(std::uint32_t slot) const noexcept {
    connections_.prefetch(slot, sizeof(TcpConversation) + sizeof(ProbeBuffer) / 2);
  }
  void prefetch_session(std::uint32_t slot) const noexcept {
    const TcpConnection& connection = connections_[slot];
    if (connection.session != kNoSlot) sessions_.prefetch(connection.session);
    if (connection.smb != kNoSlot) smb_.prefetch(connection.smb);
  }

  [[nodiscard]] const TcpCounters& tcp_counters() const noexcept { return tcp_.counters; }

  TcpConnection& operator[](std::uint32_t slot) noexcept { return connections_[slot]; }

 private:
  struct Sink;

  void on_bytes(std::uint32_t slot, unsigned direction, Bytes bytes,
                const FrameReference& frame) noexcept;
  void on_gap(std::uint32_t slot, unsigned direction, std::uint64_t missing, BlindnessKind kind,
              const FrameReference& frame) noexcept;
  Bytes probe(std::uint32_t slot, unsigned direction, Bytes bytes,
              const FrameReference& frame) noexcept;
  void settle(std::uint32_t slot, unsigned direction, StreamKind kind) noexcept;
  void start_session(std::uint32_t slot, ProtocolSequence protocol) noexcept;
  void start_smb(std::uint32_t slot) noexcept;
  void consume(const TcpConnection& connection, unsigned direction, Bytes bytes,
               const FrameReference& frame) noexcept;
  void verify_checksum(const TcpConnection& connection, unsigned direction,
                       const Packet& packet) noexcept;
  void make_room(const FrameReference& frame, Evicted& evicted) noexcept;
  void give_up_stale(Timestamp now) noexcept;
  [[nodiscard]] FrameReference open_since(std::uint32_t slot, unsigned direction) noexcept;
  void mark_open(std::uint32_t slot) noexcept;
  void touch(std::uint32_t slot, Timestamp now) noexcept;
  void link_front(std::uint32_t slot) noexcept;
  void unlink(std::uint32_t slot) noexcept;

  const Limits& limits_;
  RpcObserver& observer_;
  DissectStatistics& statistics_;
  RpcSessions sessions_;
  SmbConnections smb_;
  TcpShared tcp_;
  Slab<TcpConnection> connections_;
  UnfinishedStreams marks_;
  std::uint32_t most_recent_ = kNoSlot;
  std::uint32_t least_recent_ = kNoSlot;
  StreamKind turned_out_ = StreamKind::rpc;  // what the segment being read shows, if not RPC
};

}  // namespace rpcaudit::dissect
