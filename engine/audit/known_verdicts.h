#pragma once

#include <cstdint>
#include <vector>

#include "engine/evaluate/verdict.h"

namespace rpcaudit::audit {

// Verdicts that were given of late, each of them once. A verdict is large, and the calls of many
// contexts share few different ones: whoever remembers a verdict keeps its place here, so that what
// is remembered of a context stays small and the verdicts themselves stay in the cache.
//
// Bounded: when there is no room for another one, all are forgotten, and a new epoch begins.
class KnownVerdicts {
 public:
  explicit KnownVerdicts(std::size_t capacity = 4096);

  // The place of a verdict. May begin a new epoch.
  [[nodiscard]] std::uint32_t place_of(const evaluate::Verdict& verdict);
  // `place` is of the present epoch.
  [[nodiscard]] const evaluate::Verdict& operator[](std::uint32_t place) const noexcept {
    return verdicts_[place];
  }
  // Places of an earlier epoch mean nothing any longer. Not 0.
  [[nodiscard]] std::uint32_t epoch() const noexcept { return epoch_; }

 private:
  static constexpr std::uint32_t kNone = 0xffff'ffff;

  std::vector<evaluate::Verdict> verdicts_;
  std::vector<std::uint32_t> next_;     // of verdicts with the same bucket, by place
  std::vector<std::uint32_t> buckets_;  // the first of each
  std::uint32_t epoch_ = 1;
};

}  // namespace rpcaudit::audit
