#pragma once

#include <compare>
#include <cstdint>

namespace rpcaudit {

inline constexpr std::int64_t kNanosecondsPerSecond = 1'000'000'000;

// Capture time: nanoseconds since 1970-01-01T00:00:00Z. It is the only clock on the data path;
// expiry and windows count in it too, so the same file gives the same output on any machine.
struct Timestamp {
  std::int64_t nanoseconds = 0;

  auto operator<=>(const Timestamp&) const = default;
};

}  // namespace rpcaudit
