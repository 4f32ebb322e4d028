#pragma once

#include <functional>

#include "engine/app/exit_status.h"

namespace CLI {
class App;
}

namespace rpcaudit::app {

// What to do once the whole command line has been read.
using ChosenCommand = std::function<ExitStatus()>;

// Each adds its command to the program; when the user asks for it, it becomes `chosen`. `chosen`
// and the state behind it live as long as `app`.
void add_audit_command(CLI::App& app, ChosenCommand& chosen);
void add_calls_command(CLI::App& app, ChosenCommand& chosen);
void add_check_command(CLI::App& app, ChosenCommand& chosen);
void add_endpoints_command(CLI::App& app, ChosenCommand& chosen);
void add_explain_command(CLI::App& app, ChosenCommand& chosen);
void add_netsh_command(CLI::App& app, ChosenCommand& chosen);

}  // namespace rpcaudit::app
