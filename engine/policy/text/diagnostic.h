#pragma once

#include <cstdint>
#include <string>
#include <string_view>

namespace rpcaudit::policy {

struct Policy;
class SourceText;

// Where something stands in a policy file. Lines and columns are 1-based; columns count UTF-8
// code points of the line as written. `length` is in the same unit.
struct SourceSpan {
  std::uint32_t file = 0;  // index into Policy::files
  std::uint32_t line = 0;  // 0: no place (not from a file)
  std::uint32_t column = 0;
  std::uint32_t length = 0;

  auto operator<=>(const SourceSpan&) const = default;
};

enum class Severity : std::uint8_t { note, warning, error };

// One thing to say about a policy. Grammar: message and hint start lower-case, have no final
// period, and quote the user's text in backticks.
struct Diagnostic {
  Severity severity = Severity::error;
  std::string code;  // stable, kebab-case, e.g. `unknown-field`
  SourceSpan span;
  std::string message;
  std::string hint;  // may be empty
  // An error that contradicts no part of the policy's meaning: whoever judges calls goes on, and
  // shows what follows from it.
  bool can_be_judged = false;
};

[[nodiscard]] std::string_view to_string(Severity severity) noexcept;

// `file:line:column: error: message [code]`, and the hint in a line of its own. No line end after
// the last line; nothing in it can steer a terminal.
[[nodiscard]] std::string format(const Diagnostic& diagnostic, const Policy& policy);
// The same with the line that it is about and a mark under the place. `source` is the text of the
// file that the diagnostic names; a caller with many diagnostics decodes it once.
[[nodiscard]] std::string format(const Diagnostic& diagnostic, const Policy& policy,
                                 const SourceText& source);

}  // namespace rpcaudit::policy
