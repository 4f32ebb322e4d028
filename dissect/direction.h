#pragma once

#include <array>
#include <cstddef>
#include <cstdint>

namespace rpcaudit::dissect {

// One of the two directions of a conversation. Of a TCP connection `forward` is the direction from
// the first of its two endpoints, in the order of FlowKey, to the second, whoever of them is the
// client; of a named pipe it is the direction from the SMB client to the server.
enum class Direction : std::uint8_t { forward, reverse };

inline constexpr std::array<Direction, 2> kDirections{Direction::forward, Direction::reverse};

[[nodiscard]] constexpr Direction opposite(Direction direction) noexcept {
  return direction == Direction::forward ? Direction::reverse : Direction::forward;
}

// Two values, one for each direction.
template <class T>
struct PerDirection {
  std::array<T, 2> values{};

  constexpr T& operator[](Direction direction) noexcept {
    return values[static_cast<std::size_t>(direction)];
  }
  constexpr const T& operator[](Direction direction) const noexcept {
    return values[static_cast<std::size_t>(direction)];
  }
  bool operator==(const PerDirection&) const = default;
};

}  // namespace rpcaudit::dissect
