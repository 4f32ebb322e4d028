#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>

#include "capture/frame.h"

namespace rpcaudit::dissect {

// Big-endian integers at a place that the caller has checked to be captured.
[[nodiscard]] inline std::uint8_t load_u8(const std::byte* at) noexcept {
  return std::to_integer<std::uint8_t>(*at);
}
[[nodiscard]] inline std::uint16_t load_u16(const std::byte* at) noexcept {
  std::uint16_t value = 0;
  __builtin_memcpy(&value, at, sizeof value);
  return __builtin_bswap16(value);
}
[[nodiscard]] inline std::uint32_t load_u32(const std::byte* at) noexcept {
  std::uint32_t value = 0;
  __builtin_memcpy(&value, at, sizeof value);
  return __builtin_bswap32(value);
}
[[nodiscard]] inline std::uint64_t load_u64(const std::byte* at) noexcept {
  std::uint64_t value = 0;
  __builtin_memcpy(&value, at, sizeof value);
  return __builtin_bswap64(value);
}

// The rest of a packet from some layer on: what was captured of it, and how long it was on the
// wire. `captured` is never longer than `length`.
struct WireBytes {
  Bytes captured;
  std::size_t length = 0;

  // Whether the first `count` bytes were captured; then they may be read below.
  [[nodiscard]] bool has(std::size_t count) const noexcept { return captured.size() >= count; }

  [[nodiscard]] std::uint8_t u8(std::size_t at) const noexcept {
    return load_u8(captured.data() + at);
  }
  [[nodiscard]] std::uint16_t u16(std::size_t at) const noexcept {
    return load_u16(captured.data() + at);
  }
  [[nodiscard]] std::uint32_t u32(std::size_t at) const noexcept {
    return load_u32(captured.data() + at);
  }
  [[nodiscard]] std::uint64_t u64(std::size_t at) const noexcept {
    return load_u64(captured.data() + at);
  }

  // Leaves the first `count` bytes, which were captured, behind.
  void skip(std::size_t count) noexcept {
    captured = captured.subspan(count);
    length -= count;
  }
  // Ends the rest after `count` bytes, unless it is shorter: what follows is padding.
  void limit(std::size_t count) noexcept {
    length = std::min(length, count);
    captured = captured.first(std::min(captured.size(), count));
  }
};

}  // namespace rpcaudit::dissect
