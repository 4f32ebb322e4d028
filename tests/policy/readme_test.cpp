// The pages about the policies list every code that the stage can emit.

#include <gtest/gtest.h>

#include <filesystem>
#include <string>

#include "engine/policy/target.h"
#include "tests/policy/emitted_codes.h"
#include "tests/support/places.h"

namespace rpcaudit::policy {
namespace {

namespace fs = std::filesystem;

TEST(PolicyReadme, ListsEveryCode) {
  const fs::path folder = fs::path(source_folder()) / "engine" / "policy";
  std::string readme;
  for (const fs::directory_entry& entry : fs::recursive_directory_iterator(folder)) {
    if (entry.path().filename() == "README.md") readme += test::file_content(entry.path());
  }
  std::size_t count = 0;
  for (const fs::directory_entry& entry : fs::recursive_directory_iterator(folder)) {
    if (entry.path().extension() != ".cpp") continue;
    for (const std::string& code : test::emitted_codes(entry.path())) {
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
      test::file_content(fs::path(source_folder()) / "engine" / "evaluate" / "README.md");
  for (const DifferenceRow& row : target_table()) {
    const std::string line =
        "| `" + std::string(to_string(row.difference)) + "` | " + std::string(row.about) + " |";
    EXPECT_NE(readme.find(line), std::string::npos) << line;
  }
}

}  // namespace
}  // namespace rpcaudit::policy
