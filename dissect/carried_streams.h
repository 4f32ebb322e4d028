#pragma once

#include <algorithm>
#include <array>
#include <cstdint>
#include <optional>

#include "dissect/direction.h"
#include "dissect/limits.h"
#include "dissect/protocol_probe.h"
#include "dissect/rpc/rpc_session.h"
#include "dissect/smb/smb_connections.h"
#include "dissect/statistics.h"
#include "dissect/store/slab.h"

namespace rpcaudit::dissect {

enum class CarriedKind : std::uint8_t { nothing, rpc, smb };

// What a TCP connection carries, and its slot in the table of that protocol.
struct Carried {
  CarriedKind kind = CarriedKind::nothing;
  std::uint32_t index = kNoSlot;

  explicit operator bool() const noexcept { return kind != CarriedKind::nothing; }
  [[nodiscard]] Slot<RpcSession> rpc() const noexcept { return Slot<RpcSession>(index); }
  [[nodiscard]] Slot<SmbConnection> smb() const noexcept { return Slot<SmbConnection>(index); }
};

inline constexpr std::size_t kPrefetchSteps = 4;

// The protocols that TCP streams carry. Each operation finds here, and nowhere else, the protocol
// that it is for; on a connection that carries nothing it does nothing.
class CarriedStreams {
 public:
  CarriedStreams(const Limits& limits, RpcObserver& observer, DissectStatistics& statistics,
                 std::uint64_t seed);

  // Begins to follow what probe_stream() has found; nothing when that is not followed. `endpoints`
  // are by direction: who sends in it. `client` is the direction in which the client sends, where
  // the handshake was seen.
  [[nodiscard]] Carried open(StreamKind kind, const std::array<Endpoint, 2>& endpoints,
                             std::optional<Direction> client) noexcept;
  // Resolves and tells all that is open. `frame` is where the connection ends.
  void close(const Carried& carried, const FrameReference& frame) noexcept;
  // Tells what close() would tell if the stream ended in this frame; of that nothing is told twice.
  void tell_so_far(const Carried& carried, const FrameReference& frame) noexcept;

  // A direction begins with something of this kind, which may be another than the connection's.
  void note_start(const Carried& carried, Direction direction, StreamKind kind) noexcept;
  // Takes the next bytes of a direction. Returns those that were not passed over.
  Bytes consume(const Carried& carried, Direction direction, Bytes bytes,
                const FrameReference& frame) noexcept;
  // The next `missing` bytes will not come. Returns whether they may have mattered.
  bool gap(const Carried& carried, Direction direction, std::uint64_t missing, BlindnessKind kind,
           const FrameReference& frame) noexcept;
  // What has begun in a direction is not waited for any longer.
  void abandon(const Carried& carried, Direction direction) noexcept;
  // What the peers take may differ from what is told, from `frame` on.
  void doubt(const Carried& carried, Doubts doubts, const FrameReference& frame) noexcept;

  // The earliest frame of which a direction holds something back; sequence 0 for none. Streams
  // inside the connection, such as pipes, are in earliest_open().
  [[nodiscard]] FrameReference open_since(const Carried& carried,
                                          Direction direction) const noexcept;
  // Whether open_since() names a frame for either direction.
  [[nodiscard]] bool is_open(const Carried& carried) const noexcept {
    return carried.kind == CarriedKind::rpc && sessions_.is_open(carried.rpc());
  }
  // Whether the next `count` bytes are passed over, whatever they are.
  [[nodiscard]] bool passes_over(const Carried& carried, Direction direction,
                                 std::size_t count) const noexcept;
  // Brings what the next bytes will need into the cache. Each step, from 0 to kPrefetchSteps - 1,
  // follows what the step before it fetched, and is worth it some segments later.
  void prefetch(const Carried& carried, std::size_t step) const noexcept;

  // Outcomes, and bytes held inside connections, that are older than the window are given up.
  void expire(Timestamp now) noexcept;
  // Everything inside connections that began before this frame has been told.
  [[nodiscard]] std::uint64_t earliest_open() const noexcept { return smb_.earliest_open(); }
  // Presentation contexts that can still be added.
  [[nodiscard]] std::size_t free_contexts() const noexcept { return sessions_.free_contexts(); }

 private:
  DissectStatistics& statistics_;
  RpcSessions sessions_;
  SmbConnections smb_;
};

}  // namespace rpcaudit::dissect
