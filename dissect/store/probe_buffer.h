#pragma once

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>

#include "dissect/rpc_observer.h"

namespace rpcaudit::dissect {

// The prefix of one direction of a stream, kept until it tells what the stream is.
struct ProbeBuffer {
  std::uint8_t size = 0;
  bool decided = false;
  // The first byte came alone where the beginning was not seen: it may be that of a keep-alive, and
  // the stream may begin behind it (RFC 9293 3.8.4).
  bool may_begin_with_keep_alive = false;
  FrameReference start;
  // Enough for the longest prefix that probe_stream() and looks_like_rpc() can ask for.
  std::array<std::byte, 64> bytes{};

  [[nodiscard]] Bytes view() const noexcept { return Bytes(bytes).first(size); }
  void drop_first_byte() noexcept {
    std::copy(bytes.begin() + 1, bytes.begin() + size, bytes.begin());
    --size;
  }
};

}  // namespace rpcaudit::dissect
