#pragma once

#include <algorithm>
#include <array>
#include <bit>
#include <cstdint>

#include "dissect/store/address_words.h"

namespace rpcaudit::dissect {

// The two halves of a 128-bit product, folded: each bit of the result depends on all bits of both
// factors. With a secret added to (or folded into) the factors it is the step of a keyed hash.
[[nodiscard]] inline std::uint64_t fold_multiply(std::uint64_t a, std::uint64_t b) noexcept {
  __extension__ using Wide = unsigned __int128;
  const Wide product = Wide{a} * b;
  return static_cast<std::uint64_t>(product) ^ static_cast<std::uint64_t>(product >> 64);
}

// Sixteen bytes as words to hash, in the machine's byte order.
[[nodiscard]] inline std::array<std::uint64_t, 2> words_of(
    const std::array<std::uint8_t, 16>& bytes) noexcept {
  return std::bit_cast<std::array<std::uint64_t, 2>>(bytes);
}

// Hashes an unordered pair of hosts: the result is the same for both orders.
[[nodiscard]] inline std::uint64_t hash_hosts(
    const AddressWords& one, const AddressWords& other,
    const std::array<std::uint64_t, 3>& secrets) noexcept {
  const auto [low, high] = std::minmax(one, other);
  const std::uint64_t mixed = fold_multiply(low.high ^ secrets[0], low.low ^ secrets[1]);
  return fold_multiply(mixed ^ high.high, high.low ^ secrets[2]);
}

// Makes independent secrets from one seed (SplitMix64).
class SecretSequence {
 public:
  explicit constexpr SecretSequence(std::uint64_t seed) noexcept : state_(seed) {}

  [[nodiscard]] constexpr std::uint64_t next() noexcept {
    state_ += 0x9e37'79b9'7f4a'7c15;
    std::uint64_t mixed = state_;
    mixed = (mixed ^ mixed >> 30) * 0xbf58'476d'1ce4'e5b9;
    mixed = (mixed ^ mixed >> 27) * 0x94d0'49bb'1331'11eb;
    return mixed ^ mixed >> 31;
  }

 private:
  std::uint64_t state_;
};

}  // namespace rpcaudit::dissect
