#pragma once

#include <array>
#include <string_view>

#include "dissect/uuid.h"
#include "engine/policy/match_type.h"

namespace rpcaudit::policy {

// The words of `show filter`, which its printer and its reader share.

// In the order of MatchType.
inline constexpr std::array<std::string_view, kMatchTypeCount> kListedMatchTypes{
    "FWP_MATCH_EQUAL",         "FWP_MATCH_GREATER",
    "FWP_MATCH_LESS",          "FWP_MATCH_GREATER_OR_EQUAL",
    "FWP_MATCH_LESS_OR_EQUAL", "FWP_MATCH_RANGE",
    "FWP_MATCH_FLAGS_ALL_SET", "FWP_MATCH_FLAGS_ANY_SET",
    "FWP_MATCH_FLAGS_NONE_SET"};

inline constexpr std::string_view kListedName = "RPCFilter";
inline constexpr std::string_view kListedDescription = "RPC Filter";

// A UUID as it lies in the memory of Windows, its first three fields in little-endian order; the
// listing prints such 16 bytes as four little-endian words. Reading them back is the same
// permutation.
[[nodiscard]] constexpr std::array<std::uint8_t, 16> memory_order(
    const std::array<std::uint8_t, 16>& bytes) noexcept {
  return {bytes[3], bytes[2], bytes[1],  bytes[0],  bytes[5],  bytes[4],  bytes[7],  bytes[6],
          bytes[8], bytes[9], bytes[10], bytes[11], bytes[12], bytes[13], bytes[14], bytes[15]};
}

}  // namespace rpcaudit::policy
