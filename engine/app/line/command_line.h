#pragma once

#include <functional>
#include <string>
#include <vector>

#include "engine/app/exit_status.h"
#include "engine/app/line/option_table.h"

namespace rpcaudit::app {

// A command of the program: `rpcaudit NAME ...`.
struct Command {
  std::string name;
  std::string summary;  // a sentence
  std::string footer;   // what --help ends with: examples, in lines of at most kHelpColumns
  OptionTable options = {};
  // What it does once the whole command line has been read.
  std::function<ExitStatus()> run;
};

// What the program says of itself.
struct ProgramText {
  std::string name;
  std::string description;
  std::string footer;
  std::string version;
};

// Reads the command line and runs the command that it names. Answers --help and --version on
// standard output. Errors of usage go to standard error: they name the word that is wrong, and what
// was probably meant.
[[nodiscard]] ExitStatus run_command_line(const ProgramText& program,
                                          const std::vector<Command>& commands, int argc,
                                          const char* const* argv);

}  // namespace rpcaudit::app
