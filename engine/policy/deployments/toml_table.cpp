#include "engine/policy/deployments/toml_table.h"

#include <algorithm>
#include <chrono>

#include "engine/policy/text/spelling.h"

namespace rpcaudit::policy {

SourceSpan span_of(const toml::source_region& region, std::uint32_t file) noexcept {
  SourceSpan span{file, region.begin.line, region.begin.column, 1};
  if (region.end.line == region.begin.line && region.end.column > region.begin.column) {
    span.length = region.end.column - region.begin.column;
  }
  return span;
}

namespace {

bool is_tripled(std::string_view text, std::size_t at) noexcept {
  return at + 2 < text.size() && text[at] == text[at + 1] && text[at] == text[at + 2];
}

// Where the string that begins at `at` ends: behind its closing quotes, or at the end of its line
// or of the text when there are none (TOML 1.0.0, String).
std::size_t end_of_string(std::string_view text, std::size_t at) noexcept {
  const char quote = text[at];
  const bool is_long = is_tripled(text, at);
  const std::size_t width = is_long ? 3u : 1u;
  for (std::size_t i = at + width; i < text.size(); ++i) {
    if (text[i] == '\\' && quote == '"') {
      ++i;
    } else if (!is_long && text[i] == '\n') {
      return i;
    } else if (text[i] == quote && (!is_long || is_tripled(text, i))) {
      return i + width;
    }
  }
  return text.size();
}

}  // namespace

std::optional<SourceSpan> find_deep_key(std::string_view text, std::size_t parts_max,
                                        std::uint32_t file) noexcept {
  std::uint32_t line = 1;
  std::size_t dots = 0;  // in the key at hand
  for (std::size_t i = 0; i < text.size();) {
    switch (text[i]) {
      case '"':
      case '\'': {
        const std::size_t end = end_of_string(text, i);
        line += static_cast<std::uint32_t>(std::count(&text[i], text.data() + end, '\n'));
        i = end;
        continue;
      }
      case '#': i = std::min(text.find('\n', i), text.size()); continue;
      case '.':
        if (++dots < parts_max) break;
        return SourceSpan{file, line, 1, 1};
      case '\n':
        ++line;
        dots = 0;
        break;
      case '=':
      case ',':
      case '[':
      case ']':
      case '{':
      case '}': dots = 0; break;
      default: break;
    }
    ++i;
  }
  return std::nullopt;
}

const toml::node* TomlTable::find(std::string_view key) {
  known_.push_back(key);
  return table_.get(key);
}

void TomlTable::refuse(std::string_view key, const toml::node& node, std::string_view wanted) {
  reporter_.error("bad-value", span(node), quoted(key) + " is to be " + std::string(wanted));
}

std::optional<Placed<std::string>> TomlTable::text(std::string_view key) {
  const toml::node* const node = find(key);
  if (node == nullptr) return std::nullopt;
  const toml::value<std::string>* const value = node->as_string();
  if (value == nullptr || value->get().empty()) {
    refuse(key, *node, "a string that is not empty");
    return std::nullopt;
  }
  return Placed<std::string>{value->get(), span(*node)};
}

std::optional<Placed<std::int64_t>> TomlTable::number(std::string_view key, std::int64_t low,
                                                      std::int64_t high) {
  const toml::node* const node = find(key);
  if (node == nullptr) return std::nullopt;
  const toml::value<std::int64_t>* const value = node->as_integer();
  if (value == nullptr || value->get() < low || value->get() > high) {
    refuse(key, *node, "a number from " + std::to_string(low) + " to " + std::to_string(high));
    return std::nullopt;
  }
  return Placed<std::int64_t>{value->get(), span(*node)};
}

std::optional<Placed<bool>> TomlTable::truth(std::string_view key) {
  const toml::node* const node = find(key);
  if (node == nullptr) return std::nullopt;
  if (const auto* value = node->as_boolean()) return Placed<bool>{value->get(), span(*node)};
  const auto* const number = node->as_integer();
  if (number == nullptr || number->get() < 0 || number->get() > 1) {
    refuse(key, *node, "`true` or `false`");
    return std::nullopt;
  }
  return Placed<bool>{number->get() == 1, span(*node)};
}

std::optional<Placed<std::int64_t>> TomlTable::time(std::string_view key) {
  const toml::node* const node = find(key);
  if (node == nullptr) return std::nullopt;
  const auto* const value = node->as_date_time();
  // Nanoseconds of other years do not fit.
  const bool fits = value != nullptr && value->get().date.year >= 1970 &&
                    value->get().date.year < 2262 && value->get().offset;
  if (!fits) {
    refuse(key, *node, "a time with its offset, `2026-11-21T06:00:00Z`");
    return std::nullopt;
  }
  const toml::date_time& at = value->get();
  const std::chrono::year_month_day date{std::chrono::year(at.date.year),
                                         std::chrono::month(at.date.month),
                                         std::chrono::day(at.date.day)};
  const std::int64_t days = std::chrono::sys_days(date).time_since_epoch().count();
  const std::int64_t minutes =
      days * 24 * 60 + at.time.hour * 60 + at.time.minute - at.offset->minutes;
  return Placed<std::int64_t>{(minutes * 60 + at.time.second) * 1'000'000'000 + at.time.nanosecond,
                              span(*node)};
}

std::vector<Placed<std::string>> TomlTable::texts(std::string_view key) {
  std::vector<Placed<std::string>> texts;
  const toml::node* const node = find(key);
  if (node == nullptr) return texts;
  const auto take = [&](const toml::node& one) {
    const auto* const value = one.as_string();
    if (value == nullptr || value->get().empty()) {
      refuse(key, one, "a list of strings that are not empty");
    } else {
      texts.push_back({value->get(), span(one)});
    }
  };
  if (const toml::array* const array = node->as_array()) {
    for (const toml::node& one : *array) take(one);
  } else {
    take(*node);
  }
  return texts;
}

std::vector<Placed<std::string>> TomlTable::texts_or_numbers(std::string_view key) {
  std::vector<Placed<std::string>> texts;
  const toml::node* const node = find(key);
  if (node == nullptr) return texts;
  const auto take = [&](const toml::node& one) {
    if (const auto* text = one.as_string()) {
      texts.push_back({text->get(), span(one)});
    } else if (const auto* number = one.as_integer()) {
      texts.push_back({std::to_string(number->get()), span(one)});
    } else {
      refuse(key, one, "a list of strings or numbers");
    }
  };
  if (const toml::array* const array = node->as_array()) {
    for (const toml::node& one : *array) take(one);
  } else {
    take(*node);
  }
  return texts;
}

const toml::table* TomlTable::table(std::string_view key) {
  const toml::node* const node = find(key);
  if (node == nullptr) return nullptr;
  if (!node->is_table()) refuse(key, *node, "a table");
  return node->as_table();
}

std::vector<const toml::table*> TomlTable::tables(std::string_view key) {
  std::vector<const toml::table*> tables;
  const toml::node* const node = find(key);
  if (node == nullptr) return tables;
  const toml::array* const array = node->as_array();
  if (array == nullptr) {
    refuse(key, *node, "a list of tables, each written as [[" + std::string(key) + "]]");
    return tables;
  }
  for (const toml::node& one : *array) {
    if (one.is_table()) {
      tables.push_back(one.as_table());
    } else {
      refuse(key, one, "a list of tables");
    }
  }
  return tables;
}

void TomlTable::refuse_other_keys() {
  for (const auto& [key, node] : table_) {
    const std::string_view name = key.str();
    if (std::find(known_.begin(), known_.end(), name) != known_.end()) continue;
    SourceSpan place = span_of(key.source(), file_);
    if (place.line == 0) place = span(node);
    const std::string_view nearest = nearest_name(name, known_);
    std::string hint;
    if (!nearest.empty()) {
      hint = "did you mean " + quoted(nearest) + "?";
    } else {
      hint = "known here:";
      for (const std::string_view known : known_) (hint += ' ') += known;
    }
    reporter_.error("unknown-key", place, "unknown key " + quoted(name), hint);
  }
}

}  // namespace rpcaudit::policy
