#pragma once

#include <string_view>

#include "engine/policy/netsh_session.h"

namespace rpcaudit {

// What `/?` answers about a context or a command: lines of at most 80 columns.
[[nodiscard]] std::string_view netsh_help(NetshTopic topic) noexcept;

}  // namespace rpcaudit
