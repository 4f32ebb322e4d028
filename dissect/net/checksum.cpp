#include "dissect/net/checksum.h"

#include <cstddef>

#include "dissect/net/ip.h"
#include "dissect/store/wire_bytes.h"

namespace rpcaudit::dissect {
namespace {

constexpr std::uint16_t kAllOnes = 0xffff;

[[nodiscard]] std::uint16_t fold(std::uint64_t sum) noexcept {
  sum = (sum & 0xffff'ffff) + (sum >> 32);
  sum = (sum & 0xffff'ffff) + (sum >> 32);
  sum = (sum & 0xffff) + (sum >> 16);
  sum = (sum & 0xffff) + (sum >> 16);
  return static_cast<std::uint16_t>(sum);
}

[[nodiscard]] std::uint64_t sum_of_words(std::uint64_t value) noexcept {
  return (value & 0xffff'ffff) + (value >> 32);
}

}  // namespace

std::uint16_t ones_complement_sum(Bytes bytes) noexcept {
  // The sum does not depend on the order of bytes in a word but for a last swap (RFC 1071 2), so
  // it is made of native words, as wide as they come.
  std::uint64_t sum = 0;
  std::size_t at = 0;
  for (; at + 4 <= bytes.size(); at += 4) {
    std::uint32_t word = 0;
    __builtin_memcpy(&word, bytes.data() + at, sizeof word);
    sum += word;
  }
  std::uint32_t tail = 0;
  if (at < bytes.size()) __builtin_memcpy(&tail, bytes.data() + at, bytes.size() - at);
  return __builtin_bswap16(fold(sum + tail));
}

bool is_ipv4_checksum_good(Bytes header) noexcept {
  return ones_complement_sum(header) == kAllOnes;
}

ChecksumResult verify_transport_checksum(const Packet& packet) noexcept {
  if (packet.is_cut()) return ChecksumResult::unknown;
  const Bytes bytes = packet.transport_bytes();
  const bool is_tcp = packet.transport == Transport::tcp;
  if (!is_tcp && load_u16(bytes.data() + 6) == 0) return ChecksumResult::absent;

  std::uint64_t sum = ones_complement_sum(bytes);
  sum += bytes.size();
  sum += is_tcp ? kProtocolTcp : kProtocolUdp;
  const std::uint64_t mask = packet.ip_version == 4 ? 0xffff'ffff : ~std::uint64_t{0};
  for (const AddressWords& address : {packet.source, packet.destination}) {
    sum += sum_of_words(address.high) + sum_of_words(address.low & mask);
  }
  return fold(sum) == kAllOnes ? ChecksumResult::good : ChecksumResult::bad;
}

}  // namespace rpcaudit::dissect
