#include "engine/audit/text/text_encoding.h"

#include <algorithm>

namespace rpcaudit::audit {
namespace {

constexpr char kDigits[] = "0123456789abcdef";

struct CodePoint {
  char32_t value = 0;
  std::size_t size = 1;  // bytes taken
  bool valid = false;
};

// The code point at the front of `text` (RFC 3629: shortest form, no surrogates).
CodePoint decode(std::string_view text) noexcept {
  const auto byte = [&](std::size_t i) { return static_cast<unsigned char>(text[i]); };
  const unsigned char lead = byte(0);
  if (lead < 0x80) return {lead, 1, true};
  const std::size_t size = lead < 0xc2   ? 0u
                           : lead < 0xe0 ? 2u
                           : lead < 0xf0 ? 3u
                           : lead < 0xf5 ? 4u
                                         : 0u;
  if (size == 0 || text.size() < size) return {};
  char32_t value = lead & (0x7fu >> size);
  for (std::size_t i = 1; i < size; ++i) {
    if ((byte(i) & 0xc0) != 0x80) return {};
    value = value << 6 | (byte(i) & 0x3fu);
  }
  constexpr char32_t kLeast[] = {0, 0, 0x80, 0x800, 0x1'0000};
  const bool surrogate = value >= 0xd800 && value <= 0xdfff;
  if (value < kLeast[size] || surrogate || value > 0x10'ffff) return {};
  return {value, size, true};
}

bool is_plain(char c) noexcept { return c >= ' ' && c <= '~' && c != '"' && c != '\\'; }

// Control characters, and the marks that change the direction of writing.
bool steers(char32_t c) noexcept {
  return c < 0x20 || (c >= 0x7f && c <= 0x9f) || c == 0x061c || c == 0x200e || c == 0x200f ||
         (c >= 0x2028 && c <= 0x202e) || (c >= 0x2066 && c <= 0x2069);
}

void append_hex_byte(std::string& out, unsigned char byte) {
  out += "\\x";
  out += kDigits[byte >> 4];
  out += kDigits[byte & 15];
}

// Writes the escape of a code point of the basic plane.
template <typename Out>
void append_json_escape(Out& out, char32_t c) {
  const char escape[] = {
      '\\',           'u', kDigits[c >> 12 & 15], kDigits[c >> 8 & 15], kDigits[c >> 4 & 15],
      kDigits[c & 15]};
  out.append(std::string_view(escape, sizeof escape));
}

template <typename Out>
void append_json_special(Out& out, char c) {
  switch (c) {
    case '"': out.append("\\\""); return;
    case '\\': out.append("\\\\"); return;
    case '\n': out.append("\\n"); return;
    case '\r': out.append("\\r"); return;
    case '\t': out.append("\\t"); return;
    default: break;
  }
  append_json_escape(out, static_cast<unsigned char>(c));
}

// Whether the text behind a backslash would make it read as an escape of terminal text.
bool reads_as_escape(std::string_view behind) noexcept {
  const auto is_hex = [](char c) {
    return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'f') || (c >= 'A' && c <= 'F');
  };
  if (behind.starts_with("u{")) return true;
  return behind.size() >= 3 && behind[0] == 'x' && is_hex(behind[1]) && is_hex(behind[2]);
}

}  // namespace

template <typename Out>
void append_json_escaped(Out& out, std::string_view text) {
  while (!text.empty()) {
    const auto special = std::find_if_not(text.begin(), text.end(), is_plain);
    const auto plain = static_cast<std::size_t>(special - text.begin());
    out.append(text.substr(0, plain));
    text.remove_prefix(plain);
    if (text.empty()) return;
    const CodePoint point = decode(text);
    if (!point.valid) {
      out.append("\xef\xbf\xbd");
    } else if (point.size == 1) {
      append_json_special(out, text.front());
    } else if (steers(point.value)) {
      append_json_escape(out, point.value);
    } else {
      out.append(text.substr(0, point.size));
    }
    text.remove_prefix(point.size);
  }
}

template void append_json_escaped(OutputBuffer& out, std::string_view text);
template void append_json_escaped(std::string& out, std::string_view text);

bool is_utf8(std::string_view text) noexcept {
  while (!text.empty()) {
    const CodePoint point = decode(text);
    if (!point.valid) return false;
    text.remove_prefix(point.size);
  }
  return true;
}

std::string file_name_text(std::string_view name) {
  if (is_utf8(name)) return std::string(name);
  std::string out;
  while (!name.empty()) {
    const CodePoint point = decode(name);
    if (!point.valid || (name.front() == '\\' && reads_as_escape(name.substr(1)))) {
      append_hex_byte(out, static_cast<unsigned char>(name.front()));
    } else {
      out += name.substr(0, point.size);
    }
    name.remove_prefix(point.size);
  }
  return out;
}

void append_terminal_text(std::string& out, std::string_view text) {
  while (!text.empty()) {
    const CodePoint point = decode(text);
    const bool is_false_escape = text.front() == '\\' && reads_as_escape(text.substr(1));
    if (!point.valid || is_false_escape || (point.size == 1 && steers(point.value))) {
      append_hex_byte(out, static_cast<unsigned char>(text.front()));
    } else if (steers(point.value)) {
      out += "\\u{";
      for (int shift = 12; shift >= 0; shift -= 4) out += kDigits[point.value >> shift & 15];
      out += '}';
    } else {
      out += text.substr(0, point.size);
    }
    text.remove_prefix(point.size);
  }
}

std::string terminal_text(std::string_view text) {
  std::string out;
  append_terminal_text(out, text);
  return out;
}

void append_account(std::string& out, std::string_view domain, std::string_view user) {
  const auto append_name = [&out](std::string_view name) {
    while (!name.empty()) {
      const std::size_t plain = std::min(name.find('\\'), name.size());
      append_terminal_text(out, name.substr(0, plain));
      name.remove_prefix(plain);
      if (name.empty()) return;
      append_hex_byte(out, '\\');
      name.remove_prefix(1);
    }
  };
  append_name(domain);
  if (!domain.empty() && !user.empty()) {
    out += '\\';
    if (reads_as_escape(user)) {
      append_hex_byte(out, static_cast<unsigned char>(user.front()));
      user.remove_prefix(1);
    }
  }
  append_name(user);
}

std::size_t column_count(std::string_view text) noexcept {
  return static_cast<std::size_t>(std::count_if(text.begin(), text.end(), [](char c) {
    return (static_cast<unsigned char>(c) & 0xc0) != 0x80;
  }));
}

}  // namespace rpcaudit::audit
