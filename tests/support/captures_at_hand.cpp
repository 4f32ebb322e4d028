#include "tests/support/captures_at_hand.h"

#include <algorithm>
#include <cstdlib>
#include <string>

#include "tests/support/places.h"

namespace rpcaudit::test {

namespace fs = std::filesystem;

std::vector<fs::path> captures_at_hand(std::uintmax_t bytes_max) {
  std::vector<fs::path> folders{fs::path(source_folder()) / "pcaps"};
  if (const char* corpus = std::getenv("RPCAUDIT_CORPUS")) folders.emplace_back(corpus);
  std::vector<fs::path> paths;
  for (const fs::path& folder : folders) {
    for (const auto& entry : fs::recursive_directory_iterator(folder)) {
      const std::string name = entry.path().filename().string();
      const bool is_capture = name.find(".pcap") != std::string::npos || name.ends_with(".cap");
      if (entry.is_regular_file() && is_capture && entry.file_size() < bytes_max) {
        paths.push_back(entry.path());
      }
    }
  }
  std::sort(paths.begin(), paths.end());
  return paths;
}

}  // namespace rpcaudit::test
