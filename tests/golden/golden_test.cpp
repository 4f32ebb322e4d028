// Every capture in pcaps/ against the contexts and calls written down for it in calls/. After a
// deliberate change, RPCAUDIT_UPDATE_GOLDEN=1 writes them anew: read the difference before it is
// committed.

#include <gtest/gtest.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <sstream>

#include "tests/support/capture_facts.h"
#include "tests/support/places.h"

namespace rpcaudit {
namespace {

namespace fs = std::filesystem;

const fs::path kSource = source_folder();

std::vector<std::string> captures() {
  std::vector<std::string> names;
  for (const auto& entry : fs::directory_iterator(kSource / "pcaps")) {
    const std::string name = entry.path().filename().string();
    if (entry.is_regular_file() && name.find(".pcap") != std::string::npos) names.push_back(name);
  }
  std::sort(names.begin(), names.end());
  return names;
}

class GoldenTest : public testing::TestWithParam<std::string> {};

TEST_P(GoldenTest, HoldsTheCallsWrittenDownForIt) {
  const std::string seen = test::CaptureFacts((kSource / "pcaps" / GetParam()).string()).text();
  const fs::path golden = kSource / "tests" / "golden" / "calls" / (GetParam() + ".txt");
  if (std::getenv("RPCAUDIT_UPDATE_GOLDEN") != nullptr) {
    std::ofstream(golden) << seen;
    GTEST_SKIP() << "written anew";
  }
  std::stringstream expected;
  expected << std::ifstream(golden).rdbuf();
  ASSERT_TRUE(fs::exists(golden)) << golden;
  EXPECT_EQ(seen, expected.str());
}

INSTANTIATE_TEST_SUITE_P(Captures, GoldenTest, testing::ValuesIn(captures()), [](const auto& test) {
  std::string name = test.param;
  for (char& c : name) {
    if (std::isalnum(static_cast<unsigned char>(c)) == 0) c = '_';
  }
  return name;
});

}  // namespace
}  // namespace rpcaudit
