#pragma once

#include <array>
#include <cstdint>
#include <vector>

#include "capture/timestamp.h"

namespace rpcaudit::audit {

// How many of something were open at one time at most, from when each was opened and closed. Time
// is cut into slices; what is opened within one meets what is closed within it, so that the result
// is never too small. Bounded: as the span grows, slices become wider, a millisecond at first and a
// thousandth of the span at last. Meters may be added up in any order.
class ConcurrencyMeter {
 public:
  void open(Timestamp time) { ++at(time).opened; }
  // Of something that was opened.
  void close(Timestamp time) { ++at(time).closed; }
  void add(const ConcurrencyMeter& more);

  [[nodiscard]] std::uint64_t peak() const noexcept;

 private:
  static constexpr std::int64_t kSlices = 1024;

  struct Slice {
    std::uint32_t opened = 0;
    std::uint32_t closed = 0;
  };

  [[nodiscard]] static std::size_t place(std::int64_t number) noexcept {
    return static_cast<std::uint64_t>(number) % kSlices;
  }
  [[nodiscard]] Slice& at(Timestamp time);
  // Makes room for all slices from `first` to `last`, numbered in the present width.
  void include(std::int64_t first, std::int64_t last);
  void widen();

  unsigned width_ = 20;        // of a slice: 2 to the power of it, nanoseconds
  std::int64_t first_ = 0;     // numbers of the slices in use: time divided by the width
  std::int64_t last_ = -1;     // less than kSlices behind the first
  std::vector<Slice> slices_;  // by number modulo their count; empty before the first use
};

}  // namespace rpcaudit::audit
