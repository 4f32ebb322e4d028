#include "engine/audit/event/audit_event.h"

namespace rpcaudit::audit {
std::string_view to_string(dissect::Outcome outcome) noexcept {
  switch (outcome) {
    case dissect::Outcome::response: return "response";
    case dissect::Outcome::fault: return "fault";
    case dissect::Outcome::rejected: return "rejected";
    case dissect::Outcome::cancelled: return "cancelled";
    case dissect::Outcome::orphaned: return "orphaned";
    case dissect::Outcome::one_way: return "one_way";
    case dissect::Outcome::unanswered: break;
  }
  return "unanswered";
}

std::string_view to_string(dissect::ContextResult result) noexcept {
  switch (result) {
    case dissect::ContextResult::accepted: return "accepted";
    case dissect::ContextResult::rejected: return "rejected";
    case dissect::ContextResult::negotiated: return "negotiated";
    case dissect::ContextResult::unanswered: break;
  }
  return "unanswered";
}

std::string_view to_string(dissect::OpeningAnswer answer) noexcept {
  switch (answer) {
    case dissect::OpeningAnswer::accepted: return "accepted";
    case dissect::OpeningAnswer::refused: return "refused";
    case dissect::OpeningAnswer::none: return "none";
    case dissect::OpeningAnswer::unknown: break;
  }
  return "unknown";
}

std::string_view to_string(dissect::BlindnessKind kind) noexcept {
  switch (kind) {
    case dissect::BlindnessKind::gap: return "gap";
    case dissect::BlindnessKind::snap_length_cut: return "snap_length_cut";
    case dissect::BlindnessKind::missed_bind: return "missed_bind";
    case dissect::BlindnessKind::undecodable: return "undecodable";
    case dissect::BlindnessKind::table_eviction: return "table_eviction";
    case dissect::BlindnessKind::unfinished_fragments: return "unfinished_fragments";
    case dissect::BlindnessKind::smb_encrypted: return "smb_encrypted";
    case dissect::BlindnessKind::smb_compressed: return "smb_compressed";
    case dissect::BlindnessKind::http_not_dissected: return "http_not_dissected";
    case dissect::BlindnessKind::conflict: return "conflict";
  }
  return "unknown";
}

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
