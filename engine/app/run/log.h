#pragma once

#include <spdlog/logger.h>

namespace rpcaudit::app {

// Diagnostics go to stderr as `rpcaudit: message`; with `verbose`, details too. One is made for a
// run and handed on; never one line per packet.
[[nodiscard]] spdlog::logger make_log(bool verbose);

}  // namespace rpcaudit::app
