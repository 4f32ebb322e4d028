#pragma once

#include "engine/app/exit_status.h"
#include "engine/app/live/live_options.h"
#include "engine/app/log.h"

namespace rpcaudit::app {

// Tries what a live capture needs – interfaces, packet filter, memory, user, control socket, port,
// outputs – and leaves everything as it was. Says all that is wrong. Gives up the capabilities of
// the process.
[[nodiscard]] ExitStatus check_live(const LiveRunOptions& options, bool has_policies, Log& log);

// Where records are written while it runs: the files, and the control socket.
[[nodiscard]] std::vector<std::string> files_written(const LiveRunOptions& options);

}  // namespace rpcaudit::app
