// The product as its users have it: a capture and a policy in, records and a summary out. Every
// folder of cases/ is one case; README.md there says what it holds. After a deliberate change
// `./dev golden --update` writes the outputs anew: read the difference before it is committed.

#include <gtest/gtest.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <regex>
#include <sstream>

#include "tests/support/places.h"

namespace rpcaudit {
namespace {

namespace fs = std::filesystem;

fs::path cases_folder() { return fs::path(source_folder()) / "tests" / "golden" / "cases"; }

std::vector<std::string> case_names() {
  std::vector<std::string> names;
  for (const auto& entry : fs::directory_iterator(cases_folder())) {
    if (entry.is_directory()) names.push_back(entry.path().filename().string());
  }
  std::sort(names.begin(), names.end());
  return names;
}

// What case.md says: why the case exists, the command as a shell reads it, and how it ends.
struct Case {
  int lines_of_why = 0;
  std::string arguments;
  int exit_status = 0;
};

Case read_case(const fs::path& folder) {
  constexpr std::string_view kCommand = "    $ rpcaudit ";
  constexpr std::string_view kStatus = "    exit status ";
  Case told;
  std::ifstream file(folder / "case.md");
  bool goes_on = false;
  for (std::string line; std::getline(file, line);) {
    if (goes_on || line.starts_with(kCommand)) {
      told.arguments += goes_on ? line : line.substr(kCommand.size());
      goes_on = line.ends_with('\\');
      if (goes_on) told.arguments.pop_back();
    } else if (line.starts_with(kStatus)) {
      told.exit_status = std::stoi(line.substr(kStatus.size()));
    } else if (!line.empty() && !line.starts_with('#')) {
      ++told.lines_of_why;
    }
  }
  return told;
}

std::string read_text(const fs::path& path) {
  std::ostringstream text;
  std::ifstream file(path, std::ios::binary);
  if (file) text << file.rdbuf();
  return text.str();
}

struct Output {
  std::string records;  // standard output
  std::string summary;  // standard error
  int exit_status = -1;
};

// Counters at zero are left out, so that a new counter does not change every case.
std::string without_zeros(const std::string& records) {
  static const std::regex zero(R"(,?"\w+":0(?=[,}]))");
  const std::size_t stats = records.find(R"("event_type":"stats")");
  if (stats == std::string::npos) return records;
  const std::string counters = std::regex_replace(records.substr(stats), zero, "");
  return records.substr(0, stats) + std::regex_replace(counters, std::regex(R"(\{,)"), "{");
}

// Runs the program at the root of the sources, so that its outputs name files relative to it.
Output run(const std::string& arguments) {
  const fs::path base = fs::temp_directory_path() / ("rpcaudit-case-" + std::to_string(getpid()));
  const std::string out = base.string() + ".out";
  const std::string err = base.string() + ".err";
  const std::string command = "cd '" + source_folder() + "' && '" + program_path() + "' " +
                              arguments + " > " + out + " 2> " + err;
  const int status = std::system(command.c_str());
  Output output{without_zeros(read_text(out)), read_text(err), -1};
  if (WIFEXITED(status)) output.exit_status = WEXITSTATUS(status);
  fs::remove(out);
  fs::remove(err);
  return output;
}

std::vector<std::string> lines_of(const std::string& text) {
  std::vector<std::string> lines;
  std::istringstream stream(text);
  for (std::string line; std::getline(stream, line);) lines.push_back(line);
  return lines;
}

// The lines that only one of the two has, around a longest common subsequence.
std::string difference(const std::string& expected, const std::string& written) {
  const std::vector<std::string> a = lines_of(expected);
  const std::vector<std::string> b = lines_of(written);
  std::vector<std::vector<std::size_t>> common(a.size() + 1,
                                               std::vector<std::size_t>(b.size() + 1));
  for (std::size_t i = a.size(); i-- > 0;) {
    for (std::size_t j = b.size(); j-- > 0;) {
      common[i][j] =
          a[i] == b[j] ? common[i + 1][j + 1] + 1 : std::max(common[i + 1][j], common[i][j + 1]);
    }
  }
  std::string text;
  for (std::size_t i = 0, j = 0; i < a.size() || j < b.size();) {
    if (i < a.size() && j < b.size() && a[i] == b[j]) {
      ++i, ++j;
    } else if (j == b.size() || (i < a.size() && common[i + 1][j] >= common[i][j + 1])) {
      text += "- " + a[i++] + "\n";
    } else {
      text += "+ " + b[j++] + "\n";
    }
  }
  return text;
}

void write_text(const fs::path& path, const std::string& text) {
  fs::remove(path);
  if (!text.empty()) std::ofstream(path, std::ios::binary) << text;
}

void update(const fs::path& folder, const Output& output) {
  const bool is_json = output.records.starts_with('{');
  write_text(folder / "records.jsonl", is_json ? output.records : "");
  write_text(folder / "records.txt", is_json ? "" : output.records);
  write_text(folder / "summary.txt", output.summary);
}

class GoldenCase : public testing::TestWithParam<std::string> {};

TEST_P(GoldenCase, IsWrittenAsExpected) {
  const fs::path folder = cases_folder() / GetParam();
  const Case told = read_case(folder);
  ASSERT_GT(told.lines_of_why, 0) << folder / "case.md"
                                  << " does not say why the case exists";
  ASSERT_FALSE(told.arguments.empty()) << folder / "case.md"
                                       << " has no command";

  const Output written = run(told.arguments);
  EXPECT_EQ(written.exit_status, told.exit_status) << written.summary;
  if (std::getenv("RPCAUDIT_UPDATE_GOLDEN") != nullptr) {
    update(folder, written);
    GTEST_SKIP() << "written anew";
  }
  const std::string records =
      read_text(folder / "records.jsonl") + read_text(folder / "records.txt");
  const std::string summary = read_text(folder / "summary.txt");
  EXPECT_TRUE(written.records == records) << "records:\n" << difference(records, written.records);
  EXPECT_TRUE(written.summary == summary) << "summary:\n" << difference(summary, written.summary);
}

INSTANTIATE_TEST_SUITE_P(Product, GoldenCase, testing::ValuesIn(case_names()),
                         [](const auto& test) {
                           std::string name = test.param;
                           std::replace(name.begin(), name.end(), '-', '_');
                           return name;
                         });

}  // namespace
}  // namespace rpcaudit
