#include "engine/audit/known_verdicts.h"

#include <algorithm>
#include <bit>

namespace rpcaudit::audit {
namespace {

// Of the parts in which verdicts of one policy differ. Verdicts that differ in others only share a
// bucket.
std::uint64_t hash_of(const evaluate::Verdict& verdict) noexcept {
  constexpr std::uint64_t kOdd = 0x9e37'79b9'7f4a'7c15;
  std::uint64_t hash = 0;
  const auto mix = [&](std::uint64_t value) { hash = std::rotl((hash ^ value) * kOdd, 29); };
  mix(static_cast<std::uint64_t>(verdict.action) << 8 |
      static_cast<std::uint64_t>(verdict.control));
  mix(std::uint64_t{verdict.filters.filter} << 32 | verdict.filters.unseen);
  mix(std::uint64_t{verdict.event_5712.filter} << 32 | verdict.targets.bits());
  for (const evaluate::Control control : evaluate::kOtherControls) {
    const evaluate::ControlVerdict& of_control = verdict.controls[control];
    mix(std::uint64_t{of_control.item} << 32 | std::uint64_t{of_control.row} << 8 |
        of_control.unseen);
  }
  return hash;
}

}  // namespace

KnownVerdicts::KnownVerdicts(std::size_t capacity) : buckets_(std::bit_ceil(capacity), kNone) {
  verdicts_.reserve(capacity);
  next_.reserve(capacity);
}

std::uint32_t KnownVerdicts::place_of(const evaluate::Verdict& verdict) {
  const std::uint64_t hash = hash_of(verdict);
  std::uint32_t& bucket = buckets_[hash >> 32 & (buckets_.size() - 1)];
  for (std::uint32_t at = bucket; at != kNone; at = next_[at]) {
    if (verdicts_[at] == verdict) return at;
  }
  if (verdicts_.size() == verdicts_.capacity()) {
    verdicts_.clear();
    next_.clear();
    std::fill(buckets_.begin(), buckets_.end(), kNone);
    ++epoch_;
  }
  const auto place = static_cast<std::uint32_t>(verdicts_.size());
  verdicts_.push_back(verdict);
  next_.push_back(bucket);
  bucket = place;
  return place;
}

}  // namespace rpcaudit::audit
