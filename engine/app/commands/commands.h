#pragma once

#include "engine/app/line/command_line.h"

namespace rpcaudit::app {

// The commands of the program, one file each. A command owns the values of its options.
[[nodiscard]] Command audit_command();
[[nodiscard]] Command calls_command();
[[nodiscard]] Command check_command();
[[nodiscard]] Command ctl_command();
[[nodiscard]] Command endpoints_command();
[[nodiscard]] Command explain_command();
[[nodiscard]] Command live_command();
[[nodiscard]] Command netsh_command();
[[nodiscard]] Command schema_command();

}  // namespace rpcaudit::app
