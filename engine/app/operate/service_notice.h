#pragma once

#include <chrono>
#include <optional>

namespace rpcaudit::app {

// Tells the service manager (systemd), where it started this process, how it is: sd_notify(3). For
// one thread.
class ServiceNotice {
 public:
  ServiceNotice();

  void ready();
  void stopping();
  // Keeps the watchdog from ending the process; to be called several times a second.
  void alive();

 private:
  using Clock = std::chrono::steady_clock;

  std::optional<Clock::duration> interval_;  // half of what the watchdog waits for
  Clock::time_point due_ = Clock::now();
};

}  // namespace rpcaudit::app
