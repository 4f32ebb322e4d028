#include "engine/audit/event/audit_event.h"

namespace rpcaudit {
std::string_view to_string(Outcome outcome) noexcept {
  switch (outcome) {
    case Outcome::response: return "response";
    case Outcome::fault: return "fault";
    case Outcome::rejected: return "rejected";
    case Outcome::cancelled: return "cancelled";
    case Outcome::orphaned: return "orphaned";
    case Outcome::one_way: return "one_way";
    case Outcome::unanswered: break;
  }
  return "unanswered";
}

std::string_view to_string(ContextResult result) noexcept {
  switch (result) {
    case ContextResult::accepted: return "accepted";
    case ContextResult::rejected: return "rejected";
    case ContextResult::negotiated: return "negotiated";
    case ContextResult::unanswered: break;
  }
  return "unanswered";
}

std::string_view to_string(OpeningAnswer answer) noexcept {
  switch (answer) {
    case OpeningAnswer::accepted: return "accepted";
    case OpeningAnswer::refused: return "refused";
    case OpeningAnswer::none: return "none";
    case OpeningAnswer::unknown: break;
  }
  return "unknown";
}

std::string_view to_string(BlindnessKind kind) noexcept {
  switch (kind) {
    case BlindnessKind::gap: return "gap";
    case BlindnessKind::snap_length_cut: return "snap_length_cut";
    case BlindnessKind::missed_bind: return "missed_bind";
    case BlindnessKind::undecodable: return "undecodable";
    case BlindnessKind::table_eviction: return "table_eviction";
    case BlindnessKind::unfinished_fragments: return "unfinished_fragments";
    case BlindnessKind::smb_encrypted: return "smb_encrypted";
    case BlindnessKind::smb_compressed: return "smb_compressed";
    case BlindnessKind::http_not_dissected: return "http_not_dissected";
  }
  return "unknown";
}

VerdictAction action_of(const ConnectionEvent& connection) noexcept {
  switch (connection.ipsec.action) {
    case ControlAction::would_block: return VerdictAction::would_block;
    case ControlAction::undecidable: return VerdictAction::undecidable;
    case ControlAction::would_permit:
    case ControlAction::not_applicable:
    case ControlAction::not_judged: break;
  }
  return VerdictAction::would_permit;
}

bool is_provisional(const ContextInfo& context, const CallEvent& call) noexcept {
  return call.provisional && context.result != ContextResult::accepted;
}

std::string_view operation_of(const ContextInfo& context, const CallEvent& call) noexcept {
  if (!call.has_interface || !context.catalogue) return {};
  return operation_name(*context.catalogue, call.opnum);
}

}  // namespace rpcaudit
