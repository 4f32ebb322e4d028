#pragma once

#include <cstdint>

#include "engine/policy/policy.h"

namespace rpcaudit::policy {

// The fields that a filter has conditions on: bit `1 << Field`. Filters with equal sets have equal
// weights.
[[nodiscard]] std::uint32_t field_set(const Filter& filter) noexcept;

// Whether some call could match both filters of one layer, as far as values tell: false is proof,
// true is not (flags and security descriptors are not compared).
[[nodiscard]] bool may_overlap(const Filter& a, const Filter& b);

// Whether every call that matches `inner` matches `outer` too, as far as values tell: true is
// proof.
[[nodiscard]] bool covers(const Filter& outer, const Filter& inner);

// Whether no value at all, or every value, meets the condition.
[[nodiscard]] bool never_holds(const Condition& condition) noexcept;
[[nodiscard]] bool always_holds(const Condition& condition) noexcept;

}  // namespace rpcaudit::policy
