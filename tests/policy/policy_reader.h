#pragma once

#include <initializer_list>
#include <string>
#include <string_view>
#include <vector>

#include "engine/policy/netsh/netsh_script.h"
#include "engine/policy/netsh/printer.h"

namespace rpcaudit::policy {

// A script read on its own, with what was said about it.
struct ReadPolicy {
  Policy policy;
  std::vector<Diagnostic> diagnostics;

  // `line:column code` of each, in order.
  [[nodiscard]] std::vector<std::string> places() const {
    std::vector<std::string> places;
    for (const Diagnostic& diagnostic : diagnostics) {
      places.push_back(std::to_string(diagnostic.span.line) + ':' +
                       std::to_string(diagnostic.span.column) + ' ' + diagnostic.code);
    }
    return places;
  }

  // The codes alone.
  [[nodiscard]] std::vector<std::string> codes() const {
    std::vector<std::string> codes;
    for (const Diagnostic& diagnostic : diagnostics) codes.push_back(diagnostic.code);
    return codes;
  }

  // Each filter in one line.
  [[nodiscard]] std::vector<std::string> filters() const {
    std::vector<std::string> lines;
    for (const Filter& filter : policy.filters) lines.push_back(describe(filter));
    return lines;
  }
};

inline ReadPolicy read_policy(std::string_view script) {
  ReadPolicy result;
  read_netsh_script(script, "test.txt", result.policy, result.diagnostics);
  return result;
}

inline std::string lines(std::initializer_list<std::string_view> all) {
  std::string text;
  for (const std::string_view line : all) text.append(line) += '\n';
  return text;
}

// A filter of the `um` layer with one condition, given as the arguments of `add condition`.
inline std::string block_um(std::string_view condition) {
  return "add rule layer=um actiontype=block\nadd condition " + std::string(condition) +
         "\nadd filter\n";
}

}  // namespace rpcaudit::policy
