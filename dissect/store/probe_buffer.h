#pragma once

#include <array>
#include <cstddef>
#include <cstdint>

#include "dissect/rpc_observer.h"

namespace rpcaudit::dissect {

// The front of one direction of a stream, kept until it tells what the stream is.
struct ProbeBuffer {
  std::uint8_t size = 0;
  bool decided = false;
  FrameReference start;
  // Enough for the longest front that probe_stream() and looks_like_rpc() can ask for.
  std::array<std::byte, 64> bytes{};
};

}  // namespace rpcaudit::dissect
