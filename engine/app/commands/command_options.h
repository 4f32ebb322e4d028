#pragma once

#include <memory>

#include "engine/app/run/run_options.h"

namespace CLI {
class App;
}

namespace rpcaudit::app {

// Options that several commands have in common, so that hands need to learn them once.
void add_capture_options(CLI::App& command, RunOptions& options, bool required);
void add_policy_option(CLI::App& command, RunOptions& options, bool required);
// For what policies are judged.
void add_target_options(CLI::App& command, RunOptions& options);
void add_output_options(CLI::App& command, RunOptions& options);

}  // namespace rpcaudit::app
