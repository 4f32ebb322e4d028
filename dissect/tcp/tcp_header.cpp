#include "dissect/tcp/tcp_header.h"

#include <algorithm>

namespace rpcaudit::dissect {
namespace {

enum : std::uint8_t { kEndOfOptions = 0, kNoOperation = 1, kWindowScale = 3, kTimestamps = 8 };

// The value of the first option of a kind and length; nullptr without one. A list that contradicts
// itself ends there.
[[nodiscard]] const std::byte* find_option(Bytes header, std::uint8_t kind,
                                           std::size_t length) noexcept {
  std::size_t at = kTcpHeaderSizeMin;
  while (at < header.size()) {
    const std::uint8_t found = load_u8(header.data() + at);
    if (found == kEndOfOptions) return nullptr;
    if (found == kNoOperation) {
      ++at;
      continue;
    }
    if (at + 2 > header.size()) return nullptr;
    const std::size_t size = load_u8(header.data() + at + 1);
    if (size < 2 || at + size > header.size()) return nullptr;
    if (found == kind && size == length) return header.data() + at + 2;
    at += size;
  }
  return nullptr;
}

}  // namespace

std::optional<std::uint32_t> detail::find_tcp_timestamp(Bytes header) noexcept {
  const std::byte* value = find_option(header, kTimestamps, 10);
  if (value == nullptr) return std::nullopt;
  return load_u32(value);
}

std::optional<std::uint8_t> tcp_window_scale(const Packet& packet) noexcept {
  constexpr std::uint8_t kShiftMax = 14;
  const std::byte* header = detail::tcp_header(packet);
  if (header == nullptr) return std::nullopt;
  const std::byte* value = find_option({header, packet.transport_header_size}, kWindowScale, 3);
  if (value == nullptr) return std::nullopt;
  return std::min(load_u8(value), kShiftMax);
}

}  // namespace rpcaudit::dissect
