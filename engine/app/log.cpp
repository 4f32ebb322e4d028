#include "engine/app/log.h"

#include <spdlog/logger.h>
#include <spdlog/sinks/stdout_sinks.h>

namespace rpcaudit::app {

Log::Log(bool verbose)
    : logger_(std::make_unique<spdlog::logger>("rpcaudit",
                                               std::make_shared<spdlog::sinks::stderr_sink_st>())) {
  logger_->set_pattern("rpcaudit: %v");
  logger_->set_level(verbose ? spdlog::level::debug : spdlog::level::info);
}

Log::~Log() = default;

void Log::error(std::string_view message) { logger_->error(message); }
void Log::warn(std::string_view message) { logger_->warn(message); }
void Log::debug(std::string_view message) { logger_->debug(message); }

}  // namespace rpcaudit::app
