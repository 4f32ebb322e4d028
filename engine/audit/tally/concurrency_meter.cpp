#include "engine/audit/tally/concurrency_meter.h"

#include <algorithm>

namespace rpcaudit::audit {

void ConcurrencyMeter::widen() {
  std::vector<Slice> wider(kSlices);
  for (std::int64_t number = first_; number <= last_; ++number) {
    Slice& sum = wider[place(number >> 1)];
    sum.opened += slices_[place(number)].opened;
    sum.closed += slices_[place(number)].closed;
  }
  slices_ = std::move(wider);
  first_ >>= 1;
  last_ >>= 1;
  ++width_;
}

void ConcurrencyMeter::include(std::int64_t first, std::int64_t last) {
  if (slices_.empty()) {
    slices_.resize(kSlices);
    first_ = first;
    last_ = first;
  }
  while (std::max(last_, last) - std::min(first_, first) >= kSlices) {
    widen();
    first >>= 1;
    last >>= 1;
  }
  first_ = std::min(first_, first);
  last_ = std::max(last_, last);
}

ConcurrencyMeter::Slice& ConcurrencyMeter::at(Timestamp time) {
  include(time.nanoseconds >> width_, time.nanoseconds >> width_);
  return slices_[place(time.nanoseconds >> width_)];
}

void ConcurrencyMeter::add(const ConcurrencyMeter& more) {
  if (more.slices_.empty()) return;
  if (slices_.empty()) {
    *this = more;
    return;
  }
  while (width_ < more.width_) widen();
  const auto number_of = [&](std::int64_t number) { return number >> (width_ - more.width_); };
  include(number_of(more.first_), number_of(more.last_));
  for (std::int64_t number = more.first_; number <= more.last_; ++number) {
    Slice& sum = slices_[place(number_of(number))];
    sum.opened += more.slices_[place(number)].opened;
    sum.closed += more.slices_[place(number)].closed;
  }
}

std::uint64_t ConcurrencyMeter::peak() const noexcept {
  std::uint64_t open = 0;
  std::uint64_t most = 0;
  for (std::int64_t number = first_; number <= last_; ++number) {
    const Slice& slice = slices_[place(number)];
    open += slice.opened;
    most = std::max(most, open);
    open -= slice.closed;
  }
  return most;
}

}  // namespace rpcaudit::audit
