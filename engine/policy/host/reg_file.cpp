#include <algorithm>
#include <charconv>
#include <string>

#include "engine/policy/host/registry_dialects.h"
#include "engine/policy/text/spelling.h"

namespace rpcaudit::policy {
namespace {

constexpr std::size_t kDataBytesMax = std::size_t{1} << 20;

// One value of a .reg file, continuation lines joined.
struct Entry {
  std::string text;
  std::uint32_t line = 0;
};

// Takes a quoted string off the front of `rest`: `\\` and `\"` are escapes.
bool take_string(std::string_view& rest, std::string& out) {
  if (!rest.starts_with('"')) return false;
  for (std::size_t i = 1; i < rest.size(); ++i) {
    if (rest[i] == '"') {
      rest = trimmed(rest.substr(i + 1));
      return true;
    }
    if (rest[i] == '\\' && i + 1 < rest.size()) ++i;
    out += rest[i];
  }
  return false;
}

bool read_hex_bytes(std::string_view text, std::string& bytes) {
  while (!trimmed(text).empty()) {
    const std::size_t comma = text.find(',');
    const std::string_view digits = trimmed(text.substr(0, comma));
    unsigned byte = 0;
    const auto [at, error] =
        std::from_chars(digits.data(), digits.data() + digits.size(), byte, 16);
    if (error != std::errc() || at != digits.data() + digits.size() || byte > 0xff) return false;
    bytes += static_cast<char>(byte);
    if (bytes.size() > kDataBytesMax) return false;
    text = comma == std::string_view::npos ? std::string_view() : text.substr(comma + 1);
  }
  return true;
}

// The strings in `bytes`, each with a zero behind it; two bytes a character unless `ansi`.
std::vector<std::string> strings_of(std::string_view bytes, bool ansi) {
  std::vector<std::string> texts;
  std::string text;
  const std::size_t width = ansi ? 1 : 2;
  for (std::size_t i = 0; i + width <= bytes.size(); i += width) {
    const auto low = static_cast<unsigned char>(bytes[i]);
    const auto high = ansi ? 0u : static_cast<unsigned char>(bytes[i + 1]);
    const char32_t c = low | high << 8;
    if (c != 0) {
      append_utf8(c, text);
    } else if (!text.empty()) {
      texts.push_back(std::exchange(text, {}));
    }
  }
  if (!text.empty()) texts.push_back(text);
  return texts;
}

// `dword:00000001`, `"text"`, `hex(7):35,00,...`, `-`. False: none of them.
bool read_data(std::string_view text, bool ansi, RegistryValue& value) {
  if (text == "-") {
    value.deleted = true;
    return true;
  }
  if (text.starts_with('"')) {
    value.type = RegistryType::string;
    return take_string(text, value.texts.emplace_back()) && text.empty();
  }
  if (starts_with_ignoring_case(text, "dword:")) {
    const std::string_view digits = trimmed(text.substr(6));
    value.type = RegistryType::dword;
    std::uint32_t number = 0;
    const auto [at, error] =
        std::from_chars(digits.data(), digits.data() + digits.size(), number, 16);
    value.number = number;
    return error == std::errc() && at == digits.data() + digits.size();
  }
  const std::size_t colon = text.find(':');
  if (!starts_with_ignoring_case(text, "hex") || colon == std::string_view::npos) return false;
  std::string_view kind = text.substr(3, colon - 3);
  unsigned type = 3;
  if (!kind.empty()) {
    if (kind.front() != '(' || kind.back() != ')') return false;
    kind = kind.substr(1, kind.size() - 2);
    const auto [at, error] = std::from_chars(kind.data(), kind.data() + kind.size(), type, 16);
    if (error != std::errc() || at != kind.data() + kind.size()) return false;
  }
  std::string bytes;
  if (!read_hex_bytes(text.substr(colon + 1), bytes)) return false;
  value.type = static_cast<RegistryType>(type);
  if (value.type == RegistryType::dword) {
    if (bytes.size() != 4) return false;
    for (std::size_t i = 4; i-- > 0;) {
      value.number = value.number << 8 | static_cast<unsigned char>(bytes[i]);
    }
  } else {
    value.texts = strings_of(bytes, ansi);
  }
  return true;
}

class RegFileReader {
 public:
  RegFileReader(std::uint32_t file, bool ansi, RegistryApplier& values, Reporter& reporter)
      : file_(file), ansi_(ansi), values_(values), reporter_(reporter) {}

  void read(const Entry& entry) {
    const std::string_view text = entry.text;
    if (text.front() == '[') return read_key(entry);
    std::string_view rest = text;
    RegistryValue value;
    value.key = key_;
    value.span = {file_, entry.line, 1, static_cast<std::uint32_t>(entry.text.size())};
    if (rest.front() == '@') {
      rest = trimmed(rest.substr(1));
    } else if (!take_string(rest, value.name)) {
      return reporter_.error("bad-registry-line", value.span,
                             quoted(text) + " is neither a key nor a value");
    }
    if (!rest.starts_with('=') || !read_data(trimmed(rest.substr(1)), ansi_, value)) {
      if (!RegistryApplier::knows(value.key, value.name)) {
        values_.skip();
        return reporter_.warning("bad-registry-data", value.span,
                                 "the data of " + quoted(value.name) +
                                     " cannot be read; regedit leaves the line out, too");
      }
      return reporter_.error("bad-registry-data", value.span,
                             "the data of " + quoted(value.name) + " cannot be read",
                             "a number is written `dword:00000001`, a text in quotation marks");
    }
    if (key_.empty()) {
      return reporter_.error("value-without-key", value.span, "no key stands above the value");
    }
    values_.apply(value);
  }

 private:
  void read_key(const Entry& entry) {
    const SourceSpan span{file_, entry.line, 1, static_cast<std::uint32_t>(entry.text.size())};
    std::string_view text = entry.text;
    if (text.back() != ']') {
      key_.clear();
      return reporter_.error("bad-registry-line", span, "the key has no `]` at its end");
    }
    text = text.substr(1, text.size() - 2);
    if (text.starts_with('-')) {
      key_.clear();
      return values_.remove_key(text.substr(1), span);
    }
    key_ = text;
  }

  std::uint32_t file_;
  bool ansi_;
  RegistryApplier& values_;
  Reporter& reporter_;
  std::string key_;
};

}  // namespace

void read_reg_file(const SourceText& source, std::uint32_t file, RegistryApplier& values,
                   Reporter& reporter) {
  // Lines may stand before its head where the file is a part of a page.
  std::size_t number = 1;
  while (number < source.line_count() && trimmed(source.line(number)).empty()) ++number;
  const std::string_view head = trimmed(source.line(number));
  RegFileReader reader(file, starts_with_ignoring_case(head, "REGEDIT4"), values, reporter);
  for (++number; number <= source.line_count() && !reporter.is_full(); ++number) {
    Entry entry{std::string(trimmed(source.line(number))), static_cast<std::uint32_t>(number)};
    if (entry.text.empty() || entry.text.front() == ';') continue;
    while (entry.text.back() == '\\' && entry.text.front() != '[' && number < source.line_count() &&
           entry.text.size() < kDataBytesMax * 4) {
      entry.text.pop_back();
      entry.text += trimmed(source.line(++number));
      if (entry.text.empty()) break;
    }
    if (!entry.text.empty()) reader.read(entry);
  }
}

}  // namespace rpcaudit::policy
