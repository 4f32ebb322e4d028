// Any number of workers writes the same bytes and says the same.

#include <gtest/gtest.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <sstream>

#include "tests/support/places.h"

namespace rpcaudit::app {
namespace {

namespace fs = std::filesystem;

std::string read(const fs::path& path) {
  std::stringstream text;
  text << std::ifstream(path, std::ios::binary).rdbuf();
  return text.str();
}

// Records and summary of an audit of all shipped captures.
std::string audit(unsigned workers, const std::string& options, const fs::path& folder) {
  const std::string source = source_folder();
  const fs::path records = folder / "records";
  const fs::path summary = folder / "summary";
  const std::string command = program_path() + " audit -r " + source + "/pcaps -p " + source +
                              "/pcaps/policies/require-privacy.netsh.txt --workers " +
                              std::to_string(workers) + " " + options + " -o " + records.string() +
                              " 2> " + summary.string();
  EXPECT_EQ(std::system(command.c_str()), 0) << command;
  const std::string written = read(records) + read(summary);
  fs::remove(records);  // that a file is replaced is told
  return written;
}

class WorkersTest : public testing::TestWithParam<const char*> {};

TEST_P(WorkersTest, AnyNumberGivesTheSameBytes) {
  std::string pattern = (fs::temp_directory_path() / "rpcaudit-XXXXXX").string();
  const fs::path folder = mkdtemp(pattern.data());
  const std::string one = audit(1, GetParam(), folder);
  EXPECT_GT(one.size(), 1000u);
  for (const unsigned workers : {2u, 3u, 7u}) {
    EXPECT_TRUE(audit(workers, GetParam(), folder) == one) << workers << " workers";
  }
  fs::remove_all(folder);
}

TEST(WorkersTest, ShareStandardInput) {
  const std::string source = source_folder();
  std::string pattern = (fs::temp_directory_path() / "rpcaudit-XXXXXX").string();
  const fs::path folder = mkdtemp(pattern.data());
  const auto calls = [&](const std::string& workers) {
    const std::string command = program_path() + " calls -q -r - --workers " + workers + " -o " +
                                (folder / "records").string() + " < " + source +
                                "/pcaps/tcp-response-fragments.pcap";
    EXPECT_EQ(std::system(command.c_str()), 0) << command;
    return read(folder / "records");
  };
  const std::string one = calls("1");
  EXPECT_GT(one.size(), 1000u);
  EXPECT_TRUE(calls("3") == one);
  fs::remove_all(folder);
}

INSTANTIATE_TEST_SUITE_P(Formats, WorkersTest,
                         testing::Values("--all --format json", "--format text"),
                         [](const auto& test) {
                           return std::string(test.index == 0 ? "json" : "text");
                         });

}  // namespace
}  // namespace rpcaudit::app
