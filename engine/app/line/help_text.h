#pragma once

#include <string>
#include <vector>

#include "engine/app/line/command_line.h"

namespace rpcaudit::app {

// Lines of --help have at most so many columns.
inline constexpr std::size_t kHelpColumns = 80;

// What `rpcaudit --help` and `rpcaudit COMMAND --help` say.
[[nodiscard]] std::string program_help(const ProgramText& program,
                                       const std::vector<Command>& commands);
[[nodiscard]] std::string command_help(const ProgramText& program, const Command& command);

}  // namespace rpcaudit::app
