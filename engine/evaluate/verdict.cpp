#include "engine/evaluate/verdict.h"

#include "engine/policy/text/enum_names.h"

namespace rpcaudit::evaluate {
namespace {

using policy::EnumNames;

constexpr EnumNames<VerdictAction, kVerdictActionCount> kActionNames("would_permit", "would_block",
                                                                     "undecidable");
constexpr EnumNames<Control, kControlCount> kControlNames("none", "ipsec", "interface_registration",
                                                          "restrict_remote_clients", "rpc_filter");
constexpr EnumNames<ControlAction, kControlActionCount> kControlActionNames(
    "not_judged", "not_applicable", "would_permit", "would_block", "undecidable");
constexpr EnumNames<ControlFact, kControlFactCount> kControlFactNames("registration", "auth_level",
                                                                      "smb_session",
                                                                      "ipsec_negotiation");
constexpr EnumNames<Lookup, kLookupCount> kLookupNames("unaffected", "needs_auth", "refused",
                                                       "authenticated", "unreachable");
constexpr EnumNames<AuditKeywords, kAuditKeywordsCount> kKeywordNames("none", "audit_success",
                                                                      "audit_failure", "perhaps");

}  // namespace

std::string_view to_string(VerdictAction action) noexcept { return kActionNames[action]; }
std::string_view to_string(Control control) noexcept { return kControlNames[control]; }
std::string_view to_string(ControlAction action) noexcept { return kControlActionNames[action]; }
std::string_view to_string(ControlFact fact) noexcept { return kControlFactNames[fact]; }
std::string_view to_string(Lookup lookup) noexcept { return kLookupNames[lookup]; }
std::string_view to_string(AuditKeywords keywords) noexcept { return kKeywordNames[keywords]; }

std::string_view to_string(TargetAction action) noexcept {
  switch (action) {
    case TargetAction::would_block: return "would_block";
    case TargetAction::undecidable: return "undecidable";
    case TargetAction::would_log: return "would_log";
    case TargetAction::would_permit: break;
  }
  return "would_permit";
}

}  // namespace rpcaudit::evaluate
