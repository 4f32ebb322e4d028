#include "engine/audit/event/hash_mixer.h"

#include <random>

namespace rpcaudit::audit {

std::uint64_t hash_seed() {
  static const std::uint64_t seed = [] {
    std::random_device random;
    return std::uint64_t{random()} << 32 | random();
  }();
  return seed;
}

}  // namespace rpcaudit::audit
