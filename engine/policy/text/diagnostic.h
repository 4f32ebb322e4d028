#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <string_view>

namespace rpcaudit::policy {

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
// the last line; nothing in it can steer a terminal. `files` are the names that SourceSpan::file
// counts.
[[nodiscard]] std::string format(const Diagnostic& diagnostic, std::span<const std::string> files);
// Adds the line that the diagnostic is about and a mark under the place. `source` is the text of
// the file that it names; a caller with many diagnostics decodes it once.
[[nodiscard]] std::string format(const Diagnostic& diagnostic, std::span<const std::string> files,
                                 const SourceText& source);

// `file:line` of a place in one of the files; `policy` for a file that is none of them.
[[nodiscard]] std::string source_text(std::span<const std::string> files, const SourceSpan& span);

}  // namespace rpcaudit::policy
