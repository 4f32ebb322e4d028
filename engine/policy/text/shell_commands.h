#pragma once

#include <string_view>
#include <vector>

#include "engine/policy/text/script_line.h"

namespace rpcaudit::policy {

// One simple command of a line that cmd.exe or PowerShell runs: its program and arguments.
struct ShellCommand {
  std::vector<Word> words;      // never empty
  bool is_conditional = false;  // it runs behind `if`, `else` or `||`
  bool reads_pipe = false;      // it takes its input from the command before it
};

// What a command's first word starts: without folders and `.exe`.
[[nodiscard]] std::string_view program_name(std::string_view word) noexcept;

// Cuts a line into its commands. `&`, `&&`, `|` and `||` separate commands; redirections (`>nul`,
// `2>&1`, `>> log`, `< file`) and parentheses are left out; commands behind `if ...`, `else`,
// `call`, `start ...`, `cmd /c` and PowerShell's `&` are taken for what they run. Operators in
// quotation marks are text.
[[nodiscard]] std::vector<ShellCommand> shell_commands(const ScriptLine& line);

}  // namespace rpcaudit::policy
