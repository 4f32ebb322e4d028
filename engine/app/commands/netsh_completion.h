#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace rpcaudit::app {

// What the last word of a half-written command of the context `rpc filter` may become: whole words,
// in the order of the language. Empty when nothing fits.
[[nodiscard]] std::vector<std::string> netsh_completions(std::string_view line);

}  // namespace rpcaudit::app
