#pragma once

#include <span>
#include <string>
#include <vector>

#include "engine/app/log.h"
#include "engine/policy/diagnostic.h"
#include "engine/policy/policy.h"
#include "engine/policy/source_text.h"

namespace rpcaudit {

// Policies as read from files, with everything there is to say about them.
struct LoadedPolicy {
  Policy policy;
  std::vector<SourceText> sources;  // by index of Policy::files
  std::vector<Diagnostic> diagnostics;
  std::vector<std::string> unreadable;  // files that could not be read, and why

  [[nodiscard]] std::size_t count(Severity severity) const;
  [[nodiscard]] bool has_errors() const {
    return !unreadable.empty() || count(Severity::error) != 0;
  }
};

// Reads and validates all of them. `-` is standard input.
[[nodiscard]] LoadedPolicy load_policies(std::span<const std::string> paths);

// One diagnostic with the line that it is about, no line end after it.
[[nodiscard]] std::string diagnostic_text(const LoadedPolicy& loaded, const Diagnostic& diagnostic);

// Says what keeps the policies from being used; false when something does.
[[nodiscard]] bool report_usable(const LoadedPolicy& loaded, bool quiet, spdlog::logger& log);

}  // namespace rpcaudit
