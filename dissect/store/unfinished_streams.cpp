#include "dissect/store/unfinished_streams.h"

namespace rpcaudit::dissect {

void UnfinishedStreams::link(std::uint32_t index) noexcept {
  Mark& mark = marks_[index];
  std::uint32_t older = newest_;
  while (older != kNoSlot && marks_[older].sequence > mark.sequence) older = marks_[older].older;
  const std::uint32_t newer = older == kNoSlot ? oldest_ : marks_[older].newer;
  mark.older = older;
  mark.newer = newer;
  (older == kNoSlot ? oldest_ : marks_[older].newer) = index;
  (newer == kNoSlot ? newest_ : marks_[newer].older) = index;
}

void UnfinishedStreams::unlink(std::uint32_t index) noexcept {
  const Mark& mark = marks_[index];
  (mark.older == kNoSlot ? oldest_ : marks_[mark.older].newer) = mark.newer;
  (mark.newer == kNoSlot ? newest_ : marks_[mark.newer].older) = mark.older;
}

}  // namespace rpcaudit::dissect
