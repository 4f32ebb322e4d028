#include "engine/app/operate/operation.h"

#include "engine/app/operate/status_text.h"

namespace rpcaudit::app {
namespace {

constexpr std::chrono::seconds kOrderPatience{50};

}  // namespace

bool Operation::open(const OperationOptions& options, std::string& error) {
  if (!options.control.empty()) {
    control_ = std::make_unique<ControlSocket>();
    if (!control_->open(options.control, error)) {
      error = "--control: " + error;
      return false;
    }
  }
  if (options.http.empty()) return true;
  HttpAddress address;
  int listener = -1;
  if (parse_http_address(options.http, address, error)) listener = listen_at(address, error);
  if (listener < 0) {
    error = "--http: " + error;
    return false;
  }
  http_ = std::make_unique<HttpServer>(listener, board_);
  is_open_to_others_ = !address.is_loopback;
  return true;
}

bool Operation::start() {
  if (http_ != nullptr && !http_->start()) return false;
  if (control_ != nullptr) {
    server_.emplace(control_->descriptor(),
                    [this](const ControlRequest& request) { return answer(request); });
  }
  service_.ready();
  return true;
}

void Operation::stop() {
  service_.stopping();
  orders_.close();
  server_.reset();
  http_.reset();
  control_.reset();
}

ControlAnswer Operation::answer(const ControlRequest& request) {
  const bool is_question =
      request.command == ControlCommand::status || request.command == ControlCommand::stats;
  if (!is_question) return orders_.ask(request, kOrderPatience);
  const std::shared_ptr<const LiveStatus> status = board_.latest();
  if (!status) return {3, {}, "error: the monitor is starting\n"};
  if (request.command == ControlCommand::status) {
    return {0, request.as_json ? status_json(*status) : status_text(*status), {}};
  }
  return {0, request.as_json ? stats_json(*status) : stats_text(*status), {}};
}

}  // namespace rpcaudit::app
