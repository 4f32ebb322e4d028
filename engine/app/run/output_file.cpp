#include "engine/app/run/output_file.h"

#include <fcntl.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstdlib>
#include <filesystem>
#include <system_error>
#include <utility>

namespace rpcaudit::app {
namespace {

constexpr mode_t kNewFileMode = 0666;  // the user's mask applies

std::optional<FileIdentity> identity_of(const struct stat& status) {
  if (!S_ISREG(status.st_mode)) return std::nullopt;
  return FileIdentity{status.st_dev, status.st_ino};
}

// Names of links are followed, so that the link stays and its file is replaced.
std::string without_links(const std::string& path) {
  std::error_code error;
  const std::filesystem::path real = std::filesystem::weakly_canonical(path, error);
  return error ? path : real.string();
}

// A new file in its place would not be the same for everybody: other names of a file keep the old
// one, and so do descriptors, which /dev/stdout and its like stand for.
bool may_be_replaced(const std::string& path, const struct stat& status) {
  return S_ISREG(status.st_mode) && status.st_nlink == 1 && status.st_uid == ::geteuid() &&
         !path.starts_with("/dev/") && !path.starts_with("/proc/");
}

mode_t mask_of_user() {
  const mode_t mask = ::umask(0);
  ::umask(mask);
  return mask;
}

}  // namespace

std::optional<FileIdentity> identity_of(const std::string& path) {
  struct stat status {};
  const int result = path == "-" ? ::fstat(STDIN_FILENO, &status) : ::stat(path.c_str(), &status);
  return result == 0 ? identity_of(status) : std::nullopt;
}

OutputFile::~OutputFile() {
  if (descriptor_ > STDERR_FILENO) ::close(descriptor_);
  if (!temporary_.empty()) ::unlink(temporary_.c_str());
}

bool OutputFile::fail(int error) {
  error_ = name_ + ": " + std::generic_category().message(error);
  return false;
}

bool OutputFile::open(const std::string& path, const std::vector<FileIdentity>& inputs) {
  const bool is_standard = path == "-";
  name_ = is_standard ? "standard output" : path;
  struct stat status {};
  const bool exists =
      (is_standard ? ::fstat(STDOUT_FILENO, &status) : ::stat(path.c_str(), &status)) == 0;
  const std::optional<FileIdentity> identity = exists ? identity_of(status) : std::nullopt;
  if (identity && std::find(inputs.begin(), inputs.end(), *identity) != inputs.end()) {
    is_input_ = true;
    error_ = name_ + ": is read by the same run";
    return false;
  }
  replaces_ = !is_standard && exists && S_ISREG(status.st_mode) && status.st_size != 0;
  if (is_standard) {
    descriptor_ = STDOUT_FILENO;
  } else if (exists && !may_be_replaced(path, status)) {
    descriptor_ = ::open(path.c_str(), O_WRONLY | O_TRUNC | O_CLOEXEC);
  } else {
    path_ = without_links(path);
    descriptor_ = open_beside(exists ? &status : nullptr);
  }
  if (descriptor_ < 0) return fail(errno);
  is_terminal_ = ::isatty(descriptor_) == 1;
  return true;
}

// Where nothing can be made beside the file, it is written directly.
int OutputFile::open_beside(const struct stat* existing) {
  if (existing != nullptr && ::access(path_.c_str(), W_OK) != 0) return -1;
  temporary_ = path_ + ".XXXXXX";
  const int descriptor = ::mkostemp(temporary_.data(), O_CLOEXEC);
  if (descriptor < 0) {
    temporary_.clear();
    return ::open(path_.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, kNewFileMode);
  }
  const mode_t mode =
      existing != nullptr ? existing->st_mode & 07777 : kNewFileMode & ~mask_of_user();
  if (::fchmod(descriptor, mode) != 0) return descriptor;  // the user's own, then
  return descriptor;
}

bool OutputFile::finish() {
  const int descriptor = std::exchange(descriptor_, -1);
  if (descriptor <= STDERR_FILENO) return true;
  if (::close(descriptor) != 0) return fail(errno);
  const std::string temporary = std::exchange(temporary_, {});
  if (temporary.empty() || ::rename(temporary.c_str(), path_.c_str()) == 0) return true;
  const int error = errno;
  ::unlink(temporary.c_str());
  return fail(error);
}

}  // namespace rpcaudit::app
