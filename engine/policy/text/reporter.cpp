#include "engine/policy/text/reporter.h"

#include <algorithm>
#include <tuple>
#include <utility>

namespace rpcaudit::policy {

void Reporter::add(Severity severity, std::string_view code, const SourceSpan& span,
                   std::string message, std::string hint) {
  const std::size_t said = ++counts_[static_cast<std::size_t>(severity)];
  if (said > kDiagnosticsMax) return;
  diagnostics_.push_back({severity, std::string(code), span, std::move(message), std::move(hint)});
  if (said < kDiagnosticsMax) return;
  const bool is_error = severity == Severity::error;
  diagnostics_.push_back(
      {severity, "too-many-diagnostics", span,
       "there may be more " + std::string(to_string(severity)) +
           "s than anybody reads; those behind this one are left out",
       is_error ? "is this an RPC filter script?" : "check parts of the policy one by one"});
}

void Reporter::sort_by_line() {
  std::stable_sort(diagnostics_.begin() + static_cast<std::ptrdiff_t>(first_), diagnostics_.end(),
                   [](const Diagnostic& a, const Diagnostic& b) {
                     return std::tie(a.span.file, a.span.line) < std::tie(b.span.file, b.span.line);
                   });
}

}  // namespace rpcaudit::policy
