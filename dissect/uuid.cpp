#include "dissect/uuid.h"

#include <algorithm>

#include "dissect/byte_cursor.h"

namespace rpcaudit {

char* write_uuid(const Uuid& uuid, char* out) noexcept {
  static constexpr char kDigits[] = "0123456789abcdef";
  for (std::size_t i = 0; i < uuid.bytes.size(); ++i) {
    if (i == 4 || i == 6 || i == 8 || i == 10) *out++ = '-';
    *out++ = kDigits[uuid.bytes[i] >> 4];
    *out++ = kDigits[uuid.bytes[i] & 15];
  }
  return out;
}

std::string to_string(const Uuid& uuid) {
  std::string text(kUuidTextSize, '\0');
  write_uuid(uuid, text.data());
  return text;
}

Uuid read_uuid(ByteCursor& cursor) noexcept {
  const Bytes wire = cursor.take(16);
  Uuid uuid;
  if (wire.empty()) return uuid;
  std::memcpy(uuid.bytes.data(), wire.data(), uuid.bytes.size());
  if (cursor.order() == std::endian::little) {
    // time_low, time_mid and time_hi are integers; clock_seq and node are byte strings.
    std::reverse(uuid.bytes.begin(), uuid.bytes.begin() + 4);
    std::swap(uuid.bytes[4], uuid.bytes[5]);
    std::swap(uuid.bytes[6], uuid.bytes[7]);
  }
  return uuid;
}

}  // namespace rpcaudit
