#pragma once

#include <cstdint>
#include <vector>

#include "engine/policy/policy.h"

namespace rpcaudit {

// The automatic weight of a filter: one bit for each field it has conditions on, in the engine's
// own order, the first field the most significant.
[[nodiscard]] std::uint32_t filter_weight(const Filter& filter) noexcept;

// The filters of the `um` layer, heaviest first, of equal ones the newest first.
[[nodiscard]] std::vector<std::uint32_t> evaluation_order(const Policy& policy);

}  // namespace rpcaudit
