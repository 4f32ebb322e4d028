#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "engine/audit/text/output_buffer.h"

namespace rpcaudit::audit {

// Text from the wire, a file name or a policy, made safe for what is to read it.

// As the inside of a JSON string: escapes, and U+FFFD for bytes that are no UTF-8. `Out` is
// OutputBuffer or std::string.
template <typename Out>
void append_json_escaped(Out& out, std::string_view text);

// For a terminal: what could steer it or turn the text around is shown as \u{202e} or \x1b.
void append_terminal_text(std::string& out, std::string_view text);
[[nodiscard]] std::string terminal_text(std::string_view text);

// Columns that such text takes, one for each code point.
[[nodiscard]] std::size_t column_count(std::string_view text) noexcept;

}  // namespace rpcaudit::audit
