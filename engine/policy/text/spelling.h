#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>

namespace rpcaudit::policy {

// Names as people write them: ASCII case, near misses, abbreviations, and how to quote them.

[[nodiscard]] constexpr char to_lower(char c) noexcept {
  return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c;
}

[[nodiscard]] std::string to_lower(std::string_view text);
[[nodiscard]] bool equal_ignoring_case(std::string_view a, std::string_view b) noexcept;
[[nodiscard]] bool starts_with_ignoring_case(std::string_view text,
                                             std::string_view prefix) noexcept;

// `text` without the blanks around it.
[[nodiscard]] std::string_view trimmed(std::string_view text) noexcept;

// The name of `names` that `text` most likely stands for, empty when none is near enough to be
// worth suggesting.
[[nodiscard]] std::string_view nearest_name(std::string_view text,
                                            std::span<const std::string_view> names);

// How a word matches a list of names: exactly, as the beginning of exactly one, or not at all.
struct NameMatch {
  enum class Kind : std::uint8_t { none, exact, abbreviated, ambiguous };
  Kind kind = Kind::none;
  std::size_t index = 0;  // of the name, when exact or abbreviated
};

[[nodiscard]] NameMatch match_name(std::string_view text,
                                   std::span<const std::string_view> names) noexcept;

// `text` in backticks for a message: bounded, and without what could steer a terminal.
[[nodiscard]] std::string quoted(std::string_view text);
// `text` without what could steer a terminal, unbounded and unquoted.
[[nodiscard]] std::string printable(std::string_view text);

// The UTF-8 form of a code point of 0x80 and above; anything that is none becomes U+FFFD.
void append_long_utf8(char32_t code_point, std::string& out);

// The UTF-8 form of any code point. Policies are ASCII for the most part.
inline void append_utf8(char32_t code_point, std::string& out) {
  if (code_point < 0x80) {
    out += static_cast<char>(code_point);
  } else {
    append_long_utf8(code_point, out);
  }
}

}  // namespace rpcaudit::policy
