#pragma once

#include <compare>
#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

#include "engine/evaluate/uint128.h"

namespace rpcaudit::evaluate {

// Which rules only certain values of one fact can match: the rules worth a look for a value are
// found in steps logarithmic in the number of values, whatever the number of rules.
class RankIndex {
 public:
  // Files the rule of the rank under the value; not after build(). Once is as good as twice.
  void file(const Uint128& value, std::uint32_t rank) { postings_.push_back({value, rank}); }
  void build();

  // In ascending order. The view lasts as long as the index.
  [[nodiscard]] std::span<const std::uint32_t> ranks_of(const Uint128& value) const noexcept;

  [[nodiscard]] std::size_t value_count() const noexcept { return values_.size(); }
  [[nodiscard]] std::size_t place_count() const noexcept { return ranks_.size(); }

 private:
  struct Posting {
    Uint128 value;
    std::uint32_t rank = 0;

    auto operator<=>(const Posting&) const = default;
  };

  std::vector<Posting> postings_;  // until built
  // The ranks of values_[i] are ranks_[first_rank_[i]] up to ranks_[first_rank_[i + 1]].
  std::vector<Uint128> values_;
  std::vector<std::uint32_t> first_rank_;
  std::vector<std::uint32_t> ranks_;
};

}  // namespace rpcaudit::evaluate
