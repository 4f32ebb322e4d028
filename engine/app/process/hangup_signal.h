#pragma once

#include <cstdint>

namespace rpcaudit::app {

// From now on SIGHUP is counted and ends nothing.
void watch_for_hangups();
// How often it came since.
[[nodiscard]] std::uint32_t hangups() noexcept;

}  // namespace rpcaudit::app
