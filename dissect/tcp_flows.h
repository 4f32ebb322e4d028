#pragma once

#include <cstdint>

#include "dissect/limits.h"
#include "dissect/net/packet.h"
#include "dissect/rpc_observer.h"
#include "dissect/statistics.h"
#include "dissect/store/prefetch.h"
#include "dissect/store/slab.h"
#include "dissect/tcp/flow_table.h"
#include "dissect/tcp/tcp_openings.h"
#include "dissect/tcp_connections.h"

namespace rpcaudit::dissect {

// All TCP flows: which of them are dissected is decided here. The first bytes of a flow decide, and
// nearly always against it; no state beyond its entry in the flow table is spent before that. No
// flow is dismissed for good: a segment that begins like RPC or SMB takes it up again, as decoys,
// keep-alives and the middle of a long transfer may all come before.
class TcpFlows {
 public:
  TcpFlows(const Limits& limits, RpcObserver& observer, DissectStatistics& statistics,
           std::uint64_t seed);

  // The flow of a TCP packet; its entry and the payload are on their way into the cache.
  [[nodiscard]] FlowKey fetch(const Packet& packet) const noexcept {
    const FlowKey key = flows_.key(packet);
    flows_.prefetch(key.tag);
    prefetch_lines(packet.payload.data());
    return key;
  }
  // The connection of a flow, on its way into the cache; none when it is not dissected.
  [[nodiscard]] Slot<TcpConnection> fetch_connection(const FlowKey& key) noexcept;
  void prefetch_carried(Slot<TcpConnection> slot, const FlowKey& key,
                        std::size_t step) const noexcept {
    connections_.prefetch_carried(slot, key.direction, step);
  }

  // One segment. Returns whether it belongs to a connection under dissection.
  bool add(const Packet& packet, const FlowKey& key, const FrameReference& frame) noexcept;

  // Work that time brings. `now` is the last frame.
  void expire(const FrameReference& now) noexcept;
  // No more segments will come.
  void finish(const FrameReference& now) noexcept;

  // Everything that began before this frame has been told.
  [[nodiscard]] std::uint64_t earliest_open() const noexcept {
    return connections_.earliest_open();
  }
  void collect_counters() noexcept;

 private:
  void note_answer(const FlowEntry& entry, const Packet& packet, const FlowKey& key,
                   const FrameReference& frame) noexcept;
  [[nodiscard]] bool is_taken_up_by(const FlowEntry& entry, const Packet& packet,
                                    const FlowKey& key) const noexcept;
  bool follow(FlowEntry& entry, const Packet& packet, const FlowKey& key,
              const FrameReference& frame) noexcept;
  [[nodiscard]] static bool contradicts_opening(const FlowEntry& entry, const Packet& packet,
                                                Direction direction) noexcept;
  void note_opening(FlowEntry& entry, const Packet& packet, Direction direction) noexcept;
  void first_payload(FlowEntry& entry, const Packet& packet, const FlowKey& key,
                     const FrameReference& frame) noexcept;
  void start_connection(FlowEntry& entry, const Packet& packet, const FlowKey& key,
                        const FrameReference& frame) noexcept;
  [[nodiscard]] static bool is_near_start(const FlowEntry& entry, const Packet& packet,
                                          const FlowKey& key) noexcept;
  void leave(FlowEntry& entry, const ConnectionFate& fate, const Packet& packet,
             const FrameReference& frame) noexcept;
  void note_http(FlowEntry& entry, const Packet& packet, const FrameReference& frame) noexcept;
  void forget(std::uint64_t tag) noexcept;

  RpcObserver& observer_;
  DissectStatistics& statistics_;
  bool tells_openings_;
  FlowTable flows_;
  TcpConnections connections_;
  TcpOpenings openings_;
};

}  // namespace rpcaudit::dissect
