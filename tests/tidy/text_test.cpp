// The house rules of CONTRIBUTING.md about lines and files.

#include <gtest/gtest.h>

#include <algorithm>
#include <cctype>
#include <string>
#include <string_view>
#include <utility>

#include "tests/tidy/sources.h"

namespace rpcaudit::test {
namespace {

constexpr std::size_t kColumnsMax = 100;
constexpr std::size_t kLinesMax = 400;

// Calls `find_fault(source, line)`, which returns what is wrong or nothing, for every line.
template <typename FindFault>
void check_lines(FindFault find_fault) {
  for (const Source& source : all_sources()) {
    for (std::size_t i = 0; i < source.lines.size(); ++i) {
      const std::string fault = find_fault(source, source.lines[i]);
      if (!fault.empty()) ADD_FAILURE() << source.path << ":" << i + 1 << ": " << fault;
    }
  }
}

std::size_t columns(std::string_view line) {
  return static_cast<std::size_t>(std::count_if(line.begin(), line.end(), [](char c) {
    return (static_cast<unsigned char>(c) & 0xc0) != 0x80;  // not inside a UTF-8 character
  }));
}

bool contains_word(std::string_view line, std::string_view word) {
  const auto is_word = [](char c) { return std::isalnum(static_cast<unsigned char>(c)) != 0; };
  for (std::size_t at = line.find(word); at != std::string_view::npos;
       at = line.find(word, at + 1)) {
    const bool begins = at == 0 || !is_word(line[at - 1]);
    const std::size_t end = at + word.size();
    if (begins && (end == line.size() || !is_word(line[end]))) return true;
  }
  return false;
}

TEST(Tidy, FindsTheSources) { EXPECT_GT(all_sources().size(), 20u); }

TEST(Tidy, LinesFitIn100Columns) {
  check_lines([](const Source& source, std::string_view line) -> std::string {
    if (source.path.ends_with(".md") || columns(line) <= kColumnsMax) return {};
    return std::to_string(columns(line)) + " columns";
  });
}

TEST(Tidy, NoTabsAndNoTrailingSpaces) {
  check_lines([](const Source&, std::string_view line) -> std::string {
    if (line.find('\t') != std::string_view::npos) return "a tab";
    if (line.ends_with(' ')) return "a trailing space";
    if (line.ends_with('\r')) return "a carriage return";
    return {};
  });
}

// Spelled in halves, so that this file does not find itself.
constexpr std::pair<const char*, const char*> kMarks[] = {
    {"TO", "DO"}, {"FIX", "ME"}, {"XX", "X"}, {"HA", "CK"}};

TEST(Tidy, NothingIsMarkedUnfinished) {
  check_lines([](const Source&, std::string_view line) -> std::string {
    for (const auto& [begin, end] : kMarks) {
      const std::string word = std::string(begin) + end;
      if (contains_word(line, word)) return "is marked " + word;
    }
    return {};
  });
}

TEST(Tidy, FilesFitIn400Lines) {
  for (const Source& source : all_sources()) {
    if (!is_code(source) || source.path.starts_with("tests/")) continue;
    EXPECT_LE(source.lines.size(), kLinesMax) << source.path;
  }
}

TEST(Tidy, HeadersBeginWithPragmaOnce) {
  for (const Source& source : all_sources()) {
    if (!source.path.ends_with(".h")) continue;
    const auto first = std::find_if(
        source.lines.begin(), source.lines.end(),
        [](const std::string& line) { return !line.empty() && !line.starts_with("//"); });
    ASSERT_NE(first, source.lines.end()) << source.path;
    EXPECT_EQ(*first, "#pragma once") << source.path;
  }
}

}  // namespace
}  // namespace rpcaudit::test
