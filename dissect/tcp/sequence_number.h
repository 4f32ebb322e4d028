#pragma once

#include <cstdint>

namespace rpcaudit::dissect {

// From one sequence number to another, either of which may have wrapped (RFC 9293 3.4): positive
// when `to` comes after `from`.
[[nodiscard]] constexpr std::int32_t sequence_distance(std::uint32_t from,
                                                       std::uint32_t to) noexcept {
  return static_cast<std::int32_t>(to - from);
}

}  // namespace rpcaudit::dissect
