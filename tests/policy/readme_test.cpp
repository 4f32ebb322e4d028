// The page about the policies lists every code that the stage can emit.

#include <gtest/gtest.h>

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <string>
#include <string_view>
#include <vector>

#include "engine/policy/target.h"

namespace rpcaudit {
namespace {

namespace fs = std::filesystem;

std::string content(const fs::path& path) {
  std::ifstream file(path);
  return {std::istreambuf_iterator<char>(file), {}};
}

// The literals that stand first in calls that report something.
std::vector<std::string> emitted_codes(std::string_view source) {
  std::vector<std::string> codes;
  for (const std::string_view call : {"error(", "warning(", "note(", "warning_once(", "fail("}) {
    for (std::size_t at = source.find(call); at != std::string_view::npos;
         at = source.find(call, at + 1)) {
      const std::size_t quote = source.find_first_not_of(" \n", at + call.size());
      if (quote == std::string_view::npos || source[quote] != '"') continue;
      const std::string_view code =
          source.substr(quote + 1, source.find('"', quote + 1) - quote - 1);
      const bool is_code = std::all_of(code.begin(), code.end(), [](char c) {
        return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '-';
      });
      if (is_code) codes.emplace_back(code);
    }
  }
  return codes;
}

TEST(PolicyReadme, ListsEveryCode) {
  const fs::path folder = fs::path(RPCAUDIT_SOURCE_DIR) / "engine" / "policy";
  const std::string readme = content(folder / "README.md");
  std::size_t count = 0;
  for (const fs::directory_entry& entry : fs::directory_iterator(folder)) {
    if (entry.path().extension() != ".cpp") continue;
    for (const std::string& code : emitted_codes(content(entry.path()))) {
      EXPECT_NE(readme.find('`' + code + '`'), std::string::npos)
          << code << " of " << entry.path().filename();
      ++count;
    }
  }
  EXPECT_GT(count, 60u);
}

// And the page about verdicts has a row for each difference between targets.
TEST(EvaluateReadme, ListsEveryRowOfTheTargetTable) {
  const std::string readme =
      content(fs::path(RPCAUDIT_SOURCE_DIR) / "engine" / "evaluate" / "README.md");
  for (const DifferenceRow& row : target_table()) {
    const std::string line =
        "| `" + std::string(to_string(row.difference)) + "` | " + std::string(row.about) + " |";
    EXPECT_NE(readme.find(line), std::string::npos) << line;
  }
}

}  // namespace
}  // namespace rpcaudit
