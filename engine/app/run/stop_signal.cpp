#include "engine/app/run/stop_signal.h"

#include <atomic>
#include <csignal>

namespace rpcaudit::app {
namespace {

// A handler can reach nothing else.
std::atomic<bool> stop{false};
static_assert(std::atomic<bool>::is_always_lock_free);

extern "C" void on_stop_signal(int) { stop.store(true, std::memory_order_relaxed); }

}  // namespace

void watch_for_stop_signals() {
  struct sigaction action {};
  action.sa_handler = on_stop_signal;
  action.sa_flags = static_cast<int>(SA_RESETHAND);
  sigemptyset(&action.sa_mask);
  sigaction(SIGINT, &action, nullptr);
  sigaction(SIGTERM, &action, nullptr);
}

bool stop_requested() noexcept { return stop.load(std::memory_order_relaxed); }

}  // namespace rpcaudit::app
