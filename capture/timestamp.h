#pragma once

#include <compare>
#include <cstdint>
#include <limits>

namespace rpcaudit {

inline constexpr std::int64_t kNanosecondsPerSecond = 1'000'000'000;

// Capture time: nanoseconds since 1970-01-01T00:00:00Z. It is the only clock on the data path;
// expiry and windows count in it too, so the same file gives the same output on any machine.
struct Timestamp {
  std::int64_t nanoseconds = 0;

  auto operator<=>(const Timestamp&) const = default;
};

// The nanoseconds from `earlier` to `later`, negative when they are not in that order. Saturates:
// a capture file may state any two times.
[[nodiscard]] constexpr std::int64_t nanoseconds_between(Timestamp earlier,
                                                         Timestamp later) noexcept {
  std::int64_t difference = 0;
  if (!__builtin_sub_overflow(later.nanoseconds, earlier.nanoseconds, &difference)) {
    return difference;
  }
  return later < earlier ? std::numeric_limits<std::int64_t>::min()
                         : std::numeric_limits<std::int64_t>::max();
}

}  // namespace rpcaudit
