#include "engine/evaluate/verdict.h"

#include <array>

namespace rpcaudit::evaluate {
namespace {

constexpr std::array<std::string_view, 3> kActionNames{"would_permit", "would_block",
                                                       "undecidable"};
constexpr std::array<std::string_view, kControlCount> kControlNames{
    "none", "ipsec", "interface_registration", "restrict_remote_clients", "rpc_filter"};
constexpr std::array<std::string_view, 5> kControlActionNames{
    "not_judged", "not_applicable", "would_permit", "would_block", "undecidable"};
constexpr std::array<std::string_view, kControlFactCount> kControlFactNames{
    "registration", "auth_level", "smb_session", "ipsec_negotiation"};
constexpr std::array<std::string_view, 5> kLookupNames{"unaffected", "needs_auth", "refused",
                                                       "authenticated", "unreachable"};
constexpr std::array<std::string_view, kLoggedCount> kLoggedNames{"no", "audit_success",
                                                                  "audit_failure", "perhaps"};

}  // namespace

std::string_view to_string(VerdictAction action) noexcept {
  return kActionNames[static_cast<std::size_t>(action)];
}

std::string_view to_string(Control control) noexcept {
  return kControlNames[static_cast<std::size_t>(control)];
}

std::string_view to_string(ControlAction action) noexcept {
  return kControlActionNames[static_cast<std::size_t>(action)];
}

std::string_view to_string(ControlFact fact) noexcept {
  return kControlFactNames[static_cast<std::size_t>(fact)];
}

std::string_view to_string(Lookup lookup) noexcept {
  return kLookupNames[static_cast<std::size_t>(lookup)];
}

std::string_view to_string(Logged logged) noexcept {
  return kLoggedNames[static_cast<std::size_t>(logged)];
}

const ControlVerdict* Verdict::find(Control which) const noexcept {
  switch (which) {
    case Control::ipsec: return &ipsec;
    case Control::interface_registration: return &registration;
    case Control::restrict_remote_clients: return &remote_clients;
    case Control::rpc_filter:
    case Control::none: break;
  }
  return nullptr;
}

}  // namespace rpcaudit::evaluate
