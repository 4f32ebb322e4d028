#pragma once

#include <cstdint>
#include <functional>
#include <string_view>
#include <vector>

#include "bench/frame_writer.h"

namespace rpcaudit::bench {

// Traffic that fills one table of an analyser. `step` writes the next frames of it; the clients are
// in 10.128.0.0/9.
struct Flood {
  std::string_view name;
  std::string_view what;
  std::function<void(FrameWriter&)> step;
};

// One flood for each table, each from its beginning.
[[nodiscard]] std::vector<Flood> make_floods();

}  // namespace rpcaudit::bench
