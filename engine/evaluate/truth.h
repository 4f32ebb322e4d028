#pragma once

#include <algorithm>
#include <cstdint>

namespace rpcaudit::evaluate {

// What the wire can prove. An observer often cannot see a fact (an encrypted principal, a bind
// before the capture began); that is `unknown`, never `no`. Ordered so that AND is min, OR is max
// (Kleene's strong three-valued logic).
enum class Truth : std::uint8_t { no, unknown, yes };

constexpr Truth truth_and(Truth a, Truth b) noexcept { return std::min(a, b); }
constexpr Truth truth_or(Truth a, Truth b) noexcept { return std::max(a, b); }
constexpr Truth truth_not(Truth a) noexcept {
  return a == Truth::no ? Truth::yes : a == Truth::yes ? Truth::no : Truth::unknown;
}
constexpr Truth truth_of(bool holds) noexcept { return holds ? Truth::yes : Truth::no; }

}  // namespace rpcaudit::evaluate
