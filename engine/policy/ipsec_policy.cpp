#include "engine/policy/ipsec_policy.h"

namespace rpcaudit::policy {

std::string_view to_string(IpsecAction action) noexcept {
  switch (action) {
    case IpsecAction::block: return "BLOCK";
    case IpsecAction::pass: return "PASS";
    case IpsecAction::in_pass: return "INPASS";
    case IpsecAction::negotiate: break;
  }
  return "negotiate";
}

}  // namespace rpcaudit::policy
