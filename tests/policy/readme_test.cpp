// The page about the policies lists every code that the stage can emit.

#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>
#include <iterator>
#include <regex>
#include <string>

namespace rpcaudit {
namespace {

namespace fs = std::filesystem;

std::string content(const fs::path& path) {
  std::ifstream file(path);
  return {std::istreambuf_iterator<char>(file), {}};
}

TEST(PolicyReadme, ListsEveryCode) {
  const fs::path folder = fs::path(RPCAUDIT_SOURCE_DIR) / "engine" / "policy";
  const std::string readme = content(folder / "README.md");
  const std::regex emission(R"re(\b(?:error|warning|note|warning_once|fail)\(\s*"([a-z0-9-]+)")re");
  std::size_t count = 0;
  for (const fs::directory_entry& entry : fs::directory_iterator(folder)) {
    if (entry.path().extension() != ".cpp") continue;
    const std::string source = content(entry.path());
    for (std::sregex_iterator match(source.begin(), source.end(), emission), end; match != end;
         ++match) {
      const std::string code = (*match)[1];
      EXPECT_NE(readme.find('`' + code + '`'), std::string::npos)
          << code << " of " << entry.path().filename();
      ++count;
    }
  }
  EXPECT_GT(count, 60u);
}

}  // namespace
}  // namespace rpcaudit
