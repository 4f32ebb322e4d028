#include "tests/tidy/sources.h"

#include <algorithm>
#include <filesystem>
#include <fstream>

#include "tests/support/places.h"

namespace rpcaudit::test {
namespace {

namespace fs = std::filesystem;

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

}  // namespace

const std::vector<Source>& all_sources() {
  static const std::vector<Source> kSources = read_sources();
  return kSources;
}

bool is_code(const Source& source) {
  return source.path.ends_with(".h") || source.path.ends_with(".cpp");
}

std::string_view folder_of(std::string_view path) {
  const std::size_t slash = path.rfind('/');
  return slash == std::string_view::npos ? std::string_view() : path.substr(0, slash);
}

std::string_view stem_of(std::string_view path) {
  const std::size_t slash = path.rfind('/');
  const std::string_view name = slash == std::string_view::npos ? path : path.substr(slash + 1);
  return name.substr(0, name.find('.'));
}

std::string_view included_file(std::string_view line) {
  if (!line.starts_with("#include ")) return {};
  const std::size_t begin = line.find_first_of("\"<");
  if (begin == std::string_view::npos) return {};
  const std::size_t end = line.find_first_of("\">", begin + 1);
  return end == std::string_view::npos ? line : line.substr(begin + 1, end - begin - 1);
}

bool starts_with_any(std::string_view text, std::initializer_list<std::string_view> prefixes) {
  return std::any_of(prefixes.begin(), prefixes.end(),
                     [text](std::string_view prefix) { return text.starts_with(prefix); });
}

}  // namespace rpcaudit::test
