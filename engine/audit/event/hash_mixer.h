#pragma once

#include <array>
#include <cstdint>
#include <cstring>

namespace rpcaudit::audit {

// Where hashes of what was captured begin: another number in every run, so that no capture can be
// made whose keys all fall on one place of a table. The number stays the same throughout a run.
// What is written does not depend on it while no table overflows.
[[nodiscard]] std::uint64_t hash_seed();

// Mixes values into a hash, one after the other.
class HashMixer {
 public:
  explicit HashMixer(std::uint64_t seed) noexcept : hash_(seed) {}

  void add(std::uint64_t value) noexcept {
    hash_ = (hash_ ^ value) * 0x9e37'79b9'7f4a'7c15u;
    hash_ ^= hash_ >> 32;
  }
  void add(const std::array<std::uint8_t, 16>& bytes) noexcept {
    std::array<std::uint64_t, 2> words;
    std::memcpy(words.data(), bytes.data(), sizeof words);
    add(words[0]);
    add(words[1]);
  }
  [[nodiscard]] std::uint64_t value() const noexcept { return hash_; }

 private:
  std::uint64_t hash_;
};

}  // namespace rpcaudit::audit
