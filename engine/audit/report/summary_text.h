#pragma once

#include <cstdint>
#include <string>
#include <string_view>

namespace rpcaudit::audit {

// `1234567` as `1,234,567`.
[[nodiscard]] std::string grouped(std::uint64_t value);

// A line of the summary: the number in its column, the text, a line end.
[[nodiscard]] std::string counted(std::uint64_t count, std::string_view text);
// Such a line about calls: `what` follows "call" or "calls".
[[nodiscard]] std::string counted_calls(std::uint64_t count, std::string_view what);

// A line of the summary where there is nothing to count: the text in its column, a line end.
[[nodiscard]] std::string not_counted(std::string_view text);

}  // namespace rpcaudit::audit
