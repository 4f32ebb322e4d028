#pragma once

#include <array>
#include <cstdint>

#include "capture/timestamp.h"

namespace rpcaudit::audit {

// Writes times as RFC 3339 in UTC. Keeps the text of the last second written, because neighbours
// mostly share it.
class Rfc3339Writer {
 public:
  static constexpr std::size_t kSizeMax = 40;

  // `2026-11-20T14:03:12.123456789Z` at `out`; returns the position after it.
  char* write(Timestamp time, char* out) noexcept;
  // `2026-11-20 14:03:12.123`, for people.
  char* write_short(Timestamp time, char* out) noexcept;

 private:
  // Date and time of day, without fraction; returns the nanoseconds left.
  std::uint32_t write_seconds(Timestamp time, char separator, char*& out) noexcept;

  std::int64_t cached_second_ = INT64_MIN;
  std::array<char, kSizeMax> cached_{};
  std::size_t cached_size_ = 0;
};

// Exactly `count` decimal digits of `value`; returns the position after them.
char* write_digits(std::uint32_t value, unsigned count, char* out) noexcept;

// Seconds between two times as a decimal with nine places; returns the position after it. At most
// kSizeMax characters.
char* write_seconds_between(Timestamp begin, Timestamp end, char* out) noexcept;

}  // namespace rpcaudit::audit
