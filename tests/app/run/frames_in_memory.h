#pragma once

#include <algorithm>
#include <span>

#include "capture/frame_source.h"

namespace rpcaudit::test {

// Delivers frames that somebody else owns.
class FramesInMemory : public capture::FrameSource {
 public:
  explicit FramesInMemory(std::span<const Frame> frames) : rest_(frames) {}

  [[nodiscard]] capture::ReadResult read(std::span<Frame> frames) override {
    const std::size_t count = std::min(frames.size(), rest_.size());
    std::copy_n(rest_.begin(), count, frames.begin());
    rest_ = rest_.subspan(count);
    return {count == 0 ? capture::ReadStatus::end : capture::ReadStatus::frames, count};
  }
  [[nodiscard]] std::string_view input_name(std::uint32_t) const override { return {}; }
  [[nodiscard]] std::span<const capture::InputProblem> problems() const override { return {}; }
  [[nodiscard]] std::uint64_t bytes_read() const override { return 0; }
  [[nodiscard]] std::uint64_t bytes_total() const override { return 0; }

 private:
  std::span<const Frame> rest_;
};

}  // namespace rpcaudit::test
