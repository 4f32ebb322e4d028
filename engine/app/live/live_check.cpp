#include "engine/app/live/live_check.h"

#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <filesystem>
#include <system_error>

#include "engine/app/live/live_outputs.h"
#include "engine/app/process/privileges.h"
#include "engine/app/run/outputs.h"
#include "engine/app/run/pipeline.h"
#include "engine/audit/text/text_encoding.h"

namespace rpcaudit::app {
namespace {

// Whether a file can be appended to, or made; `error` says why not.
bool is_appendable(const std::string& path, std::string& error) {
  if (::access(path.c_str(), F_OK) == 0) {
    if (::access(path.c_str(), W_OK) == 0 && !std::filesystem::is_directory(path)) return true;
    error = path + ": " + std::generic_category().message(errno != 0 ? errno : EISDIR);
    return false;
  }
  const std::filesystem::path folder = std::filesystem::path(path).parent_path();
  if (::access(folder.empty() ? "." : folder.c_str(), W_OK | X_OK) == 0) return true;
  error = path + ": " + std::generic_category().message(errno);
  return false;
}

}  // namespace

std::vector<std::string> files_written(const LiveRunOptions& options) {
  std::vector<std::string> files;
  for (const std::string& output : options.run.outputs) {
    const std::string path = parse_output(output, options.run.format).path;
    if (path != "-" && !path.starts_with(kUnixSocketPrefix)) files.push_back(path);
  }
  return files;
}

ExitStatus check_live(const LiveRunOptions& options, bool has_policies, Log& log) {
  ExitStatus status = ExitStatus::done;
  const auto fail = [&](const std::string& error, bool is_usage = false) {
    log.error(audit::terminal_text(error));
    if (status != ExitStatus::usage) status = is_usage ? ExitStatus::usage : ExitStatus::data;
  };
  if (!share_memory(options.run, has_policies, log, LiveOutputs::kQueueBytes)) {
    status = ExitStatus::usage;
  }
  if (const capture::LiveCapture capture = capture::open_live(options.capture);
      capture.sources.empty()) {
    fail(capture.error, capture.is_usage_error);
  }
  std::string error;
  if (!give_up_capabilities(options.user, error)) fail(error);
  Operation operation;
  if (!operation.open(options.operation, error)) fail(error);
  for (const std::string& file : files_written(options)) {
    errno = 0;
    if (!is_appendable(file, error)) fail(error);
  }
  return status;
}

}  // namespace rpcaudit::app
