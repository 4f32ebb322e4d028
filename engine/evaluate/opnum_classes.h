#pragma once

#include <array>
#include <cstdint>

namespace rpcaudit {

// Operation numbers that a policy may tell apart, for the calls of one context: numbers of the same
// class are judged alike when all else is equal. Most policies have very few classes, whereas an
// interface has dozens of operations, so that a verdict by class is found again.
class OpnumClasses {
 public:
  // Numbers from `low` to `high` may be judged otherwise than the rest.
  void distinguish(std::uint64_t low, std::uint64_t high) noexcept {
    if (low > high || low > 0xffff) return;
    add(low);
    if (high < 0xffff) add(high + 1);
  }
  // Every number may be judged otherwise than every other.
  void distinguish_all() noexcept { all_ = true; }
  void add(const OpnumClasses& more) noexcept {
    all_ = all_ || more.all_;
    for (unsigned i = 0; i < more.count_; ++i) add(more.begins_[i]);
  }

  [[nodiscard]] std::uint16_t class_of(std::uint16_t opnum) const noexcept {
    if (all_) return opnum;
    unsigned below = 0;
    for (unsigned i = 0; i < count_; ++i) below += begins_[i] <= opnum ? 1u : 0u;
    return static_cast<std::uint16_t>(below);
  }

 private:
  void add(std::uint64_t begin) noexcept {
    if (begin == 0 || all_) return;
    for (unsigned i = 0; i < count_; ++i) {
      if (begins_[i] == begin) return;
    }
    if (count_ == begins_.size()) {
      all_ = true;  // telling classes apart would cost more than they save
      return;
    }
    begins_[count_++] = static_cast<std::uint16_t>(begin);
  }

  std::array<std::uint16_t, 14> begins_{};  // of classes, but the first, which begins at 0
  std::uint8_t count_ = 0;
  bool all_ = false;
};

}  // namespace rpcaudit
