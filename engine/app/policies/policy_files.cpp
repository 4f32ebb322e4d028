#include "engine/app/policies/policy_files.h"

#include <algorithm>
#include <cerrno>
#include <fstream>
#include <iostream>
#include <iterator>
#include <optional>
#include <system_error>
#include <utility>

#include "engine/app/policies/state_folder.h"
#include "engine/audit/text/text_encoding.h"
#include "engine/policy/check/validator.h"
#include "engine/policy/netsh/filter_store.h"
#include "engine/policy/netsh/netsh_script.h"
#include "engine/policy/policy_text.h"

namespace rpcaudit::app {
namespace {

std::optional<std::string> read_all(std::istream& stream) {
  std::string bytes{std::istreambuf_iterator<char>(stream), std::istreambuf_iterator<char>()};
  if (stream.bad()) return std::nullopt;
  return bytes;
}

constexpr std::string_view kStore = "store:";

// `store:FILE` is the filters of a store as a script.
std::optional<std::string> read_policy_or_store(const std::string& path, std::string& problem) {
  if (path == kStore) {
    problem = path + ": there is no home folder with a filter store; name one, as `store:FILE`";
    return std::nullopt;
  }
  if (path.starts_with(kStore))
    return policy::read_filter_store(path.substr(kStore.size()), problem);
  std::optional<std::string> bytes = read_policy_file(path);
  if (!bytes) problem = path + ": " + std::generic_category().message(errno);
  return bytes;
}

}  // namespace

std::optional<std::string> read_policy_file(const std::string& path) {
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

std::size_t LoadedPolicy::count(policy::Severity severity) const {
  return static_cast<std::size_t>(
      std::count_if(diagnostics.begin(), diagnostics.end(),
                    [severity](const policy::Diagnostic& d) { return d.severity == severity; }));
}

bool LoadedPolicy::can_judge() const {
  const auto prevents = [](const policy::Diagnostic& d) {
    return d.severity == policy::Severity::error && !d.can_be_judged;
  };
  return unreadable.empty() && std::none_of(diagnostics.begin(), diagnostics.end(), prevents);
}

void load_policies(std::span<const std::string> paths, LoadedPolicy& loaded) {
  for (const std::string& given : paths) {
    // `store:` is the default one, which messages and records name in full.
    const std::string path = given == kStore ? given + default_filter_store() : given;
    std::string problem;
    const std::optional<std::string> bytes = read_policy_or_store(path, problem);
    if (!bytes) {
      loaded.unreadable.push_back(audit::terminal_text(problem));
      continue;
    }
    policy::PolicyText text;
    if (path.starts_with(kStore)) {
      text.source = policy::read_stored_script(*bytes, path, loaded.policy, loaded.diagnostics);
    } else {
      text = policy::read_policy(*bytes, path, loaded.policy, loaded.diagnostics);
    }
    if (text.dialect == policy::Dialect::netsh_script) {
      loaded.scripts.push_back(static_cast<std::uint32_t>(loaded.sources.size()));
    }
    loaded.sources.push_back(std::move(text.source));
  }
  if (!loaded.has_errors()) policy::validate(loaded.policy, loaded.diagnostics);
}

std::string diagnostic_text(const LoadedPolicy& loaded, const policy::Diagnostic& diagnostic) {
  const std::size_t file = diagnostic.span.file;
  return file < loaded.sources.size()
             ? policy::format(diagnostic, loaded.policy.files, loaded.sources[file])
             : policy::format(diagnostic, loaded.policy.files);
}

}  // namespace rpcaudit::app
