#include "engine/policy/reporter.h"

#include <algorithm>
#include <tuple>
#include <utility>

namespace rpcaudit {

void Reporter::add(Severity severity, std::string_view code, const SourceSpan& span,
                   std::string message, std::string hint) {
  if (is_full()) return;
  diagnostics_.push_back({severity, std::string(code), span, std::move(message), std::move(hint)});
  if (!is_full()) return;
  diagnostics_.push_back({Severity::error, "too-many-diagnostics", span,
                          "more to say than anybody reads; the rest is left out",
                          "is this an RPC filter script?"});
}

void Reporter::sort_by_line() {
  std::stable_sort(diagnostics_.begin() + static_cast<std::ptrdiff_t>(first_), diagnostics_.end(),
                   [](const Diagnostic& a, const Diagnostic& b) {
                     return std::tie(a.span.file, a.span.line) < std::tie(b.span.file, b.span.line);
                   });
}

}  // namespace rpcaudit
