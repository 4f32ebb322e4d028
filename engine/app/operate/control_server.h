#pragma once

#include <chrono>
#include <functional>
#include <string>
#include <thread>
#include <vector>

#include "engine/app/operate/control_request.h"

namespace rpcaudit::app {

// Answers requests at a socket, on a thread of its own: a few clients at a time, each for a few
// seconds, so that one that is slow, silent or hostile takes nothing from the capture.
class ControlServer {
 public:
  // Called on the server's thread.
  using Handler = std::function<ControlAnswer(const ControlRequest&)>;

  // Starts the thread. Borrows the listening socket.
  ControlServer(int listener, Handler handler);
  ControlServer(const ControlServer&) = delete;
  ControlServer& operator=(const ControlServer&) = delete;
  // Ends with what is being answered.
  ~ControlServer();

 private:
  using Clock = std::chrono::steady_clock;
  struct Client {
    int descriptor = -1;
    Clock::time_point until;  // it has so long
    std::string received = {};
    std::string answer = {};  // what is not sent yet
  };

  void run();
  void accept_client();
  // False when the connection is to be closed.
  [[nodiscard]] bool serve(Client& client, short events);
  [[nodiscard]] bool receive(Client& client);
  void answer(Client& client, std::string_view line);

  int listener_;
  int stop_;  // an eventfd: readable when the thread is to end
  Handler handler_;
  std::vector<Client> clients_;
  std::thread thread_;
};

}  // namespace rpcaudit::app
