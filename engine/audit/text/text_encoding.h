#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "engine/audit/text/output_buffer.h"

namespace rpcaudit::audit {

// Text from the wire, a file name or a policy, made safe for what is to read it.

// As the inside of a JSON string: escapes, also of what turns the text around, and U+FFFD for bytes
// that are no UTF-8. `Out` is OutputBuffer or std::string.
template <typename Out>
void append_json_escaped(Out& out, std::string_view text);

[[nodiscard]] bool is_utf8(std::string_view text) noexcept;

// The name of a file as UTF-8. A name that is UTF-8 stays as it is; in any other one each byte that
// is none is shown as \xff, and a backslash that would read so as \x5c, so that the file can be
// found again.
[[nodiscard]] std::string file_name_text(std::string_view name);

// For a terminal: what could steer it or turn the text around is shown as \u{202e} or \x1b. A
// backslash that would read as the beginning of such an escape is shown as \x5c; every other one
// stands for itself.
void append_terminal_text(std::string& out, std::string_view text);
[[nodiscard]] std::string terminal_text(std::string_view text);

// `domain\user`, or either alone. A backslash within a name is shown as \x5c, so that the one
// between the names is the only one that stands for itself.
void append_account(std::string& out, std::string_view domain, std::string_view user);

// Columns that such text takes, one for each code point.
[[nodiscard]] std::size_t column_count(std::string_view text) noexcept;

}  // namespace rpcaudit::audit
