#include "engine/app/process/landlock.h"

#include <fcntl.h>
#include <linux/landlock.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <cstdint>

namespace rpcaudit::app {
namespace {

// Later rights than those of the headers at hand: version 2 moves files between folders, version 3
// truncates them.
constexpr std::uint64_t kRefer = std::uint64_t{1} << 13;
constexpr std::uint64_t kTruncate = std::uint64_t{1} << 14;
constexpr std::uint64_t kFirstVersion = kRefer - 1;
constexpr std::uint64_t kReading = LANDLOCK_ACCESS_FS_READ_FILE | LANDLOCK_ACCESS_FS_READ_DIR;
constexpr std::uint64_t kWriting = kReading | LANDLOCK_ACCESS_FS_WRITE_FILE |
                                   LANDLOCK_ACCESS_FS_MAKE_REG | LANDLOCK_ACCESS_FS_REMOVE_FILE |
                                   kTruncate;

// What a kernel of this version knows.
constexpr std::uint64_t rights_of(long version) noexcept {
  return kFirstVersion | (version >= 2 ? kRefer : 0) | (version >= 3 ? kTruncate : 0);
}

void allow(int rules, const char* folder, std::uint64_t rights) noexcept {
  landlock_path_beneath_attr rule{};
  rule.allowed_access = rights;
  rule.parent_fd = ::open(folder, O_PATH | O_DIRECTORY | O_CLOEXEC);
  if (rule.parent_fd < 0) return;
  (void)::syscall(SYS_landlock_add_rule, rules, LANDLOCK_RULE_PATH_BENEATH, &rule, 0);
  ::close(rule.parent_fd);
}

}  // namespace

bool enter_landlock(std::span<const std::string> folders) noexcept {
  const long version = ::syscall(SYS_landlock_create_ruleset, nullptr, std::size_t{0},
                                 LANDLOCK_CREATE_RULESET_VERSION);
  if (version < 1) return false;
  landlock_ruleset_attr all{};
  all.handled_access_fs = rights_of(version);
  const auto rules = static_cast<int>(::syscall(SYS_landlock_create_ruleset, &all, sizeof all, 0));
  if (rules < 0) return false;
  allow(rules, "/", kReading);
  for (const std::string& folder : folders) {
    allow(rules, folder.c_str(), kWriting & rights_of(version));
  }
  const bool entered = ::prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) == 0 &&
                       ::syscall(SYS_landlock_restrict_self, rules, 0) == 0;
  ::close(rules);
  return entered;
}

}  // namespace rpcaudit::app
