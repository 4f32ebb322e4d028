#pragma once

namespace rpcaudit::app {

// From now on SIGINT and SIGTERM ask for an orderly end; the second one ends the program at once.
void watch_for_stop_signals();
[[nodiscard]] bool stop_requested() noexcept;

}  // namespace rpcaudit::app
