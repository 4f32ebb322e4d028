#pragma once

#include <bit>
#include <concepts>
#include <cstddef>
#include <cstdint>
#include <cstring>

#include "capture/frame.h"

namespace rpcaudit {

// Reads fields, in wire order, from bytes that somebody else owns.
//
// A read past the end yields zero and fails the cursor for good, so a parser may read a whole
// header and ask ok() once. Ask it before branching on a value that was read, and before any loop
// that such a value bounds.
//
// The byte order is chosen when the cursor is made, never per read: it is a property of the PDU
// (DCE/RPC states its own), not of the field.
class ByteCursor {
 public:
  ByteCursor(Bytes bytes, std::endian order) noexcept : rest_(bytes), order_(order) {}

  std::uint8_t u8() noexcept { return read<std::uint8_t>(); }
  std::uint16_t u16() noexcept { return read<std::uint16_t>(); }
  std::uint32_t u32() noexcept { return read<std::uint32_t>(); }
  std::uint64_t u64() noexcept { return read<std::uint64_t>(); }
  void skip(std::size_t count) noexcept { (void)take(count); }

  // The next `count` bytes, borrowed from the underlying buffer, not copied.
  Bytes take(std::size_t count) noexcept {
    if (!ok_ || count > rest_.size()) {
      ok_ = false;
      return {};
    }
    const Bytes taken = rest_.first(count);
    rest_ = rest_.subspan(count);
    return taken;
  }

  // All bytes not read yet.
  [[nodiscard]] Bytes rest() const noexcept { return ok_ ? rest_ : Bytes{}; }
  [[nodiscard]] bool ok() const noexcept { return ok_; }
  [[nodiscard]] std::size_t remaining() const noexcept { return ok_ ? rest_.size() : 0; }
  [[nodiscard]] std::endian order() const noexcept { return order_; }

 private:
  template <std::unsigned_integral T>
  T read() noexcept {
    T value = 0;
    const Bytes source = take(sizeof(T));
    if (source.empty()) return value;
    std::memcpy(&value, source.data(), sizeof(T));
    if (order_ == std::endian::native) return value;
    if constexpr (sizeof(T) == 2) value = __builtin_bswap16(value);
    if constexpr (sizeof(T) == 4) value = __builtin_bswap32(value);
    if constexpr (sizeof(T) == 8) value = __builtin_bswap64(value);
    return value;
  }

  Bytes rest_;
  std::endian order_;
  bool ok_ = true;
};

}  // namespace rpcaudit
