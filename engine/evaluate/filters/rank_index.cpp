#include "engine/evaluate/filters/rank_index.h"

#include <algorithm>

namespace rpcaudit::evaluate {

void RankIndex::build() {
  std::sort(postings_.begin(), postings_.end());
  postings_.erase(std::unique(postings_.begin(), postings_.end()), postings_.end());
  ranks_.reserve(postings_.size());
  for (const Posting& posting : postings_) {
    if (values_.empty() || values_.back() != posting.value) {
      values_.push_back(posting.value);
      first_rank_.push_back(static_cast<std::uint32_t>(ranks_.size()));
    }
    ranks_.push_back(posting.rank);
  }
  first_rank_.push_back(static_cast<std::uint32_t>(ranks_.size()));
  postings_ = {};
}

std::span<const std::uint32_t> RankIndex::ranks_of(const Uint128& value) const noexcept {
  const auto found = std::lower_bound(values_.begin(), values_.end(), value);
  if (found == values_.end() || *found != value) return {};
  const auto place = static_cast<std::size_t>(found - values_.begin());
  return std::span(ranks_).subspan(first_rank_[place], first_rank_[place + 1] - first_rank_[place]);
}

}  // namespace rpcaudit::evaluate
