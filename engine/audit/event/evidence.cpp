#include "engine/audit/event/evidence.h"

#include <algorithm>
#include <utility>

#include "engine/policy/text/enum_names.h"

namespace rpcaudit::audit {
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

// The reasons that a server gives for a refusal (C706 12.6.3.1, p_provider_reason_t and
// p_reject_reason_t; MS-RPCE 2.2.2.5). Some name a cause that no policy has; clients take an
// invalid checksum for ERROR_ACCESS_DENIED.
struct RefusalReason {
  dissect::Refusal refusal;
  std::uint16_t reason;
  bool may_be_policy;
  std::string_view cause;  // besides the policy
};

constexpr RefusalReason kRefusalReasons[] = {
    {dissect::Refusal::item, 0, true, "server_resources"},  // reason_not_specified
    {dissect::Refusal::item, 1, false,
     "interface_not_registered"},                               // abstract_syntax_not_supported
    {dissect::Refusal::item, 2, false, "transfer_syntax"},      // proposed_..._not_supported
    {dissect::Refusal::item, 3, false, "server_resources"},     // local_limit_exceeded
    {dissect::Refusal::bind, 0, true, "server_resources"},      // reason_not_specified
    {dissect::Refusal::bind, 1, false, "server_resources"},     // temporary_congestion
    {dissect::Refusal::bind, 2, false, "server_resources"},     // local_limit_exceeded
    {dissect::Refusal::bind, 4, false, "protocol_version"},     // protocol_version_not_supported
    {dissect::Refusal::bind, 8, false, "authentication_type"},  // ..._type_not_recognized
    {dissect::Refusal::bind, 9, true, {}},                      // invalid_checksum
};

bool is_denied(std::uint32_t status) noexcept {
  return std::find(kAccessDenied.begin(), kAccessDenied.end(), status) != kAccessDenied.end();
}

void add_cause_of_interface(const ContextInfo& context, Evidence& evidence) noexcept {
  if (!context.abstract_syntax) return;
  for (const auto& [interface, cause] : kOtherCauses) {
    if (interface == context.abstract_syntax->uuid) evidence.add(cause);
  }
}

// What the refusal says, whatever the policy.
Evidence refusal_of(const ContextInfo& context) noexcept {
  Evidence evidence;
  if (context.refusal == dissect::Refusal::fault) {
    if (is_denied(context.refusal_status)) evidence.enforced = Enforced::consistent;
  } else {
    for (const RefusalReason& row : kRefusalReasons) {
      if (row.refusal != context.refusal || row.reason != context.reason) continue;
      if (row.may_be_policy) evidence.enforced = Enforced::consistent;
      evidence.add(row.cause);
    }
  }
  if (evidence.enforced != Enforced::consistent) return evidence;
  if (context.auth) evidence.add("bad_credentials");
  add_cause_of_interface(context, evidence);
  return evidence;
}

// Controls that the RPC runtime enforces, so that it may refuse a proposal by them.
bool is_of_runtime(evaluate::Control control) noexcept {
  return control == evaluate::Control::interface_registration ||
         control == evaluate::Control::restrict_remote_clients;
}

Evidence planned() noexcept { return {Enforced::planned, {}}; }

}  // namespace

std::string_view to_string(Enforced enforced) noexcept {
  constexpr policy::EnumNames<Enforced, 4> kNames("unknown", "consistent", "contradicted",
                                                  "planned");
  return kNames[enforced];
}

void Evidence::add(std::string_view cause) noexcept {
  for (std::string_view& known : other_causes) {
    if (known == cause) return;
    if (!known.empty()) continue;
    known = cause;
    return;
  }
}

Evidence evidence_of(const ContextInfo& context, const CallEvent& call) noexcept {
  const evaluate::InForce force = call.verdict ? call.verdict->in_force : evaluate::InForce::yes;
  if (force == evaluate::InForce::planned) return planned();
  if (call.outcome == dissect::Outcome::response) {
    return {force == evaluate::InForce::yes ? Enforced::contradicted : Enforced::unknown, {}};
  }
  // IPsec drops packets without an answer, and a fault is an answer.
  const bool is_answered =
      call.outcome == dissect::Outcome::fault || call.outcome == dissect::Outcome::rejected;
  if (is_answered && call.verdict && call.verdict->control == evaluate::Control::ipsec) {
    return {force == evaluate::InForce::yes ? Enforced::contradicted : Enforced::unknown, {}};
  }
  if (is_answered && is_denied(call.status)) {
    Evidence evidence{Enforced::consistent, {}};
    add_cause_of_interface(context, evidence);
    const bool is_object_call = call.object && !call.object->is_nil();
    if (is_object_call && evidence.other_causes[0].empty()) evidence.add("dcom_hardening");
    return evidence;
  }
  // Sent before the server refused its context.
  const bool by_runtime = call.verdict && is_of_runtime(call.verdict->control);
  if (by_runtime && context.refusal != dissect::Refusal::none) return refusal_of(context);
  return {};
}

Evidence evidence_of(const ContextInfo& context, const RefusedContext& refused) noexcept {
  if (refused.verdict.in_force == evaluate::InForce::planned) return planned();
  return refusal_of(context);
}

Evidence evidence_of(const ConnectionEvent& connection) noexcept {
  if (connection.in_force == evaluate::InForce::planned) return planned();
  switch (connection.answer) {
    case dissect::OpeningAnswer::accepted: return {Enforced::contradicted, {}};
    case dissect::OpeningAnswer::none:
      return {Enforced::consistent, {"firewall", "host_unreachable", "one_sided_capture"}};
    case dissect::OpeningAnswer::refused:  // by the server, or by something before it
    case dissect::OpeningAnswer::unknown: break;
  }
  return {};
}

}  // namespace rpcaudit::audit
