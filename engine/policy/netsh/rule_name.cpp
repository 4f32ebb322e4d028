#include "engine/policy/netsh/rule_name.h"

#include <cstdio>
#include <optional>
#include <string_view>

#include "engine/policy/netsh/printer.h"
#include "engine/policy/text/spelling.h"

namespace rpcaudit::policy {
namespace {

constexpr std::size_t kNameBytesMax = 120;
constexpr std::string_view kNetshName = "RPCFilter";  // that netsh gives to every filter

std::string_view without_spaces(std::string_view text) {
  const std::size_t begin = text.find_first_not_of(" \t");
  if (begin == std::string_view::npos) return {};
  return text.substr(begin, text.find_last_not_of(" \t") - begin + 1);
}

// What the line says when it is a comment of netsh, of a batch file or of PowerShell.
std::optional<std::string_view> comment_of(std::string_view line) {
  line = without_spaces(line);
  const std::size_t marks = line.find_first_not_of("#;");
  if (marks != 0 && !line.empty()) {
    return marks == std::string_view::npos ? std::string_view()
                                           : without_spaces(line.substr(marks));
  }
  if (line.starts_with("::")) return without_spaces(line.substr(2));
  if (line.size() > 3 && to_lower(line.substr(0, 4)) == "rem ") {
    return without_spaces(line.substr(4));
  }
  return std::nullopt;
}

std::string shortened(std::string_view text) {
  if (text.size() <= kNameBytesMax) return std::string(text);
  std::size_t size = kNameBytesMax;
  while (size > 0 && (static_cast<unsigned char>(text[size]) & 0xc0) == 0x80) --size;
  return std::string(text.substr(0, size)) + "...";
}

std::string comment_above(const SourceText& source, std::size_t line) {
  std::string first;
  while (line > 1) {
    const std::optional<std::string_view> comment = comment_of(source.line(--line));
    if (!comment) break;
    if (!comment->empty()) first = shortened(*comment);
  }
  return first;
}

// FNV-1a, 32 bits.
std::uint32_t digest_of(std::string_view text) noexcept {
  std::uint32_t hash = 0x811c9dc5;
  for (const char c : text) hash = (hash ^ static_cast<unsigned char>(c)) * 0x01000193;
  return hash;
}

}  // namespace

void name_by_comments(const SourceText& source, std::uint32_t file, Policy& policy) {
  for (Filter& filter : policy.filters) {
    if (filter.span.file != file || !filter.name.empty()) continue;
    filter.name = comment_above(source, filter.span.line);
  }
}

std::string rule_name(const Filter& filter) {
  if (!filter.name.empty() && filter.name != kNetshName) return filter.name;
  char digits[9];
  std::snprintf(digits, sizeof digits, "%08x", digest_of(describe(filter)));
  std::string name(to_string(filter.action));
  name += '-';
  name += to_string(filter.layer);
  return name + '-' + digits;
}

}  // namespace rpcaudit::policy
