#pragma once

#include <functional>
#include <string>
#include <vector>

#include "engine/app/commands/option_table.h"
#include "engine/app/exit_status.h"

namespace rpcaudit::app {

// A command of the program: `rpcaudit NAME ...`.
struct Command {
  std::string name;
  std::string summary;  // one line
  std::string footer;   // what --help ends with: examples
  OptionTable options = {};
  // Whether it takes words that are no options; otherwise they are errors of usage.
  bool takes_words = false;
  // What it does once the whole command line has been read; `words` are those that are no options.
  std::function<ExitStatus(const std::vector<std::string>& words)> run;
};

// What the program says of itself.
struct ProgramText {
  std::string name;
  std::string description;
  std::string footer;
  std::string version;
};

// Reads the command line and runs the command that it names. Answers --help and --version on
// standard output, and errors of usage on standard error.
[[nodiscard]] ExitStatus run_command_line(const ProgramText& program,
                                          const std::vector<Command>& commands, int argc,
                                          const char* const* argv);

}  // namespace rpcaudit::app
