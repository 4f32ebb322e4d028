#include "engine/app/policy_files.h"

#include <algorithm>
#include <cerrno>
#include <fstream>
#include <iostream>
#include <iterator>
#include <optional>
#include <system_error>

#include "engine/audit/text_encoding.h"
#include "engine/policy/policy_text.h"
#include "engine/policy/validator.h"

namespace rpcaudit {
namespace {

std::optional<std::string> read_all(std::istream& stream) {
  std::string bytes{std::istreambuf_iterator<char>(stream), std::istreambuf_iterator<char>()};
  if (stream.bad()) return std::nullopt;
  return bytes;
}

std::optional<std::string> read_file(const std::string& path) {
  if (path == "-") return read_all(std::cin);
  errno = 0;
  std::ifstream file(path, std::ios::binary);
  // A folder opens, but gives nothing to read.
  if (!file || file.peek() == std::ifstream::traits_type::eof()) {
    if (errno != 0) return std::nullopt;
    file.clear();
  }
  return read_all(file);
}

}  // namespace

std::size_t LoadedPolicy::count(Severity severity) const {
  return static_cast<std::size_t>(
      std::count_if(diagnostics.begin(), diagnostics.end(),
                    [severity](const Diagnostic& d) { return d.severity == severity; }));
}

LoadedPolicy load_policies(std::span<const std::string> paths) {
  LoadedPolicy loaded;
  for (const std::string& path : paths) {
    const std::optional<std::string> bytes = read_file(path);
    if (!bytes) {
      loaded.unreadable.push_back(terminal_text(path) + ": " +
                                  std::generic_category().message(errno));
      continue;
    }
    read_policy(*bytes, path, loaded.policy, loaded.diagnostics);
    loaded.sources.push_back(SourceText::decode(*bytes));
  }
  if (!loaded.has_errors()) validate(loaded.policy, loaded.diagnostics);
  return loaded;
}

std::string diagnostic_text(const LoadedPolicy& loaded, const Diagnostic& diagnostic) {
  const std::size_t file = diagnostic.span.file;
  return file < loaded.sources.size() ? format(diagnostic, loaded.policy, loaded.sources[file])
                                      : format(diagnostic, loaded.policy);
}

bool report_usable(const LoadedPolicy& loaded, bool quiet, spdlog::logger& log) {
  for (const std::string& problem : loaded.unreadable) log.error("{}", problem);
  for (const Diagnostic& diagnostic : loaded.diagnostics) {
    if (diagnostic.severity != Severity::error) continue;
    std::cerr << diagnostic_text(loaded, diagnostic) << "\n";
  }
  if (loaded.has_errors()) return false;
  const std::size_t warnings = loaded.count(Severity::warning);
  if (warnings != 0 && !quiet) {
    log.warn("the policy has {} warning{}; `rpcaudit check` shows them", warnings,
             warnings == 1 ? "" : "s");
  }
  log.debug("{} filters in {} files", loaded.policy.filters.size(), loaded.policy.files.size());
  return true;
}

}  // namespace rpcaudit
