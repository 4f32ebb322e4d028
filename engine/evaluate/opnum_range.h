#pragma once

#include <algorithm>
#include <cstdint>

namespace rpcaudit::evaluate {

// Operation numbers around one that a policy does not tell apart from it, for the calls of one
// context: with all else equal they have the same verdict. An interface has dozens of operations
// and most policies name few of them, so that a verdict kept with its range is found again.
class OpnumRange {
 public:
  // The range of `opnum`: every number, as long as no test is known.
  constexpr explicit OpnumRange(std::uint16_t opnum) noexcept : opnum_(opnum) {}

  [[nodiscard]] constexpr bool contains(std::uint16_t opnum) const noexcept {
    return low_ <= opnum && opnum <= high_;
  }

  // Numbers from `low` to `high` may be judged otherwise than the rest.
  constexpr void split(std::uint64_t low, std::uint64_t high) noexcept {
    if (low > high) return;
    if (opnum_ < low) {
      high_ = static_cast<std::uint16_t>(std::min<std::uint64_t>(high_, low - 1));
    } else if (opnum_ > high) {
      low_ = static_cast<std::uint16_t>(std::max<std::uint64_t>(low_, high + 1));
    } else {
      low_ = static_cast<std::uint16_t>(std::max<std::uint64_t>(low_, low));
      high_ = static_cast<std::uint16_t>(std::min<std::uint64_t>(high_, high));
    }
  }
  // Every number may be judged otherwise than every other.
  constexpr void split_all() noexcept { low_ = high_ = opnum_; }

 private:
  std::uint16_t opnum_ = 0;
  std::uint16_t low_ = 0;
  std::uint16_t high_ = 0xffff;
};

}  // namespace rpcaudit::evaluate
