#pragma once

#include "engine/app/run/run_options.h"
#include "engine/policy/host_settings.h"

namespace CLI {
class App;
}

namespace rpcaudit::app {

// Options about the controls besides the RPC filters.
void add_control_options(CLI::App& command, ControlOptions& options);

// What the command line says about a server goes over what its policy says.
void apply(const ControlOptions& options, policy::HostSettings& host);

}  // namespace rpcaudit::app
