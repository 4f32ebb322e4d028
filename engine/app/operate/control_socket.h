#pragma once

#include <sys/types.h>

#include <string>
#include <utility>

#include "engine/app/operate/control_request.h"

namespace rpcaudit::app {

// Where a monitor is asked for when nothing else is said.
inline constexpr const char* kDefaultControlSocket = "/run/rpcaudit/control.sock";

// A Unix stream socket that this process listens on, for its own user alone (mode 0600). Closing
// removes its name.
class ControlSocket {
 public:
  ControlSocket() = default;
  ControlSocket(const ControlSocket&) = delete;
  ControlSocket& operator=(const ControlSocket&) = delete;
  ~ControlSocket();

  // False, and `error`, when another monitor listens there, or the name cannot be had. What a
  // monitor that died left there is replaced.
  [[nodiscard]] bool open(const std::string& path, std::string& error);
  [[nodiscard]] int descriptor() const noexcept { return descriptor_; }

 private:
  std::string path_;
  int descriptor_ = -1;
  ino_t inode_ = 0;
};

// Whether a monitor listens there.
[[nodiscard]] bool is_control_socket_in_use(const std::string& path);

// Asks the monitor that listens at `path`; waits for its answer. False, and `error`, when none
// answers.
[[nodiscard]] bool ask_monitor(const std::string& path, const ControlRequest& request,
                               ControlAnswer& answer, std::string& error);

}  // namespace rpcaudit::app
