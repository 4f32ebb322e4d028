#pragma once

#include <cstdint>
#include <memory>
#include <span>

#include "capture/frame.h"
#include "dissect/limits.h"
#include "dissect/rpc_observer.h"
#include "dissect/statistics.h"

namespace rpcaudit::dissect {

// Frames in, RPC facts out: decodes packets, follows TCP, finds DCE/RPC by its bytes on any port
// and tells an RpcObserver about contexts, calls and their outcomes.
//
// Single-threaded, shares nothing; several may run side by side. Allocates at construction only,
// and its callbacks are made from within process() and finish(). Never throws after construction.
class Dissector {
 public:
  // `observer` is borrowed and must outlive the dissector. `seed` keys the hash of the flow table:
  // unpredictable on a sensor, any constant in a test.
  Dissector(const Limits& limits, RpcObserver& observer, std::uint64_t seed);
  Dissector(const Dissector&) = delete;
  Dissector& operator=(const Dissector&) = delete;
  ~Dissector();

  // Frames in the order captured, none of link type `other`. Frames are borrowed for the call.
  void process(std::span<const Frame> frames) noexcept;

  // Time has passed up to these frames, which need not be this dissector's: what lasted too long is
  // given up, and the observer learns how far all is told. To be called after each batch read.
  void advance(std::span<const Frame> frames) noexcept;

  // Only tells the observer how far all is told: up to `last`, which was processed or is another's.
  void tell_progress(const Frame& last) noexcept;

  // No more frames will come: everything still open is resolved and told.
  void finish() noexcept;

  [[nodiscard]] const DissectStatistics& statistics() const noexcept;

 private:
  struct State;
  std::unique_ptr<State> state_;
};

}  // namespace rpcaudit::dissect
