#pragma once

#include <array>
#include <compare>
#include <cstddef>
#include <cstdint>

namespace rpcaudit::evaluate {

// A UUID or an IPv6 address as two integers that compare as its bytes do.
struct Uint128 {
  std::uint64_t high = 0;
  std::uint64_t low = 0;

  auto operator<=>(const Uint128&) const = default;
};

[[nodiscard]] constexpr Uint128 to_uint128(const std::array<std::uint8_t, 16>& bytes) noexcept {
  Uint128 value;
  for (std::size_t i = 0; i < 8; ++i) {
    value.high = value.high << 8 | bytes[i];
    value.low = value.low << 8 | bytes[i + 8];
  }
  return value;
}

}  // namespace rpcaudit::evaluate
