#pragma once

#include <algorithm>
#include <array>
#include <bit>
#include <cstddef>
#include <cstdint>
#include <string_view>

#include "dissect/byte_cursor.h"

namespace rpcaudit::dissect {

// Where a text of bounded length stands, in UTF-8. What does not fit is cut at a character.
class TextSlot {
 public:
  // Borrows both; `size` is that of the text there is.
  TextSlot(char* text, std::uint16_t* size, std::size_t capacity) noexcept
      : text_(text), size_(size), capacity_(capacity) {}

  void clear() const noexcept { *size_ = 0; }
  [[nodiscard]] std::string_view view() const noexcept { return {text_, *size_}; }
  [[nodiscard]] bool empty() const noexcept { return *size_ == 0; }

  // Appends one code point; false when it does not fit.
  bool append(char32_t point) const noexcept {
    char encoded[4];
    std::size_t count = 0;
    if (point < 0x80) {
      encoded[count++] = static_cast<char>(point);
    } else if (point < 0x800) {
      encoded[count++] = static_cast<char>(0xc0 | point >> 6);
      encoded[count++] = static_cast<char>(0x80 | (point & 0x3f));
    } else if (point < 0x10000) {
      encoded[count++] = static_cast<char>(0xe0 | point >> 12);
      encoded[count++] = static_cast<char>(0x80 | (point >> 6 & 0x3f));
      encoded[count++] = static_cast<char>(0x80 | (point & 0x3f));
    } else {
      encoded[count++] = static_cast<char>(0xf0 | point >> 18);
      encoded[count++] = static_cast<char>(0x80 | (point >> 12 & 0x3f));
      encoded[count++] = static_cast<char>(0x80 | (point >> 6 & 0x3f));
      encoded[count++] = static_cast<char>(0x80 | (point & 0x3f));
    }
    if (*size_ + count > capacity_) return false;
    for (std::size_t i = 0; i < count; ++i) text_[(*size_)++] = encoded[i];
    return true;
  }

  // Appends valid UTF-8 text.
  void append_utf8(std::string_view text) const noexcept {
    std::size_t size = std::min(text.size(), capacity_ - *size_);
    while (size < text.size() && size > 0 && (text[size] & 0xc0) == 0x80) --size;
    std::copy_n(text.data(), size, text_ + *size_);
    *size_ = static_cast<std::uint16_t>(*size_ + size);
  }

  // Appends little-endian UTF-16; a lone surrogate becomes U+FFFD, half a unit at the end is left
  // out.
  void append_utf16(Bytes bytes) const noexcept {
    ByteCursor cursor(bytes.first(bytes.size() & ~std::size_t{1}), std::endian::little);
    while (cursor.remaining() != 0) {
      char32_t point = cursor.u16();
      if (point >= 0xd800 && point < 0xdc00 && cursor.remaining() != 0) {
        const char32_t low = cursor.u16();
        point = low >= 0xdc00 && low < 0xe000 ? 0x10000 + ((point - 0xd800) << 10) + (low - 0xdc00)
                                              : char32_t{0xfffd};
      } else if (point >= 0xd800 && point < 0xe000) {
        point = 0xfffd;
      }
      if (!append(point)) return;
    }
  }

  // Appends OEM or DER text: ASCII as it is; other bytes have no agreed meaning: shown as Latin-1.
  void append_octets(Bytes bytes) const noexcept {
    for (const std::byte byte : bytes) {
      if (!append(std::to_integer<char32_t>(byte))) return;
    }
  }

 private:
  char* text_;
  std::uint16_t* size_;
  std::size_t capacity_;
};

// A text kept in place.
template <std::size_t Capacity>
class BoundedText {
 public:
  [[nodiscard]] std::string_view view() const noexcept { return {text_.data(), size_}; }
  [[nodiscard]] bool empty() const noexcept { return size_ == 0; }
  [[nodiscard]] TextSlot slot() noexcept { return {text_.data(), &size_, Capacity}; }

 private:
  static_assert(Capacity <= 0xffff);
  std::uint16_t size_ = 0;
  std::array<char, Capacity> text_{};
};

}  // namespace rpcaudit::dissect
