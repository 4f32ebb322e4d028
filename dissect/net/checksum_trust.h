#pragma once

#include <cstdint>

#include "dissect/net/checksum.h"

namespace rpcaudit::dissect {

// Whether the checksums of one sender mean anything. Where a network card computes them, all frames
// captured on their sender have wrong ones. A sender whose first checksums are right computes them,
// and the receiver drops a packet with a wrong one: it is a decoy, or was damaged.
class ChecksumTrust {
 public:
  enum class Verdict : std::uint8_t {
    taken,
    dropped,
    disproved,  // taken: too many in a row are wrong, so those before were perhaps not dropped
  };

  [[nodiscard]] Verdict judge(ChecksumResult result) noexcept {
    if (result == ChecksumResult::good) {
      bad_in_a_row_ = 0;
      if (!is_disproved_ && good_ < kGoodToTrust) ++good_;
    }
    if (result != ChecksumResult::bad) return Verdict::taken;
    const bool is_trusted = good_ == kGoodToTrust;
    if (is_trusted && ++bad_in_a_row_ <= kBadInARowMax) return Verdict::dropped;
    is_disproved_ = true;
    good_ = 0;
    return is_trusted ? Verdict::disproved : Verdict::taken;
  }

 private:
  static constexpr std::uint8_t kGoodToTrust = 2;  // one may be right by chance: 1 in 65,536
  static constexpr std::uint8_t kBadInARowMax = 8;

  std::uint8_t good_ = 0;
  std::uint8_t bad_in_a_row_ = 0;
  bool is_disproved_ = false;
};

}  // namespace rpcaudit::dissect
