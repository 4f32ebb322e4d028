#pragma once

#include <memory>
#include <optional>
#include <string>

#include "engine/app/operate/control_server.h"
#include "engine/app/operate/control_socket.h"
#include "engine/app/operate/http_server.h"
#include "engine/app/operate/live_status.h"
#include "engine/app/operate/order_box.h"
#include "engine/app/operate/service_notice.h"

namespace rpcaudit::app {

// Where the people who run a monitor reach it.
struct OperationOptions {
  std::string control;  // path of the control socket; empty: none
  std::string http;     // see parse_http_address(); empty: none
};

// All that a running monitor is asked and told by its operator: it is opened before the process
// confines itself, started after that, and looked after by the thread that writes records.
class Operation {
 public:
  Operation() = default;
  ~Operation() { stop(); }
  Operation(const Operation&) = delete;
  Operation& operator=(const Operation&) = delete;

  // False, and `error`, when an address or a name cannot be had.
  [[nodiscard]] bool open(const OperationOptions& options, std::string& error);
  // Whether others than this host can ask.
  [[nodiscard]] bool is_open_to_others() const noexcept { return is_open_to_others_; }
  // Starts to answer. Threads are started here; false when that fails.
  [[nodiscard]] bool start();
  // Nobody is answered any more.
  void stop();

  // Whether somebody may ask, so that a status has to be published.
  [[nodiscard]] bool is_wanted() const noexcept { return control_ != nullptr || http_ != nullptr; }
  void publish(LiveStatus status) { board_.publish(std::move(status)); }
  // To be called several times a second by the thread that writes records. What was asked for that
  // changes something, the handler carries out.
  void look_around(const OrderBox::Handler& handler) {
    orders_.serve(handler);
    service_.alive();
  }

 private:
  [[nodiscard]] ControlAnswer answer(const ControlRequest& request);

  ServiceNotice service_;
  StatusBoard board_;
  OrderBox orders_;
  std::unique_ptr<ControlSocket> control_;
  std::optional<ControlServer> server_;
  std::unique_ptr<HttpServer> http_;
  bool is_open_to_others_ = false;
};

}  // namespace rpcaudit::app
