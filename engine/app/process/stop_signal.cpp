#include "engine/app/process/stop_signal.h"

#include <sys/eventfd.h>
#include <unistd.h>

#include <cerrno>
#include <csignal>

namespace rpcaudit::app {
namespace {

// A handler can reach nothing else.
std::atomic<Stop*> stop_of_program{nullptr};
static_assert(std::atomic<Stop*>::is_always_lock_free);

extern "C" void on_stop_signal(int signal) {
  const int error = errno;
  if (Stop* const stop = stop_of_program.load(std::memory_order_acquire); stop != nullptr) {
    stop->request(signal == SIGINT ? StopReason::interrupt : StopReason::terminate);
  }
  errno = error;
}

}  // namespace

Stop::Stop() : descriptor_(::eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK)) {}

Stop::~Stop() {
  if (descriptor_ >= 0) ::close(descriptor_);
}

void Stop::request(StopReason reason) noexcept {
  StopReason none = StopReason::none;
  reason_.compare_exchange_strong(none, reason, std::memory_order_relaxed);
  const std::uint64_t one = 1;
  if (::write(descriptor_, &one, sizeof one) < 0) return;  // it is readable already
}

Stop& watch_for_stop_signals() {
  static Stop stop;
  stop_of_program.store(&stop, std::memory_order_release);
  struct sigaction action {};
  action.sa_handler = on_stop_signal;
  action.sa_flags = static_cast<int>(SA_RESETHAND);
  sigemptyset(&action.sa_mask);
  sigaction(SIGINT, &action, nullptr);
  sigaction(SIGTERM, &action, nullptr);
  return stop;
}

}  // namespace rpcaudit::app
