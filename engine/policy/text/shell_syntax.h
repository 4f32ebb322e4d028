#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <utility>

#include "engine/policy/text/source_text.h"

namespace rpcaudit::policy {

// Whose rules of quotation, variables and comments a script follows. A script of netsh itself has
// none of these; the rules of cmd.exe do not harm it.
enum class ShellSyntax : std::uint8_t { cmd, powershell };

// Whether a line can only be PowerShell's: `$x = ...`, a cmdlet that a policy is made of, `param
// (`.
[[nodiscard]] bool is_powershell_line(std::string_view line) noexcept;
// The syntax of a file, by its first lines.
[[nodiscard]] ShellSyntax detect_shell_syntax(const SourceText& source) noexcept;

// Whether a line begins a here-string of PowerShell (it ends with `@'` or `@"`).
[[nodiscard]] bool begins_here_string(std::string_view line) noexcept;
// Whether a line ends one (it begins with `'@` or `"@`).
[[nodiscard]] bool ends_here_string(std::string_view line) noexcept;

// The variables that a script has set so far, as far as their values are literal.
class ShellVariables {
 public:
  static constexpr std::size_t kVariablesMax = 1000;
  static constexpr std::size_t kValueSizeMax = 4096;

  explicit ShellVariables(ShellSyntax syntax) noexcept : syntax_(syntax) {}

  // Takes `set NAME=VALUE` and `$name = 'value'`; false when the line sets nothing that is known
  // here. A value that is no literal takes away what was known of the variable.
  bool take_assignment(std::string_view line);
  // The value of a variable by name, whatever its case.
  [[nodiscard]] const std::string* find(std::string_view name) const;
  // The reference to a variable that `text` begins with: its size and its value. Nothing where no
  // reference begins, or where the variable is not known.
  [[nodiscard]] std::optional<std::pair<std::size_t, std::string_view>> reference(
      std::string_view text) const;

 private:
  void set(std::string_view name, std::string_view value);
  bool take_cmd(std::string_view line);
  bool take_powershell(std::string_view line);
  [[nodiscard]] std::string expanded(std::string_view text) const;

  ShellSyntax syntax_;
  std::map<std::string, std::string> values_;  // by name in lower case
};

}  // namespace rpcaudit::policy
