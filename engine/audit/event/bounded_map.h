#pragma once

#include <cstddef>
#include <cstdint>
#include <utility>
#include <vector>

#include "engine/audit/event/hash_mixer.h"

namespace rpcaudit::audit {

// A map of at most `Capacity` keys that are never taken out again. `Key` has `void
// mix(HashMixer&) const` and `==`. A key that finds no place within a bounded number of steps is
// left out and counted, so that no input can make it slow. Memory grows as keys come; entries are
// in the order in which they came.
template <typename Key, typename Value, std::size_t Capacity>
class BoundedMap {
 public:
  struct Entry {
    Key key;
    Value value;
  };

  // Null when there is no room; counted.
  [[nodiscard]] Value* find_or_add(const Key& key) {
    const std::uint32_t place = place_of(key);
    if (place != kNoPlace) return &entries_[place].value;
    ++overflow_;
    return nullptr;
  }
  // The place of the key in entries(), which stays; kNoPlace when there is no room, not counted.
  static constexpr std::uint32_t kNoPlace = 0xffff'ffff;
  [[nodiscard]] std::uint32_t place_of(const Key& key) {
    std::uint32_t* const bucket = bucket_of(key);
    if (bucket != nullptr && *bucket != 0) return *bucket - 1;
    if (bucket == nullptr || entries_.size() == Capacity) return kNoPlace;
    entries_.push_back({key, {}});
    *bucket = static_cast<std::uint32_t>(entries_.size());
    return *bucket - 1;
  }
  [[nodiscard]] Value& at(std::uint32_t place) noexcept { return entries_[place].value; }

  [[nodiscard]] const Value* find(const Key& key) {
    if (buckets_.empty()) return nullptr;
    const std::uint32_t* const bucket = bucket_of(key);
    return bucket == nullptr || *bucket == 0 ? nullptr : &entries_[*bucket - 1].value;
  }

  [[nodiscard]] const std::vector<Entry>& entries() const noexcept { return entries_; }
  // How often a key found no place.
  [[nodiscard]] std::uint64_t overflow() const noexcept { return overflow_; }
  void add_overflow(std::uint64_t count) noexcept { overflow_ += count; }

 private:
  static constexpr std::size_t kBuckets = 4 * Capacity;
  static constexpr std::size_t kProbesMax = 32;

  // The bucket that holds the key, or an empty one for it; null when there is neither.
  [[nodiscard]] std::uint32_t* bucket_of(const Key& key) {
    if (buckets_.empty()) buckets_.resize(kBuckets);
    HashMixer mixer(seed_);
    key.mix(mixer);
    std::size_t at = mixer.value() % kBuckets;
    for (std::size_t probe = 0; probe < kProbesMax; ++probe) {
      std::uint32_t& bucket = buckets_[at];
      if (bucket == 0 || entries_[bucket - 1].key == key) return &bucket;
      at = (at + 1) % kBuckets;
    }
    return nullptr;
  }

  std::uint64_t seed_ = hash_seed();
  std::vector<Entry> entries_;
  std::vector<std::uint32_t> buckets_;  // index + 1; 0: empty
  std::uint64_t overflow_ = 0;
};

}  // namespace rpcaudit::audit
