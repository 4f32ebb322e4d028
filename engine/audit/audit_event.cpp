#include "engine/audit/audit_event.h"

#include <array>
#include <utility>

namespace rpcaudit {
namespace {

// ERROR_ACCESS_DENIED, which faults carry as it is (nca_s_fault_access_denied of MS-RPCE 3.1.1.5.5
// is the same number), and the forms in which interfaces hand it on.
constexpr std::array<std::uint32_t, 3> kAccessDenied{0x0000'0005,   // ERROR_ACCESS_DENIED
                                                     0x8007'0005,   // E_ACCESSDENIED
                                                     0xc000'0022};  // STATUS_ACCESS_DENIED

// What else denies access to calls of these interfaces: the hardening of DCOM (CVE-2021-26414), the
// spooler's demand of privacy (CVE-2021-1678), levels that servers demand of their own accord, and
// RestrictRemoteSAM.
constexpr std::pair<Uuid, std::string_view> kOtherCauses[] = {
    {uuid("000001a0-0000-0000-c000-000000000046"), "dcom_hardening"},       // IRemoteSCMActivator
    {uuid("4d9f4ab8-7d1c-11cf-861e-0020af6e7c57"), "dcom_hardening"},       // IActivation
    {uuid("12345678-1234-abcd-ef00-0123456789ab"), "spooler_privacy"},      // spoolss
    {uuid("76f03f96-cdfd-44fc-a22c-64950a001209"), "spooler_privacy"},      // IRemoteWinspool
    {uuid("e3514235-4b06-11d1-ab04-00c04fc2dcd2"), "minimum_level"},        // drsuapi
    {uuid("50abc2a4-574d-40b3-9d66-ee4fd5fba076"), "minimum_level"},        // dnsserver
    {uuid("12345678-1234-abcd-ef00-01234567cffb"), "minimum_level"},        // netlogon
    {uuid("12345778-1234-abcd-ef00-0123456789ac"), "restrict_remote_sam"},  // samr
};

}  // namespace

std::string_view to_string(Enforced enforced) noexcept {
  switch (enforced) {
    case Enforced::consistent: return "consistent";
    case Enforced::contradicted: return "contradicted";
    case Enforced::planned: return "planned";
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
  const InForce force = call.verdict ? call.verdict->in_force : InForce::yes;
  if (force == InForce::planned) return Enforced::planned;
  if (call.outcome == Outcome::response) {
    return force == InForce::yes ? Enforced::contradicted : Enforced::unknown;
  }
  if (call.outcome == Outcome::fault || call.outcome == Outcome::rejected) {
    for (const std::uint32_t status : kAccessDenied) {
      if (call.status == status) return Enforced::consistent;
    }
  }
  return Enforced::unknown;
}

std::string_view other_cause(const ContextInfo& context, const CallEvent& call) noexcept {
  if (enforced(call) != Enforced::consistent || !context.abstract_syntax) return {};
  const Uuid& interface = context.abstract_syntax->uuid;
  for (const auto& [known, cause] : kOtherCauses) {
    if (known == interface) return cause;
  }
  const bool is_object_call = call.object && !call.object->is_nil();
  return is_object_call ? std::string_view("dcom_hardening") : std::string_view();
}

std::string_view operation_of(const ContextInfo& context, const CallEvent& call) noexcept {
  if (!call.has_interface || !context.catalogue) return {};
  return operation_name(*context.catalogue, call.opnum);
}

}  // namespace rpcaudit
