#pragma once

#include <cstddef>
#include <cstdint>

#include "dissect/endpoint.h"

namespace rpcaudit::dissect {

// An address as two integers: the bytes of its IpAddress, most significant first. Cheap to make,
// compare and hash; IPv4 is v4-mapped here too.
struct AddressWords {
  std::uint64_t high = 0;
  std::uint64_t low = 0;

  bool operator==(const AddressWords&) const = default;
  [[nodiscard]] constexpr bool operator<(const AddressWords& other) const noexcept {
    return high != other.high ? high < other.high : low < other.low;
  }

  [[nodiscard]] static constexpr AddressWords v4(std::uint32_t host_order) noexcept {
    return {0, std::uint64_t{0xffff} << 32 | host_order};
  }
  [[nodiscard]] static constexpr AddressWords of(const IpAddress& address) noexcept {
    AddressWords words;
    for (std::size_t i = 0; i < 8; ++i) {
      words.high = words.high << 8 | address.bytes[i];
      words.low = words.low << 8 | address.bytes[i + 8];
    }
    return words;
  }
  [[nodiscard]] constexpr bool is_v4() const noexcept { return high == 0 && low >> 32 == 0xffff; }
  [[nodiscard]] constexpr IpAddress address() const noexcept {
    IpAddress address;
    for (std::size_t i = 0; i < 8; ++i) {
      address.bytes[i] = static_cast<std::uint8_t>(high >> (56 - 8 * i));
      address.bytes[i + 8] = static_cast<std::uint8_t>(low >> (56 - 8 * i));
    }
    return address;
  }
};

}  // namespace rpcaudit::dissect
