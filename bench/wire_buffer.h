#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string_view>
#include <utility>
#include <vector>

namespace rpcaudit::bench {

// Random numbers that are the same on every machine (splitmix64).
class Random {
 public:
  explicit Random(std::uint64_t seed) noexcept : state_(seed) {}

  std::uint64_t next() noexcept {
    state_ += 0x9e3779b97f4a7c15;
    std::uint64_t mixed = state_;
    mixed = (mixed ^ (mixed >> 30)) * 0xbf58476d1ce4e5b9;
    mixed = (mixed ^ (mixed >> 27)) * 0x94d049bb133111eb;
    return mixed ^ (mixed >> 31);
  }

  std::uint32_t below(std::uint32_t bound) noexcept {
    return static_cast<std::uint32_t>((next() >> 32) * bound >> 32);
  }

 private:
  std::uint64_t state_;
};

// Bytes being written, field by field.
class WireBuffer {
 public:
  void u8(std::uint64_t value) { bytes_.push_back(static_cast<std::uint8_t>(value)); }
  void u16(std::uint64_t value) { little(value, 2); }
  void u32(std::uint64_t value) { little(value, 4); }
  void u64(std::uint64_t value) { little(value, 8); }
  void u16_big(std::uint64_t value) { big(value, 2); }
  void u24_big(std::uint64_t value) { big(value, 3); }
  void u32_big(std::uint64_t value) { big(value, 4); }
  void zeros(std::size_t count) { bytes_.insert(bytes_.end(), count, 0); }
  void text(std::string_view value) { bytes_.insert(bytes_.end(), value.begin(), value.end()); }
  void bytes(std::span<const std::uint8_t> value) {
    bytes_.insert(bytes_.end(), value.begin(), value.end());
  }

  void set_u16(std::size_t at, std::uint64_t value) {
    bytes_[at] = static_cast<std::uint8_t>(value);
    bytes_[at + 1] = static_cast<std::uint8_t>(value >> 8);
  }
  void set_u16_big(std::size_t at, std::uint64_t value) {
    bytes_[at] = static_cast<std::uint8_t>(value >> 8);
    bytes_[at + 1] = static_cast<std::uint8_t>(value);
  }

  [[nodiscard]] std::size_t size() const noexcept { return bytes_.size(); }
  [[nodiscard]] std::span<const std::uint8_t> view() const noexcept { return bytes_; }
  void clear() noexcept { bytes_.clear(); }
  std::vector<std::uint8_t> take() noexcept { return std::move(bytes_); }

 private:
  void little(std::uint64_t value, unsigned count) {
    for (unsigned i = 0; i < count; ++i) u8(value >> (8 * i));
  }
  void big(std::uint64_t value, unsigned count) {
    for (unsigned i = count; i-- > 0;) u8(value >> (8 * i));
  }

  std::vector<std::uint8_t> bytes_;
};

}  // namespace rpcaudit::bench
