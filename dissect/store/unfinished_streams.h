#pragma once

#include <cstdint>
#include <limits>
#include <vector>

#include "dissect/store/slab.h"

namespace rpcaudit::dissect {

// Which streams hold bytes that have not been told yet, and since which frame: the earliest of them
// is how far the output can be written in order. A heap of four children a node, so that no order
// of arrival costs more than its depth; what is open since the latest frame, which is the common
// case, is added in one step.
class UnfinishedStreams {
 public:
  static constexpr std::uint64_t kNothingOpen = std::numeric_limits<std::uint64_t>::max();

  explicit UnfinishedStreams(std::size_t streams) : marks_(streams), heap_(streams) {}

  // Stream `index` is open since frame `sequence`; 0 when it holds nothing.
  void set(std::uint32_t index, std::uint64_t sequence) noexcept {
    const std::uint64_t earlier = marks_[index].sequence;
    if (earlier != sequence) change(index, earlier, sequence);
  }

  [[nodiscard]] std::uint64_t earliest() const noexcept {
    return size_ == 0 ? kNothingOpen : marks_[heap_[0]].sequence;
  }
  // The stream open the longest, or kNoSlot.
  [[nodiscard]] std::uint32_t oldest() const noexcept { return size_ == 0 ? kNoSlot : heap_[0]; }

 private:
  struct Mark {
    std::uint64_t sequence = 0;
    std::uint32_t place = 0;  // in heap_, while the sequence is not 0
  };

  void change(std::uint32_t index, std::uint64_t earlier, std::uint64_t sequence) noexcept;
  void put(std::uint32_t place, std::uint32_t index) noexcept;
  void rise(std::uint32_t place, std::uint32_t index) noexcept;
  void sink(std::uint32_t place, std::uint32_t index) noexcept;
  // Of two streams open since the same frame the one with the lower index comes first.
  [[nodiscard]] bool is_before(std::uint32_t one, std::uint32_t other) const noexcept;

  std::vector<Mark> marks_;
  std::vector<std::uint32_t> heap_;  // indexes of streams; the first `size_` count
  std::uint32_t size_ = 0;
};

}  // namespace rpcaudit::dissect
