#pragma once

#include <cstddef>
#include <stdexcept>
#include <string>
#include <string_view>
#include <vector>

namespace rpcaudit {

// The bytes that `text` spells in hexadecimal. White space is ignored, so that a test may show the
// fields of a message apart; anything else that is no digit, or half a byte, throws.
inline std::vector<std::byte> hex(std::string_view text) {
  std::vector<std::byte> bytes;
  bytes.reserve(text.size() / 2);
  bool half = false;
  unsigned high = 0;
  for (const char c : text) {
    if (c == ' ' || c == '\n' || c == '\t' || c == '\r') continue;
    unsigned digit = 0;
    if (c >= '0' && c <= '9') {
      digit = static_cast<unsigned>(c - '0');
    } else if (c >= 'a' && c <= 'f') {
      digit = static_cast<unsigned>(c - 'a') + 10;
    } else if (c >= 'A' && c <= 'F') {
      digit = static_cast<unsigned>(c - 'A') + 10;
    } else {
      throw std::invalid_argument("not a hexadecimal digit: " + std::string(1, c));
    }
    if (half) {
      bytes.push_back(static_cast<std::byte>(high << 4 | digit));
    } else {
      high = digit;
    }
    half = !half;
  }
  if (half) throw std::invalid_argument("half a byte at the end of the hexadecimal text");
  return bytes;
}

}  // namespace rpcaudit
