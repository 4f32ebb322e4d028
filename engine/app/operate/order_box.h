#pragma once

#include <chrono>
#include <condition_variable>
#include <functional>
#include <mutex>

#include "engine/app/operate/control_request.h"

namespace rpcaudit::app {

// Hands requests that change something to the thread that may change it. That one looks whenever it
// has time; whoever asks waits, one at a time.
class OrderBox {
 public:
  using Handler = std::function<ControlAnswer(const ControlRequest&)>;

  // Called by whoever asks. Gives up after `patience`.
  [[nodiscard]] ControlAnswer ask(const ControlRequest& request, std::chrono::seconds patience);
  // Called by the thread that carries orders out.
  void serve(const Handler& handler);
  // Nobody will carry out orders any more.
  void close();

 private:
  std::mutex asking_;  // held by the one who waits for an answer
  std::mutex mutex_;
  std::condition_variable answered_;
  const ControlRequest* request_ = nullptr;  // not yet taken
  ControlAnswer answer_;
  bool has_answer_ = false;
  bool is_closed_ = false;
};

}  // namespace rpcaudit::app
