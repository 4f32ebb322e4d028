#include "engine/app/operate/order_box.h"

#include <utility>

namespace rpcaudit::app {

ControlAnswer OrderBox::ask(const ControlRequest& request, std::chrono::seconds patience) {
  const std::lock_guard turn(asking_);
  std::unique_lock lock(mutex_);
  request_ = &request;
  has_answer_ = false;
  answered_.wait_for(lock, patience, [this] { return has_answer_ || is_closed_; });
  request_ = nullptr;
  if (has_answer_) return std::exchange(answer_, {});
  return {3, {}, is_closed_ ? "error: the monitor is stopping\n" : "error: the monitor is busy\n"};
}

// The request stays the asker's: it cannot give up while the order is carried out.
void OrderBox::serve(const Handler& handler) {
  const std::lock_guard lock(mutex_);
  if (request_ == nullptr || has_answer_) return;
  answer_ = handler(*request_);
  has_answer_ = true;
  answered_.notify_all();
}

void OrderBox::close() {
  const std::lock_guard lock(mutex_);
  is_closed_ = true;
  answered_.notify_all();
}

}  // namespace rpcaudit::app
