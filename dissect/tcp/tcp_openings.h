#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

#include "dissect/limits.h"
#include "dissect/net/packet.h"
#include "dissect/rpc_observer.h"
#include "dissect/statistics.h"
#include "dissect/store/intrusive_list.h"
#include "dissect/store/slab.h"

namespace rpcaudit::dissect {

// Attempts to open TCP connections that still wait for their answer (RFC 9293 3.5): from the
// client's SYN to whatever the other side says, both told to an observer. Bounded: evicts the
// oldest attempt and counts it, as nobody can say any longer what became of it.
class TcpOpenings {
 public:
  TcpOpenings(const Limits& limits, RpcObserver& observer, DissectStatistics& statistics);

  // The client's SYN, first or repeated. `tag` is the flow's.
  void note_syn(std::uint64_t tag, const Packet& packet, const FrameReference& frame) noexcept;
  // Any other segment of a flow of which a SYN was seen.
  void note_other(std::uint64_t tag, const Packet& packet) noexcept;
  // Attempts that waited for longer than Limits::outcome_window are unanswered.
  void expire(Timestamp now) noexcept;
  // No more segments will come. Attempts that did not wait long enough to say are counted.
  void finish() noexcept;

 private:
  struct Attempt {
    std::uint64_t tag = 0;
    TcpOpening opening;
    ListLinks<Attempt> links;
  };
  static constexpr std::size_t kPlaces = 4;  // in which an attempt may stand, by its tag

  // The places for a tag; those taken hold a slot and 1, the others 0.
  [[nodiscard]] std::span<std::uint32_t, kPlaces> places_of(std::uint64_t tag) noexcept;
  [[nodiscard]] Slot<Attempt> find(std::uint64_t tag) noexcept;
  void settle(Slot<Attempt> slot, OpeningAnswer answer) noexcept;
  void forget(Slot<Attempt> slot) noexcept;
  void remove(Slot<Attempt> slot) noexcept;

  RpcObserver& observer_;
  DissectStatistics& statistics_;
  Timestamp window_;
  Slab<Attempt> attempts_;
  IntrusiveList<Attempt, &Attempt::links> by_syn_;  // by first SYN
  std::vector<std::uint32_t> places_;
};

}  // namespace rpcaudit::dissect
