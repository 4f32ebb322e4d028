#include "engine/app/process/hangup_signal.h"

#include <atomic>
#include <csignal>

namespace rpcaudit::app {
namespace {

std::atomic<std::uint32_t> hangup_count{0};
static_assert(std::atomic<std::uint32_t>::is_always_lock_free);

extern "C" void on_hangup(int) { hangup_count.fetch_add(1, std::memory_order_relaxed); }

}  // namespace

void watch_for_hangups() {
  struct sigaction action {};
  action.sa_handler = on_hangup;
  action.sa_flags = SA_RESTART;
  sigemptyset(&action.sa_mask);
  sigaction(SIGHUP, &action, nullptr);
}

std::uint32_t hangups() noexcept { return hangup_count.load(std::memory_order_relaxed); }

}  // namespace rpcaudit::app
