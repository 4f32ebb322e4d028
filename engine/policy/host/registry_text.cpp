#include <algorithm>
#include <string>

#include "engine/policy/host/registry_dialects.h"
#include "engine/policy/text/spelling.h"

namespace rpcaudit::policy {
namespace {

constexpr std::string_view kBlanks = " \t\r\n\f\v";

// Where `part`, a piece of `line`, stands.
SourceSpan span_of(std::uint32_t file, std::size_t number, std::string_view line,
                   std::string_view part) noexcept {
  const auto code_points = [](std::string_view text) {
    return static_cast<std::uint32_t>(std::count_if(text.begin(), text.end(), [](char c) {
      return (static_cast<unsigned char>(c) & 0xc0) != 0x80;
    }));
  };
  const auto offset = static_cast<std::size_t>(part.data() - line.data());
  return {file, static_cast<std::uint32_t>(number), code_points(line.substr(0, offset)) + 1,
          std::max<std::uint32_t>(1, code_points(part))};
}

std::size_t first_of_any_blank(std::string_view text) noexcept {
  return std::min(text.find_first_of(kBlanks), text.size());
}

// Takes the next word off the front of `rest`.
std::string_view take_word(std::string_view& rest) noexcept {
  rest = trimmed(rest);
  const std::string_view word = rest.substr(0, first_of_any_blank(rest));
  rest = trimmed(rest.substr(word.size()));
  return word;
}

void split_at(std::string_view text, std::string_view separator, std::vector<std::string>& parts) {
  while (true) {
    const std::size_t at = text.find(separator);
    const std::string_view part = text.substr(0, at);
    if (!part.empty()) parts.emplace_back(part);
    if (at == std::string_view::npos) return;
    text.remove_prefix(at + separator.size());
  }
}

// Data as `reg query` and security templates write it, into the alternatives of `value`. False: no
// data of that type.
bool read_data(std::string_view text, RegistryValue& value, std::string_view separator) {
  switch (value.type) {
    case RegistryType::dword:
    case RegistryType::qword: {
      const auto number = RegistryApplier::number_of(text);
      const std::uint64_t most = value.type == RegistryType::dword ? 0xffff'ffffu : ~0ull;
      if (!number || *number > most) return false;
      value.number = *number;
      return true;
    }
    case RegistryType::multi_string: split_at(text, separator, value.texts); return true;
    case RegistryType::string:
    case RegistryType::expand_string: value.texts.emplace_back(text); return true;
    case RegistryType::none:
    case RegistryType::binary:
    case RegistryType::dword_big_endian: break;
  }
  return true;  // of no RPC value
}

void report_data(const RegistryValue& value, std::string_view text, Reporter& reporter) {
  reporter.error("bad-registry-data", value.span, quoted(text) + " is no data of the value's type");
}

std::string_view unquoted(std::string_view text) noexcept {
  const bool is_quoted = text.size() >= 2 && text.front() == '"' && text.back() == '"';
  return is_quoted ? text.substr(1, text.size() - 2) : text;
}

}  // namespace

void read_reg_query(const SourceText& source, std::uint32_t file, RegistryApplier& values,
                    Reporter& reporter) {
  std::string key;
  for (std::size_t number = 1; number <= source.line_count() && !reporter.is_full(); ++number) {
    const std::string_view line = source.line(number);
    std::string_view rest = trimmed(line);
    if (rest.empty()) continue;
    if (starts_with_ignoring_case(rest, "HKEY_") || starts_with_ignoring_case(rest, "HKLM\\")) {
      key = rest;
      continue;
    }
    // The name may have blanks in it, the type has none.
    const std::size_t at = rest.find("REG_");
    if (at == std::string_view::npos || at == 0) continue;  // `End of search: 1 match(es) found.`
    RegistryValue value;
    value.key = key;
    const std::string_view name = trimmed(rest.substr(0, at));
    value.name = name == "(Default)" ? std::string_view() : name;
    rest.remove_prefix(at);
    const std::string_view type_name = take_word(rest);
    const auto type = RegistryApplier::type_of(type_name);
    value.span = span_of(file, number, line, rest.empty() ? type_name : rest);
    if (!type) {
      reporter.error("unknown-registry-type", value.span,
                     "unknown type " + quoted(type_name) + " of registry data");
      continue;
    }
    value.type = *type;
    if (key.empty()) {
      reporter.error("value-without-key", value.span, "no key stands above the value",
                     "take the whole output of `reg query`");
    } else if (!read_data(rest, value, "\\0")) {
      report_data(value, rest, reporter);
    } else {
      values.apply(value);
    }
  }
}

void read_security_template(const SourceText& source, std::uint32_t file, RegistryApplier& values,
                            Reporter& reporter) {
  bool inside = false;  // of [Registry Values]
  for (std::size_t number = 1; number <= source.line_count() && !reporter.is_full(); ++number) {
    const std::string_view line = source.line(number);
    const std::string_view text = trimmed(line);
    if (text.empty() || text.front() == ';') continue;
    if (text.front() == '[') {
      inside = equal_ignoring_case(text, "[Registry Values]");
      continue;
    }
    if (!inside) continue;
    const std::size_t equals = text.find('=');
    const std::size_t comma = text.find(',', std::min(equals, text.size()));
    if (equals == std::string_view::npos || comma == std::string_view::npos) {
      reporter.error("bad-registry-line", span_of(file, number, line, text),
                     "a registry value is written `MACHINE\\key\\name=type,data`");
      continue;
    }
    const std::string_view path = unquoted(trimmed(text.substr(0, equals)));
    const std::string_view type = trimmed(text.substr(equals + 1, comma - equals - 1));
    const std::string_view data = trimmed(text.substr(comma + 1));
    RegistryValue value;
    value.span = span_of(file, number, line, data.empty() ? text : data);
    // A value's name may hold a `/` but no `\`.
    const std::size_t last = path.rfind('\\');
    if (last == std::string_view::npos) {
      reporter.error("bad-registry-line", span_of(file, number, line, path),
                     quoted(path) + " has no key");
      continue;
    }
    value.key = path.substr(0, last);
    value.name = path.substr(last + 1);
    value.type = static_cast<RegistryType>(
        std::min<std::uint64_t>(RegistryApplier::number_of(type).value_or(0), 11));
    if (!read_data(unquoted(data), value, ",")) {
      report_data(value, data, reporter);
    } else {
      values.apply(value);
    }
  }
}

void read_lgpo_text(const SourceText& source, std::uint32_t file, RegistryApplier& values,
                    Reporter& reporter) {
  std::vector<std::size_t> block;
  const auto finish_block = [&] {
    if (block.empty()) return;
    const std::vector<std::size_t> lines = std::exchange(block, {});
    const std::string_view last = source.line(lines.back());
    RegistryValue value;
    value.span = span_of(file, lines.back(), last, last);
    if (lines.size() != 4) {
      return reporter.error("bad-lgpo-entry", value.span,
                            "an entry has four lines: `Computer`, key, name, action");
    }
    if (!equal_ignoring_case(trimmed(source.line(lines[0])), "Computer")) return;
    value.key = trimmed(source.line(lines[1]));
    value.name = trimmed(source.line(lines[2]));
    const std::string_view action = trimmed(last);
    const std::size_t colon = std::min(action.find(':'), action.size());
    const std::string_view verb = action.substr(0, colon);
    const std::string_view data = action.substr(std::min(colon + 1, action.size()));
    if (equal_ignoring_case(verb, "DELETE")) {
      value.deleted = true;
      return values.apply(value);
    }
    if (equal_ignoring_case(verb, "DELETEALLVALUES")) {
      return values.remove_key(value.key, value.span);
    }
    const std::string long_name = "REG_" + std::string(verb);
    const auto type = RegistryApplier::type_of(long_name);
    if (!type) {
      return reporter.error("unknown-registry-type", value.span,
                            "unknown action " + quoted(verb) + " of an LGPO entry");
    }
    value.type = *type;
    if (!read_data(data, value, "\\0")) return report_data(value, data, reporter);
    values.apply(value);
  };
  for (std::size_t number = 1; number <= source.line_count() && !reporter.is_full(); ++number) {
    const std::string_view text = trimmed(source.line(number));
    if (text.starts_with(';')) continue;
    if (text.empty()) {
      finish_block();
    } else {
      block.push_back(number);
    }
  }
  finish_block();
}

}  // namespace rpcaudit::policy
