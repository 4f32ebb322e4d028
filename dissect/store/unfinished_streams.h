#pragma once

#include <cstdint>
#include <limits>
#include <vector>

#include "dissect/store/slab.h"

namespace rpcaudit::dissect {

// Which streams hold bytes that have not been told yet, and since which frame: the earliest of them
// is how far the output can be written in order. An intrusive list sorted by frame; a mark is set
// at or near the newest end, so keeping order costs next to nothing.
class UnfinishedStreams {
 public:
  static constexpr std::uint64_t kNothingOpen = std::numeric_limits<std::uint64_t>::max();

  explicit UnfinishedStreams(std::size_t streams) : marks_(streams) {}

  // Stream `index` is open since frame `sequence`; 0 when it holds nothing.
  void set(std::uint32_t index, std::uint64_t sequence) noexcept {
    Mark& mark = marks_[index];
    if (mark.sequence == sequence) return;
    if (mark.sequence != 0) unlink(index);
    mark.sequence = sequence;
    if (sequence != 0) link(index);
  }

  [[nodiscard]] std::uint64_t earliest() const noexcept {
    return oldest_ == kNoSlot ? kNothingOpen : marks_[oldest_].sequence;
  }
  // The stream open the longest, or kNoSlot.
  [[nodiscard]] std::uint32_t oldest() const noexcept { return oldest_; }

 private:
  struct Mark {
    std::uint64_t sequence = 0;
    std::uint32_t older = kNoSlot;
    std::uint32_t newer = kNoSlot;
  };

  void link(std::uint32_t index) noexcept;
  void unlink(std::uint32_t index) noexcept;

  std::vector<Mark> marks_;
  std::uint32_t oldest_ = kNoSlot;
  std::uint32_t newest_ = kNoSlot;
};

}  // namespace rpcaudit::dissect
