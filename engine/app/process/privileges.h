#pragma once

#include <string>

namespace rpcaudit::app {

// Gives up for good every capability of this process, and with `user` becomes that user, by name,
// with its groups; nothing that it executes could have more. False when that fails; `error` says
// why. To be called before threads are started: capabilities are a thread's.
[[nodiscard]] bool give_up_capabilities(const std::string& user, std::string& error);

// What /proc/self/status says of this thread. Threads that it starts later inherit all of it.
struct PrivilegesLeft {
  bool has_capabilities = true;
  bool may_gain_privileges = true;
  bool has_seccomp_filter = false;
};
[[nodiscard]] PrivilegesLeft privileges_left();

}  // namespace rpcaudit::app
