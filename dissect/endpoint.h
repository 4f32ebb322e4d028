#pragma once

#include <array>
#include <compare>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace rpcaudit {

// An IPv4 or IPv6 address in network byte order. IPv4 is held in its v4-mapped form
// (::ffff:a.b.c.d, RFC 4291 2.5.5.2), which no IPv6 packet carries on the wire.
struct IpAddress {
  std::array<std::uint8_t, 16> bytes{};

  auto operator<=>(const IpAddress&) const = default;

  [[nodiscard]] static constexpr IpAddress v4(std::uint32_t host_order) noexcept {
    IpAddress address;
    address.bytes[10] = 0xff;
    address.bytes[11] = 0xff;
    address.bytes[12] = static_cast<std::uint8_t>(host_order >> 24);
    address.bytes[13] = static_cast<std::uint8_t>(host_order >> 16);
    address.bytes[14] = static_cast<std::uint8_t>(host_order >> 8);
    address.bytes[15] = static_cast<std::uint8_t>(host_order);
    return address;
  }

  [[nodiscard]] constexpr bool is_v4() const noexcept {
    for (std::size_t i = 0; i < 10; ++i) {
      if (bytes[i] != 0) return false;
    }
    return bytes[10] == 0xff && bytes[11] == 0xff;
  }

  // The IPv4 address as an integer in host order; only meaningful when is_v4().
  [[nodiscard]] constexpr std::uint32_t v4_value() const noexcept {
    return static_cast<std::uint32_t>(bytes[12]) << 24 |
           static_cast<std::uint32_t>(bytes[13]) << 16 |
           static_cast<std::uint32_t>(bytes[14]) << 8 | static_cast<std::uint32_t>(bytes[15]);
  }
};

struct Endpoint {
  IpAddress address;
  std::uint16_t port = 0;  // host order

  auto operator<=>(const Endpoint&) const = default;
};

inline constexpr std::size_t kIpTextSizeMax = 45;

// Writes the canonical text (RFC 5952 for IPv6), at most kIpTextSizeMax characters; returns the
// position after it.
char* write_ip(const IpAddress& address, char* out) noexcept;
[[nodiscard]] std::string to_string(const IpAddress& address);

// Parses dotted IPv4 or any RFC 4291 IPv6 text; nothing before or after.
[[nodiscard]] std::optional<IpAddress> parse_ip(std::string_view text) noexcept;

}  // namespace rpcaudit
