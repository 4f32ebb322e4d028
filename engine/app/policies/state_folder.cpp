#include "engine/app/policies/state_folder.h"

#include <cstdlib>
#include <filesystem>
#include <system_error>

namespace rpcaudit::app {
namespace {

std::string variable(const char* name) {
  const char* const value = std::getenv(name);
  return value == nullptr ? std::string() : value;
}

}  // namespace

std::string state_folder() {
  const std::string state = variable("XDG_STATE_HOME");
  if (state.starts_with('/')) return state + "/rpcaudit";  // the specification wants it absolute
  const std::string home = variable("HOME");
  return home.empty() ? std::string() : home + "/.local/state/rpcaudit";
}

std::string default_filter_store() {
  const std::string folder = state_folder();
  return folder.empty() ? std::string() : folder + "/filters.db";
}

bool make_folder_of(const std::string& path) {
  const std::filesystem::path folder = std::filesystem::path(path).parent_path();
  if (folder.empty()) return true;
  std::error_code error;
  const bool is_new = std::filesystem::create_directories(folder, error);
  if (error) return false;
  // Policies are nobody else's business (XDG Base Directory Specification, 0700).
  if (is_new) std::filesystem::permissions(folder, std::filesystem::perms::owner_all, error);
  return true;
}

}  // namespace rpcaudit::app
