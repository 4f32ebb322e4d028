#include "engine/policy/match_type.h"

#include "engine/policy/text/enum_names.h"

namespace rpcaudit::policy {
namespace {

constexpr EnumNames<MatchType, kMatchTypeCount> kNames("equal", "greater", "less",
                                                       "greater_or_equal", "less_or_equal", "range",
                                                       "all_set", "any_set", "none_set");

}  // namespace

std::string_view to_string(MatchType match) noexcept { return kNames[match]; }

bool legal_for(MatchType match, FieldType type) noexcept {
  switch (match) {
    case MatchType::equal: return true;
    case MatchType::greater:
    case MatchType::less:
    case MatchType::greater_or_equal:
    case MatchType::less_or_equal:
    case MatchType::range: return type != FieldType::security_descriptor;
    case MatchType::all_set:
    case MatchType::any_set:
    case MatchType::none_set: return is_integer(type);
  }
  return false;
}

}  // namespace rpcaudit::policy
