#include "engine/policy/ipsec_policy.h"

#include "engine/policy/text/enum_names.h"

namespace rpcaudit::policy {

std::string_view to_string(IpsecAction action) noexcept {
  constexpr EnumNames<IpsecAction, 4> kNames("BLOCK", "PASS", "INPASS", "negotiate");
  return kNames[action];
}

}  // namespace rpcaudit::policy
