#include "engine/audit/text/digest.h"

#include <openssl/evp.h>

#include <array>
#include <cstddef>

namespace rpcaudit::audit {

std::string sha256_hex(std::string_view bytes) {
  constexpr std::size_t kSize = 32;
  std::array<unsigned char, kSize> digest{};
  std::size_t size = 0;
  if (EVP_Q_digest(nullptr, "SHA256", nullptr, bytes.data(), bytes.size(), digest.data(), &size) !=
          1 ||
      size != kSize) {
    return {};
  }
  static constexpr char kDigits[] = "0123456789abcdef";
  std::string text;
  for (const unsigned char byte : digest) {
    text += kDigits[byte >> 4];
    text += kDigits[byte & 15];
  }
  return text;
}

}  // namespace rpcaudit::audit
