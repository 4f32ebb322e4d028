#pragma once

#include <cstddef>
#include <optional>

#include "dissect/limits.h"

namespace rpcaudit::dissect {

// The bytes that a dissector with these limits has at most, all tables full, and those that its
// listener keeps for its slots.
[[nodiscard]] std::size_t memory_of(const Limits& limits, const SlotBytes& slots) noexcept;

// `limits` with all tables larger or smaller by one factor, so that memory_of() is `bytes` or a
// little less; those that are 0 stay so. Empty when the smallest tables that are of any use take
// more than that.
[[nodiscard]] std::optional<Limits> limits_within(std::size_t bytes, const SlotBytes& slots,
                                                  const Limits& limits = {}) noexcept;

}  // namespace rpcaudit::dissect
