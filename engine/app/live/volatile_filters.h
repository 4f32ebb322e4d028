#pragma once

#include <optional>
#include <string>

#include "engine/app/netsh/netsh_console.h"
#include "engine/app/operate/control_request.h"
#include "engine/policy/netsh/filter_store.h"

namespace rpcaudit::app {

// Filters that were added to a running monitor with `rpcaudit netsh --monitor`. As volatile filters
// do, they live until it ends. All clients share one session.
class VolatileFilters {
 public:
  // Runs the command or the script of the request.
  [[nodiscard]] ControlAnswer run(const ControlRequest& request);
  // All of them as a script, oldest first; empty without any.
  [[nodiscard]] const std::string& script() const noexcept { return script_; }

 private:
  using Result = NetshConsole::Result;

  [[nodiscard]] bool open(std::string& problems);
  [[nodiscard]] Result run_script(const std::string& script, std::string& answers,
                                  std::string& problems);
  [[nodiscard]] bool read_script();

  policy::FilterStore store_;  // in memory
  bool is_open_ = false;
  std::optional<NetshConsole> console_;
  std::string script_;
};

}  // namespace rpcaudit::app
