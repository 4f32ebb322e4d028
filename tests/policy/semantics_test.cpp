// The page of statements and the tests hold each other: engine/policy/semantics.md.

#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>
#include <iterator>
#include <map>
#include <set>
#include <sstream>
#include <string>
#include <string_view>

#include "tests/support/places.h"

namespace rpcaudit::policy {
namespace {

namespace fs = std::filesystem;

constexpr std::string_view kDigitsAndDots = "0123456789.";

// `3.5.2` at the place, without a final dot; empty when there is none.
std::string number_at(std::string_view text, std::size_t at) {
  if (at >= text.size()) return {};
  std::string_view number = text.substr(at);
  number = number.substr(0, number.find_first_not_of(kDigitsAndDots));
  while (number.ends_with('.')) number.remove_suffix(1);
  return std::string(number);
}

// The numbers of the page's rows; a number without a statement or a mark is none.
std::set<std::string> statements() {
  std::ifstream page(fs::path(source_folder()) / "engine" / "policy" / "semantics.md");
  std::set<std::string> numbers;
  for (std::string line; std::getline(page, line);) {
    if (!line.starts_with("| ")) continue;
    const std::string number = number_at(line, 2);
    if (number.empty()) continue;
    EXPECT_TRUE(numbers.insert(number).second) << number << " stands twice";
    const std::size_t mark = line.rfind(" | ");
    EXPECT_EQ(line.find_first_not_of("DOI? |", mark), std::string::npos) << line;
    EXPECT_GT(mark, number.size() + 10) << line;
  }
  return numbers;
}

// What the tests cite, and where.
std::map<std::string, std::string> citations() {
  constexpr std::string_view kCitation = "[semantics] ";
  std::map<std::string, std::string> cited;
  for (const auto& entry : fs::recursive_directory_iterator(fs::path(source_folder()) / "tests")) {
    if (entry.path().extension() != ".cpp" || entry.path().filename() == "semantics_test.cpp") {
      continue;
    }
    std::ifstream file(entry.path());
    const std::string text{std::istreambuf_iterator<char>(file), {}};
    for (std::size_t at = text.find(kCitation); at != std::string::npos;
         at = text.find(kCitation, at)) {
      at += kCitation.size();
      // `1.1.8, 1.1.11`
      for (std::string number = number_at(text, at); !number.empty();
           number = number_at(text, at)) {
        cited[number] += ' ' + entry.path().filename().string();
        at += number.size();
        if (text.compare(at, 2, ", ") != 0) break;
        at += 2;
      }
    }
  }
  return cited;
}

TEST(Semantics, EveryStatementIsNamedByATest) {
  const auto cited = citations();
  const std::set<std::string> all = statements();
  EXPECT_GT(all.size(), 80u);
  for (const std::string& number : all) {
    EXPECT_TRUE(cited.contains(number)) << "no test names " << number;
  }
}

TEST(Semantics, TestsNameStatementsOfThePage) {
  const std::set<std::string> all = statements();
  for (const auto& [number, files] : citations()) {
    EXPECT_TRUE(all.contains(number)) << number << " is cited in" << files;
  }
}

}  // namespace
}  // namespace rpcaudit::policy
