#pragma once

#include <atomic>
#include <cstdint>

namespace rpcaudit::app {

enum class StopReason : std::uint8_t {
  none,
  interrupt,      // SIGINT
  terminate,      // SIGTERM
  output_closed,  // nobody reads what is written
};

// What ends a run before its input ends. Shared by all threads of the run.
class Stop {
 public:
  Stop();
  Stop(const Stop&) = delete;
  Stop& operator=(const Stop&) = delete;
  ~Stop();

  // The first reason counts. Also for signal handlers.
  void request(StopReason reason) noexcept;
  [[nodiscard]] StopReason reason() const noexcept {
    return reason_.load(std::memory_order_relaxed);
  }
  [[nodiscard]] bool requested() const noexcept { return reason() != StopReason::none; }

  // Becomes readable with the request, for poll(): waits for something else end with it.
  [[nodiscard]] int descriptor() const noexcept { return descriptor_; }

 private:
  std::atomic<StopReason> reason_{StopReason::none};
  static_assert(std::atomic<StopReason>::is_always_lock_free);
  int descriptor_;
};

// From now on SIGINT and SIGTERM request the stop that is returned, the program's own; the second
// one of a kind ends the program at once.
[[nodiscard]] Stop& watch_for_stop_signals();

}  // namespace rpcaudit::app
