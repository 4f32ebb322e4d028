#include "engine/app/run/log.h"

#include <spdlog/sinks/stdout_sinks.h>

#include <memory>

namespace rpcaudit::app {

spdlog::logger make_log(bool verbose) {
  spdlog::logger log("rpcaudit", std::make_shared<spdlog::sinks::stderr_sink_st>());
  log.set_pattern("rpcaudit: %v");
  log.set_level(verbose ? spdlog::level::debug : spdlog::level::info);
  return log;
}

}  // namespace rpcaudit::app
