#pragma once

#include <array>
#include <cstddef>
#include <cstdint>

#include "dissect/rpc_observer.h"

namespace rpcaudit::dissect {

// The prefix of one direction of a stream, kept until it tells what the stream is.
struct ProbeBuffer {
  std::uint8_t size = 0;
  bool decided = false;
  FrameReference start;
  // Enough for the longest prefix that probe_stream() and looks_like_rpc() can ask for.
  std::array<std::byte, 64> bytes{};

  [[nodiscard]] Bytes view() const noexcept { return Bytes(bytes).first(size); }
};

}  // namespace rpcaudit::dissect
