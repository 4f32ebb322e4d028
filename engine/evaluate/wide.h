#pragma once

#include <array>
#include <compare>
#include <cstddef>
#include <cstdint>

namespace rpcaudit::evaluate {

// A UUID or an IPv6 address as two integers that compare as its bytes do.
struct Wide {
  std::uint64_t high = 0;
  std::uint64_t low = 0;

  auto operator<=>(const Wide&) const = default;
};

[[nodiscard]] constexpr Wide to_wide(const std::array<std::uint8_t, 16>& bytes) noexcept {
  Wide wide;
  for (std::size_t i = 0; i < 8; ++i) {
    wide.high = wide.high << 8 | bytes[i];
    wide.low = wide.low << 8 | bytes[i + 8];
  }
  return wide;
}

}  // namespace rpcaudit::evaluate
