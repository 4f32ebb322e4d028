#include "engine/app/policies/gpo_folder.h"

#include <algorithm>
#include <filesystem>
#include <string_view>
#include <system_error>

#include "engine/policy/text/spelling.h"

namespace rpcaudit::app {
namespace {

namespace fs = std::filesystem;

constexpr std::size_t kEntriesMax = 100'000;  // of one folder and those below it

bool is_below(const fs::path& path, std::string_view folder) {
  return std::any_of(path.begin(), path.end(), [folder](const fs::path& part) {
    return policy::equal_ignoring_case(part.string(), folder);
  });
}

bool is_of_computer(const fs::path& path) {
  const std::string name = path.filename().string();
  if (policy::equal_ignoring_case(name, "GptTmpl.inf")) return true;
  const bool is_registry = policy::equal_ignoring_case(name, "Registry.pol") ||
                           policy::equal_ignoring_case(name, "Registry.xml");
  return is_registry && is_below(path.parent_path(), "Machine");
}

}  // namespace

std::vector<std::string> gpo_files(const std::string& path) {
  std::error_code error;
  std::vector<std::string> files;
  std::vector<std::string> reports;
  std::size_t entries = 0;
  const auto options = fs::directory_options::skip_permission_denied;
  for (fs::recursive_directory_iterator at(path, options, error), end; !error && at != end;
       at.increment(error)) {
    if (++entries > kEntriesMax) break;
    if (!at->is_regular_file(error)) continue;
    if (is_of_computer(at->path())) files.push_back(at->path().string());
    if (policy::equal_ignoring_case(at->path().filename().string(), "gpreport.xml")) {
      reports.push_back(at->path().string());
    }
  }
  if (files.empty()) files = std::move(reports);
  std::sort(files.begin(), files.end());
  return files;
}

}  // namespace rpcaudit::app
