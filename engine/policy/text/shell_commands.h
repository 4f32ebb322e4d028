#pragma once

#include <string_view>
#include <vector>

#include "engine/policy/text/script_line.h"

namespace rpcaudit::policy {

// One simple command of a line that cmd.exe or PowerShell runs: its program and arguments.
struct ShellCommand {
  std::vector<Word> words;      // never empty
  bool is_conditional = false;  // it runs behind `if`, `else` or `||`
  bool is_in_loop = false;      // it runs once for each of several values
  bool reads_pipe = false;      // it takes its input from the command before it
  bool reads_file = false;      // it takes its input from a file
};

// What a command's first word starts: without folders and `.exe`.
[[nodiscard]] std::string_view program_name(std::string_view word) noexcept;

// Cuts a line into its commands. `&`, `&&`, `|`, `||` and PowerShell's `;`, `{`, `}` separate
// commands; redirections (`>nul`, `2>&1`, `>> log`, `< file`) and parentheses are left out;
// commands behind `if ...`, `else`, `call`, `start ...`, `cmd /c`, `for ... do`, and PowerShell's
// `&` and
// `$x =` are taken for what they run. Operators in quotation marks are text.
[[nodiscard]] std::vector<ShellCommand> shell_commands(const ScriptLine& line);

}  // namespace rpcaudit::policy
