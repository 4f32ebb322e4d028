#include "engine/app/process/privileges.h"

#include <grp.h>
#include <linux/capability.h>
#include <pwd.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <fstream>
#include <string_view>
#include <system_error>

namespace rpcaudit::app {
namespace {

bool fail(const std::string& what, std::string& error) {
  error = what + ": " + std::generic_category().message(errno);
  return false;
}

bool become(const std::string& user, std::string& error) {
  errno = 0;
  const passwd* const entry = ::getpwnam(user.c_str());
  if (entry == nullptr) {
    error = "--user: there is no user `" + user + "`";
    return false;
  }
  const uid_t uid = entry->pw_uid;
  const gid_t gid = entry->pw_gid;
  if (uid == ::geteuid() && uid == ::getuid()) return true;
  if (::initgroups(user.c_str(), gid) != 0 || ::setresgid(gid, gid, gid) != 0 ||
      ::setresuid(uid, uid, uid) != 0) {
    return fail("--user: cannot become `" + user + "`", error);
  }
  return true;
}

// Of the bounding set, too, where this process may: then not even a program with capabilities in
// its file would have them.
void empty_bounding_set() {
  for (unsigned long capability = 0; ::prctl(PR_CAPBSET_READ, capability, 0, 0, 0) >= 0;
       ++capability) {
    if (::prctl(PR_CAPBSET_DROP, capability, 0, 0, 0) != 0) return;
  }
}

}  // namespace

bool give_up_capabilities(const std::string& user, std::string& error) {
  empty_bounding_set();
  if (!user.empty() && !become(user, error)) return false;
  (void)::prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_CLEAR_ALL, 0, 0, 0);
  __user_cap_header_struct header{_LINUX_CAPABILITY_VERSION_3, 0};
  const std::array<__user_cap_data_struct, _LINUX_CAPABILITY_U32S_3> none{};
  if (::syscall(SYS_capset, &header, none.data()) != 0) {
    return fail("cannot give up capabilities", error);
  }
  if (::prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0) {
    return fail("cannot give up new privileges", error);
  }
  return true;
}

PrivilegesLeft privileges_left() {
  PrivilegesLeft left;
  std::ifstream status("/proc/thread-self/status");
  bool is_read = false;
  bool has_any = false;
  for (std::string line; std::getline(status, line);) {
    const std::string_view text(line);
    // What is left of the bounding set is not held.
    if (text.starts_with("Cap") && !text.starts_with("CapBnd")) {
      is_read = true;
      has_any |= text.find_first_not_of("0", text.find('\t') + 1) != std::string_view::npos;
    }
    if (text == "NoNewPrivs:\t1") left.may_gain_privileges = false;
    if (text == "Seccomp:\t2") left.has_seccomp_filter = true;
  }
  left.has_capabilities = has_any || !is_read;
  return left;
}

}  // namespace rpcaudit::app
