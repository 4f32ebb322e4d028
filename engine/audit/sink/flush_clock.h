#pragma once

#include <chrono>

#include "engine/audit/event/event_sink.h"

namespace rpcaudit::audit {

// When a sink is to hand on what it holds: when there is nothing else to do, and often enough for
// somebody who watches.
class FlushClock {
 public:
  // Something was done; `idle` when nothing more is to be done for now.
  void done(EventSink& sink, bool idle) {
    const auto now = std::chrono::steady_clock::now();
    if (!idle && now - last_ < kInterval) return;
    last_ = now;
    sink.flush();
  }

 private:
  static constexpr std::chrono::milliseconds kInterval{500};

  std::chrono::steady_clock::time_point last_ = std::chrono::steady_clock::now();
};

}  // namespace rpcaudit::audit
