#pragma once

#include <algorithm>
#include <string>
#include <string_view>
#include <vector>

#include "engine/policy/check/host_validator.h"
#include "engine/policy/check/validator.h"
#include "engine/policy/policy_text.h"

namespace rpcaudit::test {

// Files of any dialect, read one after the other and checked.
struct ReadHost {
  policy::Policy policy;
  std::vector<policy::Diagnostic> diagnostics;

  [[nodiscard]] const policy::HostSettings& host() const { return policy.host; }

  // `error code line` of each, notes left out, in order.
  [[nodiscard]] std::vector<std::string> complaints() const {
    std::vector<std::string> lines;
    for (const policy::Diagnostic& diagnostic : diagnostics) {
      if (diagnostic.severity == policy::Severity::note) continue;
      lines.push_back(std::string(to_string(diagnostic.severity)) + ' ' + diagnostic.code + ' ' +
                      std::to_string(diagnostic.span.line));
    }
    return lines;
  }
  [[nodiscard]] bool says(std::string_view code) const {
    return std::any_of(diagnostics.begin(), diagnostics.end(),
                       [code](const policy::Diagnostic& d) { return d.code == code; });
  }
  [[nodiscard]] std::string message(std::string_view code) const {
    for (const policy::Diagnostic& diagnostic : diagnostics) {
      if (diagnostic.code == code) return diagnostic.message;
    }
    return {};
  }
};

inline ReadHost read_hosts(const std::vector<std::string>& files, bool check = true) {
  ReadHost result;
  for (std::size_t i = 0; i < files.size(); ++i) {
    policy::read_policy(files[i], "file" + std::to_string(i + 1), result.policy,
                        result.diagnostics);
  }
  if (check) policy::validate(result.policy, result.diagnostics);
  return result;
}

inline ReadHost read_host(std::string_view text, bool check = true) {
  return read_hosts({std::string(text)}, check);
}

// ASCII text as regedit saves it.
inline std::string utf16(std::string_view text) {
  std::string bytes = "\xff\xfe";
  for (const char c : text) {
    bytes += c;
    bytes += '\0';
  }
  return bytes;
}

}  // namespace rpcaudit::test
