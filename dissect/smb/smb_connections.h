#pragma once

#include <array>
#include <cstdint>
#include <optional>

#include "dissect/limits.h"
#include "dissect/smb/smb_connection.h"
#include "dissect/smb/smb_host.h"
#include "dissect/statistics.h"

namespace rpcaudit::dissect {

// SMB over TCP: finds the pipes in it and feeds what they carry to RPC sessions, and counts what is
// encrypted or compressed. SMB2 sessions are shared by all connections between two hosts.
class SmbConnections {
 public:
  SmbConnections(const Limits& limits, RpcObserver& observer, DissectStatistics& statistics,
                 RpcSessions& sessions, std::uint64_t seed);

  // A new connection, or none when the table is full. `endpoints[d]` sends in direction d; the
  // client sends in direction `client`, where the handshake was seen.
  [[nodiscard]] Slot<SmbConnection> open(const std::array<Endpoint, 2>& endpoints,
                                         std::optional<Direction> client) noexcept;
  // Sessions that no other connection carries end with it.
  void close(Slot<SmbConnection> slot, const FrameReference& frame) noexcept;
  // Tells what close() would tell of its sessions.
  void tell_so_far(Slot<SmbConnection> slot, const FrameReference& frame) noexcept {
    host_.tell_so_far(connections_[slot], frame);
  }

  // Returns the bytes from the first to the last that is not passed over.
  Bytes consume(Slot<SmbConnection> slot, Direction direction, Bytes bytes,
                const FrameReference& frame) noexcept;
  // Returns whether what is missing may have mattered.
  bool gap(Slot<SmbConnection> slot, Direction direction, std::uint64_t missing, BlindnessKind kind,
           const FrameReference& frame) noexcept;

  // What the peers read may differ from what is told, from `frame` on.
  void doubt(Slot<SmbConnection> slot, Doubts doubts, const FrameReference& frame) noexcept {
    host_.doubt(connections_[slot], doubts, frame);
  }

  // True when the next `count` bytes are passed over whatever they are.
  [[nodiscard]] bool passes_over(Slot<SmbConnection> slot, Direction direction,
                                 std::size_t count) const noexcept {
    return connections_[slot].streams[direction].passes_over(count);
  }
  // Bring a connection into the cache, then the session and the pipe that it used last.
  void prefetch(Slot<SmbConnection> slot) const noexcept {
    connections_.prefetch(slot, sizeof(SmbConnection));
  }
  void prefetch_pipe(Slot<SmbConnection> slot) const noexcept {
    const SmbConnection& connection = connections_[slot];
    host_.prefetch(connection.carried.slot, connection.pipe_in_use());
  }
  // What that pipe carries.
  [[nodiscard]] Slot<RpcSession> session_in_use(Slot<SmbConnection> slot) const noexcept {
    const Slot<SmbPipe> pipe = connections_[slot].pipe_in_use();
    return pipe ? host_.pipes()[pipe].rpc : Slot<RpcSession>();
  }

  void give_up_stale(Timestamp now) noexcept { host_.pipes().give_up_stale(now); }
  [[nodiscard]] std::uint64_t earliest_open() const noexcept {
    return host_.pipes().earliest_open();
  }

 private:
  class Sink;

  [[nodiscard]] std::size_t bytes_needed(SmbConnection& connection, Direction direction,
                                         const SmbUnit& unit) noexcept;
  void tell_evicted_header(const SmbConnection& connection, const FrameReference& frame) noexcept;
  [[nodiscard]] SmbStep read(SmbUnitContext& unit) noexcept;

  RpcObserver& observer_;
  DissectStatistics& statistics_;
  SmbHost host_;
  Slab<SmbConnection> connections_;
  SmbHeaderPool headers_;
  std::array<std::uint64_t, 3> host_secrets_{};
};

}  // namespace rpcaudit::dissect
