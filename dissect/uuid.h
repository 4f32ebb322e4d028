#pragma once

#include <array>
#include <bit>
#include <compare>
#include <cstdint>
#include <cstring>
#include <optional>
#include <string>
#include <string_view>

namespace rpcaudit {

// A UUID by its meaning, not by its wire form: `bytes` is the order in which it is printed
// (RFC 4122), whatever the byte order of the PDU it came from. Compares like its text.
struct Uuid {
  std::array<std::uint8_t, 16> bytes{};

  auto operator<=>(const Uuid&) const = default;
  // Two words rather than 16 bytes: every call is compared with some well-known UUIDs.
  constexpr bool operator==(const Uuid& other) const noexcept {
    using Words = std::array<std::uint64_t, 2>;
    const Words own = std::bit_cast<Words>(bytes);
    const Words others = std::bit_cast<Words>(other.bytes);
    return own[0] == others[0] && own[1] == others[1];
  }

  [[nodiscard]] constexpr bool is_nil() const noexcept {
    for (const std::uint8_t byte : bytes) {
      if (byte != 0) return false;
    }
    return true;
  }
};

inline constexpr std::size_t kUuidTextSize = 36;

// Parses `xxxxxxxx-xxxx-xxxx-xxxx-xxxxxxxxxxxx`, either case, nothing before or after.
[[nodiscard]] constexpr std::optional<Uuid> parse_uuid(std::string_view text) noexcept;

// Writes exactly kUuidTextSize lower-case characters at `out`; returns the position after them.
char* write_uuid(const Uuid& uuid, char* out) noexcept;
[[nodiscard]] std::string to_string(const Uuid& uuid);

class ByteCursor;
// Reads the 16 bytes of a UUID whose first three fields follow the cursor's byte order
// (C706 appendix A); a failed cursor yields the nil UUID.
[[nodiscard]] Uuid read_uuid(ByteCursor& cursor) noexcept;

// A constant UUID, checked at compile time.
consteval Uuid uuid(std::string_view text) {
  const std::optional<Uuid> parsed = parse_uuid(text);
  if (!parsed) throw "not a UUID";
  return *parsed;
}

namespace detail {
constexpr int hex_value(char c) noexcept {
  if (c >= '0' && c <= '9') return c - '0';
  if (c >= 'a' && c <= 'f') return c - 'a' + 10;
  if (c >= 'A' && c <= 'F') return c - 'A' + 10;
  return -1;
}
}  // namespace detail

constexpr std::optional<Uuid> parse_uuid(std::string_view text) noexcept {
  if (text.size() != kUuidTextSize) return std::nullopt;
  Uuid uuid;
  std::size_t at = 0;
  for (std::size_t i = 0; i < uuid.bytes.size(); ++i) {
    if (at == 8 || at == 13 || at == 18 || at == 23) {
      if (text[at] != '-') return std::nullopt;
      ++at;
    }
    const int high = detail::hex_value(text[at]);
    const int low = detail::hex_value(text[at + 1]);
    if (high < 0 || low < 0) return std::nullopt;
    uuid.bytes[i] = static_cast<std::uint8_t>(high << 4 | low);
    at += 2;
  }
  return uuid;
}

}  // namespace rpcaudit
