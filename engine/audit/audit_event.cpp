#include "engine/audit/audit_event.h"

#include <array>

namespace rpcaudit {
namespace {

// ERROR_ACCESS_DENIED, which faults carry as it is (nca_s_fault_access_denied of MS-RPCE 3.1.1.5.5
// is the same number), and the forms in which interfaces hand it on.
constexpr std::array<std::uint32_t, 3> kAccessDenied{0x0000'0005,   // ERROR_ACCESS_DENIED
                                                     0x8007'0005,   // E_ACCESSDENIED
                                                     0xc000'0022};  // STATUS_ACCESS_DENIED

}  // namespace

std::string_view to_string(Enforced enforced) noexcept {
  switch (enforced) {
    case Enforced::already: return "already";
    case Enforced::contradicted: return "contradicted";
    case Enforced::unknown: break;
  }
  return "unknown";
}

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

bool is_provisional(const ContextInfo& context, const CallEvent& call) noexcept {
  return call.provisional && context.result != ContextResult::accepted;
}

Enforced enforced(const CallEvent& call) noexcept {
  if (call.outcome == Outcome::response) return Enforced::contradicted;
  if (call.outcome == Outcome::fault || call.outcome == Outcome::rejected) {
    for (const std::uint32_t status : kAccessDenied) {
      if (call.status == status) return Enforced::already;
    }
  }
  return Enforced::unknown;
}

std::string_view operation_of(const ContextInfo& context, const CallEvent& call) noexcept {
  if (!call.has_interface || !context.catalogue) return {};
  return operation_name(*context.catalogue, call.opnum);
}

}  // namespace rpcaudit
