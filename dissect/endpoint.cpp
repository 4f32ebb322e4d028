#include "dissect/endpoint.h"

#include <arpa/inet.h>

#include <cstring>

namespace rpcaudit {
namespace {

char* write_decimal_octet(std::uint8_t value, char* out) noexcept {
  if (value >= 100) *out++ = static_cast<char>('0' + value / 100);
  if (value >= 10) *out++ = static_cast<char>('0' + value / 10 % 10);
  *out++ = static_cast<char>('0' + value % 10);
  return out;
}

}  // namespace

char* write_ip(const IpAddress& address, char* out) noexcept {
  if (address.is_v4()) {
    for (std::size_t i = 12; i < 16; ++i) {
      if (i > 12) *out++ = '.';
      out = write_decimal_octet(address.bytes[i], out);
    }
    return out;
  }
  char text[INET6_ADDRSTRLEN];
  if (inet_ntop(AF_INET6, address.bytes.data(), text, sizeof text) == nullptr) return out;
  const std::size_t size = std::strlen(text);
  std::memcpy(out, text, size);
  return out + size;
}

std::string to_string(const IpAddress& address) {
  char text[kIpTextSizeMax];
  return {text, write_ip(address, text)};
}

std::optional<IpAddress> parse_ip(std::string_view text) noexcept {
  char terminated[kIpTextSizeMax + 1];
  if (text.empty() || text.size() > kIpTextSizeMax) return std::nullopt;
  std::memcpy(terminated, text.data(), text.size());
  terminated[text.size()] = '\0';
  if (std::strlen(terminated) != text.size()) return std::nullopt;

  in_addr v4{};
  if (inet_pton(AF_INET, terminated, &v4) == 1) return IpAddress::v4(ntohl(v4.s_addr));
  IpAddress address;
  if (inet_pton(AF_INET6, terminated, address.bytes.data()) == 1) return address;
  return std::nullopt;
}

}  // namespace rpcaudit
