#pragma once

#include <array>
#include <cstddef>
#include <set>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "engine/policy/text/diagnostic.h"

namespace rpcaudit::policy {

// Collects what one reader has to say about one file, up to a bound for each severity: a file that
// is not a policy at all must not fill the screen. Errors beyond it become one more error, which
// ends the reading; a large policy may well deserve more remarks than that, and stays usable.
class Reporter {
 public:
  static constexpr std::size_t kDiagnosticsMax = 10'000;

  // `diagnostics` is borrowed; what other reporters put there stays.
  explicit Reporter(std::vector<Diagnostic>& diagnostics)
      : diagnostics_(diagnostics), first_(diagnostics.size()) {}

  void error(std::string_view code, const SourceSpan& span, std::string message,
             std::string hint = {}) {
    add(Severity::error, code, span, std::move(message), std::move(hint));
  }
  // An error that keeps nobody from judging: see Diagnostic::can_be_judged.
  void conflict(std::string_view code, const SourceSpan& span, std::string message,
                std::string hint = {}) {
    error(code, span, std::move(message), std::move(hint));
    if (error_count() < kDiagnosticsMax) diagnostics_.back().can_be_judged = true;
  }
  void warning(std::string_view code, const SourceSpan& span, std::string message,
               std::string hint = {}) {
    add(Severity::warning, code, span, std::move(message), std::move(hint));
  }
  void note(std::string_view code, const SourceSpan& span, std::string message,
            std::string hint = {}) {
    add(Severity::note, code, span, std::move(message), std::move(hint));
  }
  // Reports only the first warning of its code.
  void warning_once(std::string_view code, const SourceSpan& span, std::string message,
                    std::string hint = {}) {
    if (said_.insert(std::string(code)).second) {
      warning(code, span, std::move(message), std::move(hint));
    }
  }

  [[nodiscard]] std::size_t error_count() const noexcept { return count(Severity::error); }
  // Whether there were too many errors to go on.
  [[nodiscard]] bool is_full() const noexcept { return error_count() >= kDiagnosticsMax; }

  // Puts what was collected into the order of the lines.
  void sort_by_line();

 private:
  void add(Severity severity, std::string_view code, const SourceSpan& span, std::string message,
           std::string hint);

  [[nodiscard]] std::size_t count(Severity severity) const noexcept {
    return counts_[static_cast<std::size_t>(severity)];
  }

  std::vector<Diagnostic>& diagnostics_;
  std::size_t first_;
  std::array<std::size_t, 3> counts_{};  // by severity
  std::set<std::string> said_;
};

}  // namespace rpcaudit::policy
