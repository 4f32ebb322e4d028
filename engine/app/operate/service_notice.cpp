#include "engine/app/operate/service_notice.h"

#include <systemd/sd-daemon.h>

#include <cstdint>

namespace rpcaudit::app {

ServiceNotice::ServiceNotice() {
  std::uint64_t microseconds = 0;
  if (::sd_watchdog_enabled(0, &microseconds) > 0) {
    interval_ = std::chrono::microseconds(microseconds / 2);
  }
}

void ServiceNotice::ready() { (void)::sd_notify(0, "READY=1"); }

void ServiceNotice::stopping() { (void)::sd_notify(0, "STOPPING=1"); }

void ServiceNotice::alive() {
  const auto now = Clock::now();
  if (!interval_ || now < due_) return;
  due_ = now + *interval_;
  (void)::sd_notify(0, "WATCHDOG=1");
}

}  // namespace rpcaudit::app
