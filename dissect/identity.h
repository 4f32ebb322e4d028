#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <string_view>

#include "dissect/rpc_observer.h"

namespace rpcaudit {

// A text of bounded length, kept in place. What does not fit is cut at a character.
template <std::size_t Capacity>
class BoundedText {
 public:
  void clear() noexcept { size_ = 0; }
  [[nodiscard]] std::string_view view() const noexcept { return {text_.data(), size_}; }

  // Appends one code point as UTF-8; false when it does not fit.
  bool append(char32_t point) noexcept {
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
    if (size_ + count > Capacity) return false;
    for (std::size_t i = 0; i < count; ++i) text_[size_++] = encoded[i];
    return true;
  }

 private:
  std::array<char, Capacity> text_{};
  std::size_t size_ = 0;
};

// The strings of a security context, owned. view() lends them as the observer gets them.
struct Identity {
  BoundedText<128> user;
  BoundedText<128> domain;
  BoundedText<64> workstation;
  BoundedText<128> service;
  BoundedText<128> realm;
  std::uint8_t mechanism = 0;
  bool null_session = false;

  void clear() noexcept {
    user.clear();
    domain.clear();
    workstation.clear();
    service.clear();
    realm.clear();
    mechanism = 0;
    null_session = false;
  }

  [[nodiscard]] SecurityIdentity view() const noexcept {
    return {user.view(),  domain.view(), workstation.view(), service.view(),
            realm.view(), mechanism,     null_session};
  }
};

}  // namespace rpcaudit
