#pragma once

#include <cstdint>
#include <optional>
#include <string_view>

#include "engine/policy/field.h"

namespace rpcaudit::policy {

// FWP_MATCH_TYPE, as netsh names it. The values are the platform's.
enum class MatchType : std::uint8_t {
  equal = 0,
  greater = 1,
  less = 2,
  greater_or_equal = 3,
  less_or_equal = 4,
  range = 5,     // inclusive at both ends
  all_set = 6,   // (value & data) == data
  any_set = 7,   // (value & data) != 0
  none_set = 8,  // (value & data) == 0
};

inline constexpr std::size_t kMatchTypeCount = 9;

[[nodiscard]] std::string_view to_string(MatchType match) noexcept;  // the netsh token

// Whether the platform compares values of that type in that way: order for all but security
// descriptors, flags for unsigned integers only.
[[nodiscard]] bool legal_for(MatchType match, FieldType type) noexcept;

}  // namespace rpcaudit::policy
