#include "engine/policy/text/diagnostic.h"

#include <algorithm>

#include "engine/policy/text/source_text.h"
#include "engine/policy/text/spelling.h"

namespace rpcaudit::policy {
namespace {

constexpr std::size_t kExcerptMax = 120;  // code points of a source line shown at most
constexpr std::size_t kLeadMax = 40;      // of them before the place, where the line is cut

std::string header(const Diagnostic& diagnostic, std::span<const std::string> files) {
  const SourceSpan& span = diagnostic.span;
  std::string text = printable(source_text(files, span));
  if (span.line != 0) text += ':' + std::to_string(span.column);
  text += ": " + std::string(to_string(diagnostic.severity)) + ": " + diagnostic.message;
  return text + " [" + diagnostic.code + ']';
}

std::string hint_line(const Diagnostic& diagnostic) {
  return diagnostic.hint.empty() ? std::string() : "\n  hint: " + diagnostic.hint;
}

// The source line, cut around the place when it is long, and the mark below it.
std::string excerpt(const SourceSpan& span, std::string_view line) {
  const std::size_t column = span.column == 0 ? 0 : span.column - 1;
  const std::size_t first = column > kExcerptMax - kLeadMax ? column - kLeadMax : 0;
  std::string shown;
  std::size_t index = 0;
  for_each_code_point(line, [&](char32_t c) {
    if (index >= first && index < first + kExcerptMax) append_utf8(c, shown);
    ++index;
  });
  if (shown.empty()) return {};
  const std::size_t length = std::clamp<std::size_t>(span.length, 1, kExcerptMax - kLeadMax);
  return "\n  " + printable(shown) + "\n  " + std::string(column - first, ' ') + '^' +
         std::string(length - 1, '~');
}

}  // namespace

std::string_view to_string(Severity severity) noexcept {
  switch (severity) {
    case Severity::note: return "note";
    case Severity::warning: return "warning";
    case Severity::error: break;
  }
  return "error";
}

std::string format(const Diagnostic& diagnostic, std::span<const std::string> files) {
  return header(diagnostic, files) + hint_line(diagnostic);
}

std::string format(const Diagnostic& diagnostic, std::span<const std::string> files,
                   const SourceText& source) {
  const std::string_view line = source.line(diagnostic.span.line);
  return header(diagnostic, files) + excerpt(diagnostic.span, line) + hint_line(diagnostic);
}

std::string source_text(std::span<const std::string> files, const SourceSpan& span) {
  std::string text = span.file < files.size() ? files[span.file] : "policy";
  if (span.line != 0) text += ':' + std::to_string(span.line);
  return text;
}

}  // namespace rpcaudit::policy
