#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "engine/policy/policy.h"

namespace rpcaudit {

// The fields of a layer in the filtering engine's own order, the most significant first.
[[nodiscard]] std::span<const Field> fields_by_weight(Layer layer) noexcept;

// The automatic weight of a filter, as far as it orders those of one layer: one bit for each field
// it has conditions on, in the engine's order.
[[nodiscard]] std::uint32_t filter_weight(const Filter& filter) noexcept;

// The filters of a layer (indexes into Policy::filters), heaviest first, of equal ones the newest
// first: the order in which they are tried.
[[nodiscard]] std::vector<std::uint32_t> evaluation_order(const Policy& policy, Layer layer);

}  // namespace rpcaudit
