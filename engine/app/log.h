#pragma once

#include <memory>
#include <string_view>

namespace spdlog {
class logger;
}

namespace rpcaudit::app {

// Diagnostics of the program, on standard error as `rpcaudit: message`. One is made for a run and
// handed on; never one line per packet. For one thread at a time.
class Log {
 public:
  // With `verbose`, debug() is heard too.
  explicit Log(bool verbose);
  Log(const Log&) = delete;
  Log& operator=(const Log&) = delete;
  ~Log();

  void error(std::string_view message);
  void warn(std::string_view message);
  void debug(std::string_view message);

 private:
  std::unique_ptr<spdlog::logger> logger_;  // spdlog is known to log.cpp alone: it compiles slowly
};

}  // namespace rpcaudit::app
