#pragma once

#include <array>
#include <cstdint>

#include "dissect/limits.h"
#include "dissect/rpc_observer.h"
#include "dissect/statistics.h"
#include "dissect/store/keyed_slab.h"

namespace rpcaudit::dissect {

// An interface that connectionless PDUs name between two endpoints.
struct DatagramContext {
  RpcContext context;
  std::uint32_t open_calls = 0;  // calls that wait for their outcome
  std::uint32_t generation = 0;
};

// The contexts of the connectionless protocol: nothing proposes them, each PDU states its own.
// Tells the observer of each. Bounded: evicts the least recently used context without an open call,
// and counts it. There are more contexts than calls, so there is one.
class DatagramContexts {
 public:
  DatagramContexts(const Limits& limits, RpcObserver& observer, DissectStatistics& statistics,
                   std::uint64_t seed);

  // The context of this interface between these endpoints, new or known.
  Slot<DatagramContext> use(const Endpoint& client, const Endpoint& server,
                            const SyntaxId& interface, const FrameReference& frame) noexcept;

  // A call on the context begins to wait for its outcome; a call waits no longer.
  void add_call(Slot<DatagramContext> slot) noexcept { ++contexts_[slot].open_calls; }
  void remove_call(Slot<DatagramContext> slot) noexcept { --contexts_[slot].open_calls; }

  void close_all() noexcept;

  const RpcContext& operator[](Slot<DatagramContext> slot) const noexcept {
    return contexts_[slot].context;
  }

 private:
  [[nodiscard]] std::uint64_t hash(const Endpoint& client, const Endpoint& server,
                                   const SyntaxId& interface) const noexcept;
  void make_room() noexcept;
  void close(Slot<DatagramContext> slot) noexcept;

  const Limits& limits_;
  RpcObserver& observer_;
  DissectStatistics& statistics_;
  KeyedSlab<DatagramContext> contexts_;
  std::array<std::uint64_t, 4> secrets_{};
};

}  // namespace rpcaudit::dissect
