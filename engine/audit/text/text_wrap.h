#pragma once

#include <cstddef>
#include <string>
#include <string_view>

namespace rpcaudit::audit {

// Breaks one line, which ends with a line end, into lines of at most `columns`, all but the first
// with `indent` spaces before them: between its parts, which two spaces part, and within a part
// that is too long at a space. What has no space stays whole. Colours (`\x1b[...m`) take no column.
[[nodiscard]] std::string wrapped_line(std::string_view line, std::size_t columns,
                                       std::size_t indent);

}  // namespace rpcaudit::audit
