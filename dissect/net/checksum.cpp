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
  constexpr std::size_t kWord = sizeof(std::uint64_t);
  constexpr std::size_t kStep = 4 * kWord;
  std::uint64_t sum = 0;
  std::uint64_t carries = 0;
  const auto add = [&](const std::byte* from, std::size_t size) {
    std::uint64_t word = 0;
    __builtin_memcpy(&word, from, size);
    sum += word;
    carries += sum < word ? 1 : 0;
  };
  const std::byte* at = bytes.data();
  const std::byte* const end = at + bytes.size();
  for (; end - at >= static_cast<std::ptrdiff_t>(kStep); at += kStep) {
    for (std::size_t i = 0; i < kStep; i += kWord) add(at + i, kWord);
  }
  for (; end - at >= static_cast<std::ptrdiff_t>(kWord); at += kWord) add(at, kWord);
  if (at != end) add(at, static_cast<std::size_t>(end - at));
  return __builtin_bswap16(fold(sum_of_words(sum) + carries));
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
