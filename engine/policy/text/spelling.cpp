#include "engine/policy/text/spelling.h"

#include <algorithm>
#include <vector>

#include "engine/policy/text/source_text.h"

namespace rpcaudit::policy {
namespace {

constexpr std::size_t kQuotedSizeMax = 80;
constexpr std::size_t kSuggestedSizeMax = 64;  // longer texts are no misspelt names

// Insertions, deletions, substitutions and swaps of neighbours that turn `a` into `b`.
std::size_t edit_distance(std::string_view a, std::string_view b) {
  std::vector<std::size_t> before_previous(b.size() + 1);
  std::vector<std::size_t> previous(b.size() + 1);
  std::vector<std::size_t> current(b.size() + 1);
  for (std::size_t j = 0; j <= b.size(); ++j) previous[j] = j;
  for (std::size_t i = 1; i <= a.size(); ++i) {
    current[0] = i;
    for (std::size_t j = 1; j <= b.size(); ++j) {
      const std::size_t cost = to_lower(a[i - 1]) == to_lower(b[j - 1]) ? 0 : 1;
      current[j] = std::min({previous[j] + 1, current[j - 1] + 1, previous[j - 1] + cost});
      const bool swapped = i > 1 && j > 1 && to_lower(a[i - 1]) == to_lower(b[j - 2]) &&
                           to_lower(a[i - 2]) == to_lower(b[j - 1]);
      if (swapped) current[j] = std::min(current[j], before_previous[j - 2] + 1);
    }
    std::swap(before_previous, previous);
    std::swap(previous, current);
  }
  return previous[b.size()];
}

// Control characters, and the marks that turn the direction of text around.
bool steers_terminal(char32_t c) noexcept {
  return c < 0x20 || (c >= 0x7f && c <= 0x9f) || (c >= 0x200b && c <= 0x200f) ||
         (c >= 0x2028 && c <= 0x202e) || (c >= 0x2060 && c <= 0x206f) || c == 0xfeff;
}

}  // namespace

std::string to_lower(std::string_view text) {
  std::string lower(text);
  for (char& c : lower) c = to_lower(c);
  return lower;
}

bool equal_ignoring_case(std::string_view a, std::string_view b) noexcept {
  return a.size() == b.size() && starts_with_ignoring_case(a, b);
}

bool starts_with_ignoring_case(std::string_view text, std::string_view prefix) noexcept {
  if (text.size() < prefix.size()) return false;
  for (std::size_t i = 0; i < prefix.size(); ++i) {
    if (to_lower(text[i]) != to_lower(prefix[i])) return false;
  }
  return true;
}

std::string_view trimmed(std::string_view text) noexcept {
  const std::size_t begin = text.find_first_not_of(" \t\r");
  if (begin == std::string_view::npos) return {};
  return text.substr(begin, text.find_last_not_of(" \t\r") - begin + 1);
}

std::string_view nearest_name(std::string_view text, std::span<const std::string_view> names) {
  if (text.empty() || text.size() > kSuggestedSizeMax) return {};
  std::string_view nearest;
  std::size_t nearest_distance = std::max<std::size_t>(1, text.size() / 3) + 1;
  for (const std::string_view name : names) {
    const std::size_t distance = edit_distance(text, name);
    if (distance < nearest_distance) {
      nearest = name;
      nearest_distance = distance;
    }
  }
  return nearest;
}

NameMatch match_name(std::string_view text, std::span<const std::string_view> names) noexcept {
  NameMatch match;
  if (text.empty()) return match;
  for (std::size_t i = 0; i < names.size(); ++i) {
    if (!starts_with_ignoring_case(names[i], text)) continue;
    if (names[i].size() == text.size()) return {NameMatch::Kind::exact, i};
    match = {match.kind == NameMatch::Kind::none ? NameMatch::Kind::abbreviated
                                                 : NameMatch::Kind::ambiguous,
             i};
  }
  return match;
}

std::string printable(std::string_view text) {
  std::string out;
  for_each_code_point(text, [&out](char32_t c) {
    if (c == '\t') {
      out += ' ';
    } else if (steers_terminal(c)) {
      out += '?';
    } else {
      append_utf8(c, out);
    }
  });
  return out;
}

std::string quoted(std::string_view text) {
  const bool cut = text.size() > kQuotedSizeMax;
  if (cut) {
    std::size_t size = kQuotedSizeMax;
    while (size > 0 && (static_cast<unsigned char>(text[size]) & 0xc0) == 0x80) --size;
    text = text.substr(0, size);
  }
  return '`' + printable(text) + (cut ? "..." : "") + '`';
}

void append_long_utf8(char32_t code_point, std::string& out) {
  const bool is_surrogate = code_point >= 0xd800 && code_point <= 0xdfff;
  if (is_surrogate || code_point > 0x10ffff) code_point = 0xfffd;
  const auto put = [&out](char32_t byte) { out += static_cast<char>(byte); };
  if (code_point < 0x800) {
    put(0xc0 | code_point >> 6);
    put(0x80 | (code_point & 0x3f));
  } else if (code_point < 0x10000) {
    put(0xe0 | code_point >> 12);
    put(0x80 | (code_point >> 6 & 0x3f));
    put(0x80 | (code_point & 0x3f));
  } else {
    put(0xf0 | code_point >> 18);
    put(0x80 | (code_point >> 12 & 0x3f));
    put(0x80 | (code_point >> 6 & 0x3f));
    put(0x80 | (code_point & 0x3f));
  }
}

}  // namespace rpcaudit::policy
