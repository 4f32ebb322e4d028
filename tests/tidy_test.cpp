// The house rules of CONTRIBUTING.md that a program can check, checked over the sources themselves.

#include <gtest/gtest.h>

#include <algorithm>
#include <cctype>
#include <filesystem>
#include <fstream>
#include <initializer_list>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "tests/support/places.h"

namespace rpcaudit {
namespace {

namespace fs = std::filesystem;

constexpr std::size_t kColumnsMax = 100;
constexpr std::size_t kLinesMax = 400;

struct Source {
  std::string path;  // relative to the root, with forward slashes
  std::vector<std::string> lines;
};

bool starts_with_any(std::string_view text, std::initializer_list<std::string_view> prefixes) {
  return std::any_of(prefixes.begin(), prefixes.end(),
                     [text](std::string_view prefix) { return text.starts_with(prefix); });
}

bool is_code(const Source& source) {
  return source.path.ends_with(".h") || source.path.ends_with(".cpp");
}

bool is_text(const fs::path& path) {
  const std::string extension = path.extension().string();
  return extension == ".h" || extension == ".cpp" || extension == ".md" || extension == ".cmake" ||
         path.filename() == "CMakeLists.txt" || path.filename() == "dev";
}

Source read_source(const fs::path& root, const fs::path& path) {
  Source source{fs::relative(path, root).generic_string(), {}};
  std::ifstream file(path);
  for (std::string line; std::getline(file, line);) source.lines.push_back(line);
  return source;
}

std::vector<Source> read_sources() {
  const fs::path root = source_folder();
  std::vector<Source> sources;
  for (const fs::directory_entry& entry : fs::directory_iterator(root)) {
    if (entry.is_regular_file() && is_text(entry.path())) {
      sources.push_back(read_source(root, entry.path()));
    }
  }
  for (const char* folder : {"capture", "dissect", "engine", "tests", "bench", "pcaps"}) {
    if (!fs::is_directory(root / folder)) continue;
    for (const fs::directory_entry& entry : fs::recursive_directory_iterator(root / folder)) {
      if (entry.is_regular_file() && is_text(entry.path())) {
        sources.push_back(read_source(root, entry.path()));
      }
    }
  }
  return sources;
}

const std::vector<Source>& all_sources() {
  static const std::vector<Source> kSources = read_sources();
  return kSources;
}

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

// The file named by an #include of either kind, empty when the line is none.
std::string_view included_file(std::string_view line) {
  if (!line.starts_with("#include ")) return {};
  const std::size_t begin = line.find_first_of("\"<");
  if (begin == std::string_view::npos) return {};
  const std::size_t end = line.find_first_of("\">", begin + 1);
  return end == std::string_view::npos ? line : line.substr(begin + 1, end - begin - 1);
}

bool is_one_of(std::string_view name, std::initializer_list<std::string_view> names) {
  return std::find(names.begin(), names.end(), name) != names.end();
}

// Whether a file in the folder of `path` may include `included`, a path from the root or a
// library's header.
bool may_include(std::string_view path, std::string_view included) {
  const bool is_frame = is_one_of(included, {"capture/frame.h", "capture/timestamp.h"});
  const bool is_wire_facts = is_one_of(included, {"dissect/rpc_observer.h", "dissect/uuid.h",
                                                  "dissect/endpoint.h", "dissect/limits.h"});
  if (path.starts_with("capture/")) {
    return !starts_with_any(included, {"dissect/", "engine/"});
  }
  if (starts_with_any(included, {"pcap.h", "pcap/", "tins/"})) return false;
  if (path.starts_with("dissect/")) {
    return is_frame || !starts_with_any(included, {"capture/", "engine/"});
  }
  if (path.starts_with("engine/app/")) return true;
  if (included.starts_with("capture/")) return is_frame;
  if (included.starts_with("dissect/")) return is_wire_facts;
  if (path.starts_with("engine/policy/")) {
    return !starts_with_any(included, {"engine/evaluate/", "engine/audit/", "engine/app/"});
  }
  if (path.starts_with("engine/evaluate/")) {
    return !starts_with_any(included, {"engine/audit/", "engine/app/"});
  }
  return !included.starts_with("engine/app/");
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

TEST(Tidy, IncludesFollowTheDependencyRule) {
  check_lines([](const Source& source, std::string_view line) -> std::string {
    if (!is_code(source) || starts_with_any(source.path, {"tests/", "bench/"})) return {};
    const std::string_view included = included_file(line);
    if (included.empty() || may_include(source.path, included)) return {};
    return "may not include " + std::string(included);
  });
}

TEST(Tidy, EveryFolderHasAReadme) {
  for (const char* folder :
       {".", "capture", "dissect", "engine", "engine/policy", "engine/evaluate", "engine/audit",
        "engine/app", "tests", "bench", "pcaps"}) {
    EXPECT_TRUE(fs::exists(fs::path(source_folder()) / folder / "README.md")) << folder;
  }
}

struct IncludeCase {
  const char* path;
  const char* included;
  bool allowed;
};

constexpr IncludeCase kIncludeCases[] = {
    {"capture/pcap_file.cpp", "pcap/pcap.h", true},
    {"capture/pcap_file.cpp", "dissect/uuid.h", false},
    {"dissect/tcp.cpp", "capture/frame.h", true},
    {"dissect/tcp.cpp", "capture/pcap_file.h", false},
    {"dissect/tcp.cpp", "engine/policy/policy.h", false},
    {"dissect/tcp.cpp", "tins/tins.h", false},
    {"engine/policy/policy.h", "dissect/uuid.h", true},
    {"engine/policy/policy.h", "dissect/dissector.h", false},
    {"engine/policy/policy.h", "engine/evaluate/facts.h", false},
    {"engine/evaluate/facts.h", "engine/policy/policy.h", true},
    {"engine/evaluate/facts.h", "engine/audit/auditor.h", false},
    {"engine/audit/auditor.h", "engine/evaluate/facts.h", true},
    {"engine/audit/auditor.h", "engine/app/run/pipeline.h", false},
    {"engine/audit/auditor.h", "capture/timestamp.h", true},
    {"engine/app/run/pipeline.cpp", "dissect/dissector.h", true},
    {"engine/app/run/pipeline.cpp", "capture/pcap_file.h", true},
};

TEST(Tidy, DependencyRuleItself) {
  for (const IncludeCase& row : kIncludeCases) {
    EXPECT_EQ(may_include(row.path, row.included), row.allowed)
        << row.path << " includes " << row.included;
  }
}

}  // namespace
}  // namespace rpcaudit
