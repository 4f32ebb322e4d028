#include "engine/audit/event/audit_event.h"

#include "engine/policy/text/enum_names.h"

namespace rpcaudit::audit {
namespace {

using policy::EnumNames;

constexpr EnumNames<PolicyOutcome, kPolicyOutcomeCount> kPolicyNames("taken_over", "unchanged",
                                                                     "refused");
constexpr EnumNames<dissect::Outcome, dissect::kOutcomeCount> kOutcomeNames("response", "fault",
                                                                            "rejected", "cancelled",
                                                                            "orphaned", "one_way",
                                                                            "unanswered");
constexpr EnumNames<dissect::ContextResult, dissect::kContextResultCount> kResultNames(
    "unanswered", "accepted", "rejected", "negotiated");
constexpr EnumNames<dissect::OpeningAnswer, dissect::kOpeningAnswerCount> kAnswerNames("unknown",
                                                                                       "accepted",
                                                                                       "refused",
                                                                                       "none");
constexpr EnumNames<dissect::BlindnessKind, dissect::kBlindnessKindCount> kBlindnessNames(
    "gap", "snap_length_cut", "missed_bind", "undecodable", "table_eviction",
    "unfinished_fragments", "smb_encrypted", "smb_compressed", "http_not_dissected", "encapsulated",
    "conflict");

}  // namespace

std::string_view to_string(PolicyOutcome outcome) noexcept { return kPolicyNames[outcome]; }
std::string_view to_string(dissect::Outcome outcome) noexcept { return kOutcomeNames[outcome]; }
std::string_view to_string(dissect::ContextResult result) noexcept { return kResultNames[result]; }
std::string_view to_string(dissect::OpeningAnswer answer) noexcept { return kAnswerNames[answer]; }
std::string_view to_string(dissect::BlindnessKind kind) noexcept { return kBlindnessNames[kind]; }

evaluate::VerdictAction action_of(const ConnectionEvent& connection) noexcept {
  switch (connection.ipsec.action) {
    case evaluate::ControlAction::would_block: return evaluate::VerdictAction::would_block;
    case evaluate::ControlAction::undecidable: return evaluate::VerdictAction::undecidable;
    case evaluate::ControlAction::would_permit:
    case evaluate::ControlAction::not_applicable:
    case evaluate::ControlAction::not_judged: break;
  }
  return evaluate::VerdictAction::would_permit;
}

bool is_provisional(const ContextInfo& context, const CallEvent& call) noexcept {
  return call.provisional && context.result != dissect::ContextResult::accepted;
}

std::string_view operation_of(const ContextInfo& context, const CallEvent& call) noexcept {
  if (!call.has_interface || !context.catalogue) return {};
  return operation_name(*context.catalogue, call.opnum);
}

}  // namespace rpcaudit::audit
