#pragma once

#include <memory>
#include <string>

#include "engine/app/operate/live_status.h"

struct MHD_Daemon;

namespace rpcaudit::app {

// An address to listen at: `127.0.0.1:9909`, `[::1]:9909`, and `9909` or `:9909` at the loopback.
// Names are not looked up.
struct HttpAddress {
  std::string host;  // numeric
  std::string port;
  bool is_loopback = false;
};
// False, and `error`, for a text that is none.
[[nodiscard]] bool parse_http_address(const std::string& text, HttpAddress& address,
                                      std::string& error);

// A TCP socket that listens there; -1, and `error`, when it cannot.
[[nodiscard]] int listen_at(const HttpAddress& address, std::string& error);

// Serves /metrics, /healthz and /status over HTTP, on a thread of its own: to a few clients at a
// time, each for a few seconds, with little memory for each.
class HttpServer {
 public:
  // Borrows the board, takes the listening socket.
  HttpServer(int listener, const StatusBoard& board);
  HttpServer(const HttpServer&) = delete;
  HttpServer& operator=(const HttpServer&) = delete;
  ~HttpServer();

  // Starts the thread; false when that fails.
  [[nodiscard]] bool start();

 private:
  int listener_;
  const StatusBoard& board_;
  MHD_Daemon* daemon_ = nullptr;
};

}  // namespace rpcaudit::app
