#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "engine/policy/policy.h"

namespace rpcaudit::policy {

// The fields of a layer in the filtering engine's own order, the most significant first.
[[nodiscard]] std::span<const Field> fields_by_weight(Layer layer) noexcept;

// The weight that decides which filter of a layer is tried first: its own, or the one that Windows
// gives it by the fields it has conditions on, whatever their number and data. Each field has bits
// of its own, those of heavier fields above, so that the heaviest field in which two filters differ
// decides. For layer `um` the bits are those observed on Windows; fields that were not observed
// have bits between them.
[[nodiscard]] std::uint64_t filter_weight(const Filter& filter) noexcept;

// The filters of a layer (indexes into Policy::filters), heaviest first, of equal ones the newest
// first: the order in which they are tried.
[[nodiscard]] std::vector<std::uint32_t> evaluation_order(const Policy& policy, Layer layer);

}  // namespace rpcaudit::policy
