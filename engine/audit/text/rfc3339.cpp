#include "engine/audit/text/rfc3339.h"

#include <charconv>
#include <chrono>
#include <cstring>

namespace rpcaudit::audit {

char* write_digits(std::uint32_t value, unsigned count, char* out) noexcept {
  for (unsigned i = count; i-- > 0; value /= 10) out[i] = static_cast<char>('0' + value % 10);
  return out + count;
}

std::uint32_t Rfc3339Writer::write_seconds(Timestamp time, char separator, char*& out) noexcept {
  using namespace std::chrono;
  std::int64_t whole = time.nanoseconds / kNanosecondsPerSecond;
  std::int64_t rest = time.nanoseconds % kNanosecondsPerSecond;
  if (rest < 0) {  // before 1970: round down, as for any other time
    rest += kNanosecondsPerSecond;
    --whole;
  }
  const sys_seconds second{seconds{whole}};
  if (second.time_since_epoch().count() != cached_second_) {
    cached_second_ = second.time_since_epoch().count();
    const sys_days day = floor<days>(second);
    const year_month_day date{day};
    const hh_mm_ss clock{second - day};
    char* at = cached_.data();
    at = write_digits(static_cast<std::uint32_t>(static_cast<int>(date.year())), 4, at);
    *at++ = '-';
    at = write_digits(static_cast<unsigned>(date.month()), 2, at);
    *at++ = '-';
    at = write_digits(static_cast<unsigned>(date.day()), 2, at);
    *at++ = ' ';
    at = write_digits(static_cast<std::uint32_t>(clock.hours().count()), 2, at);
    *at++ = ':';
    at = write_digits(static_cast<std::uint32_t>(clock.minutes().count()), 2, at);
    *at++ = ':';
    at = write_digits(static_cast<std::uint32_t>(clock.seconds().count()), 2, at);
    cached_size_ = static_cast<std::size_t>(at - cached_.data());
  }
  std::memcpy(out, cached_.data(), cached_size_);
  out[10] = separator;
  out += cached_size_;
  *out++ = '.';
  return static_cast<std::uint32_t>(rest);
}

char* Rfc3339Writer::write(Timestamp time, char* out) noexcept {
  const std::uint32_t rest = write_seconds(time, 'T', out);
  out = write_digits(rest, 9, out);
  *out++ = 'Z';
  return out;
}

char* Rfc3339Writer::write_short(Timestamp time, char* out) noexcept {
  const std::uint32_t rest = write_seconds(time, ' ', out);
  return write_digits(rest / 1'000'000, 3, out);
}

char* write_seconds_between(Timestamp begin, Timestamp end, char* out) noexcept {
  // Unsigned arithmetic is defined for any two times.
  std::uint64_t elapsed =
      static_cast<std::uint64_t>(end.nanoseconds) - static_cast<std::uint64_t>(begin.nanoseconds);
  if (end < begin) {
    *out++ = '-';
    elapsed = 0 - elapsed;
  }
  constexpr auto kSecond = static_cast<std::uint64_t>(kNanosecondsPerSecond);
  out = std::to_chars(out, out + 20, elapsed / kSecond).ptr;
  *out++ = '.';
  return write_digits(static_cast<std::uint32_t>(elapsed % kSecond), 9, out);
}

}  // namespace rpcaudit::audit
