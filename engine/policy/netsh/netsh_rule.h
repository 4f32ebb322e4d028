#pragma once

#include <optional>
#include <span>
#include <string_view>

#include "engine/policy/policy.h"
#include "engine/policy/text/reporter.h"
#include "engine/policy/text/script_line.h"

namespace rpcaudit::policy {

// What `add rule` opened and `add filter` will commit.
struct PendingRule {
  Filter filter;
  std::optional<Layer> layer;  // empty when it could not be read
  bool has_error = false;      // in the rule or in anything that followed it
};

// Reads what follows `add rule`. The key of a rule without one stays nil.
[[nodiscard]] PendingRule read_netsh_rule(std::span<const Word> words, const SourceSpan& command,
                                          Reporter& reporter);

// The key of a filter whose author gave none: made of the name of the file, of how many files of
// that name came before, and of the line, so that every run gives the same key. It is a version 8
// UUID (RFC 9562), which no other program's keys are.
[[nodiscard]] Uuid generated_filter_key(std::string_view file, std::size_t occurrence,
                                        std::uint32_t line) noexcept;

}  // namespace rpcaudit::policy
