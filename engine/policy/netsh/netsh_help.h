#pragma once

#include <span>
#include <string>
#include <string_view>

#include "engine/policy/netsh/netsh_session.h"
#include "engine/policy/text/script_line.h"

namespace rpcaudit::policy {

// What `/?` answers about a context or a command: lines of at most 80 columns.
[[nodiscard]] std::string_view netsh_help(NetshTopic topic) noexcept;

// What netsh answers to a command that it refuses, as far as that is known; `code` is that of the
// first error of the command, `words` are the command's. Empty, or ends with an empty line.
[[nodiscard]] std::string netsh_refusal(std::string_view code, std::span<const Word> words);

}  // namespace rpcaudit::policy
