#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <string_view>

#include "engine/policy/field.h"
#include "engine/policy/host_settings.h"

namespace rpcaudit::evaluate {

enum class VerdictAction : std::uint8_t { would_permit, would_block, undecidable };

[[nodiscard]] std::string_view to_string(VerdictAction action) noexcept;

// What can stop a call, in the order in which a call meets it. Each is judged for itself; the call
// goes through when none of them stops it.
enum class Control : std::uint8_t {
  none,
  ipsec,                    // a static IPsec policy, packet by packet
  interface_registration,   // the flags that the server registered the interface with
  restrict_remote_clients,  // the registry value, at the server's RPC runtime
  rpc_filter,               // filters of layer um, at dispatch
};

inline constexpr std::size_t kControlCount = 5;
inline constexpr std::array<Control, 3> kOtherControls{
    Control::ipsec, Control::interface_registration, Control::restrict_remote_clients};

[[nodiscard]] std::string_view to_string(Control control) noexcept;

enum class ControlAction : std::uint8_t {
  not_judged,      // the policy does not have this control, or nothing to say on the interface
  not_applicable,  // the control does not concern such calls
  would_permit,
  would_block,
  undecidable,
};

inline constexpr std::size_t kControlActionCount = 5;

[[nodiscard]] std::string_view to_string(ControlAction action) noexcept;

// Facts behind an undecidable control that are no fields of filters. A set of them: bit
// `1 << ControlFact`.
enum class ControlFact : std::uint8_t {
  registration,       // how the server registered the interface
  auth_level,         // the call's trailer was not captured
  smb_session,        // who opened the pipe
  ipsec_negotiation,  // whether the peers agree on security
};

inline constexpr std::size_t kControlFactCount = 4;

[[nodiscard]] std::string_view to_string(ControlFact fact) noexcept;

using ControlFactSet = std::uint8_t;

constexpr ControlFactSet fact_bit(ControlFact fact) noexcept {
  return static_cast<ControlFactSet>(1U << static_cast<unsigned>(fact));
}

inline constexpr std::uint32_t kNoItem = 0xffff'ffff;

// What one control other than the RPC filters means for one call.
struct ControlVerdict {
  ControlAction action = ControlAction::not_judged;
  std::uint8_t row = 0;          // of the control's decision table (decision_table.h)
  ControlFactSet unseen = 0;     // undecidable: what could change it
  bool readings_differ = false;  // the sources allow another action
  std::uint32_t item = kNoItem;  // ipsec: the compiled filter that decided (ipsec_rules.h);
                                 // interface_registration: HostSettings::registrations

  bool operator==(const ControlVerdict&) const = default;
};

// Whether the client finds the server's dynamic endpoint: the look-up that comes before a call is
// anonymous unless the client's EnableAuthEpResolution is set and the call itself is authenticated.
enum class Lookup : std::uint8_t {
  unaffected,     // permitted, not needed, or not known to be needed
  needs_auth,     // would be refused unless the client sets EnableAuthEpResolution
  refused,        // would be refused: the client is known not to set it
  authenticated,  // goes through: the client was seen to authenticate it, or is known to
  unreachable,    // an anonymous call: its look-up is refused whatever the client sets
};

[[nodiscard]] std::string_view to_string(Lookup lookup) noexcept;

// Whether the policy acted when the call was made.
enum class InForce : std::uint8_t {
  yes,                // or not known when it began to
  planned,            // not yet
  older_association,  // yes, but the association had been made before
};

// What a server with the audit policy "RPC Events" would write of a call into its security log, as
// event 5712: filters with audit=enable have it do so, success for a permit and failure for a
// block.
enum class Logged : std::uint8_t {
  no,
  success,
  failure,
  perhaps,  // whether such a filter matches, or which of several, is not known
};

inline constexpr std::size_t kLoggedCount = 4;

// `audit_success`, as Windows calls it.
[[nodiscard]] std::string_view to_string(Logged logged) noexcept;

// A set of fields: bit `1 << Field`.
using FieldSet = std::uint32_t;

constexpr FieldSet field_bit(policy::Field field) noexcept {
  return FieldSet{1} << static_cast<unsigned>(field);
}

inline constexpr std::uint32_t kNoFilter = 0xffff'ffff;

// What the policy means for one call. Small, trivially copyable, cacheable.
struct Verdict {
  VerdictAction action = VerdictAction::would_permit;
  Control control = Control::none;   // none: nothing matched
  std::uint32_t filter = kNoFilter;  // index into Policy::filters of the one that decided; of an
                                     // undecidable verdict the first that may have decided
  FieldSet unseen = 0;               // undecidable: the fields that could change the outcome
  bool undecidable_by_continue = false;  // only `continue` filters match or may: the texts differ
  bool undecidable_by_datagram = false;  // whether filters see datagram calls is not told
  bool audit_only = false;  // decided by a block with audit=enable: documented as logged,
                            // not applied
  // Another reading that the sources allow would give another action (audit filters applied or
  // not, auth type negotiated or as on the wire, what a call without security has, whether calls
  // over pipes have addresses, in which order IPv4 addresses are compared).
  bool readings_differ = false;
  Logged logged = Logged::no;           // event 5712: of the sublayer of audit filters alone
  std::uint32_t logged_by = kNoFilter;  // the filter that has it logged, or the first that may
  bool depends_on_target = false;  // another target would give another action: see TargetSurvey

  // Each control's own action. `action` and `control` above are all of them together; `filter` to
  // `audit_only` are of the RPC filters alone.
  VerdictAction filter_action = VerdictAction::would_permit;
  ControlVerdict ipsec;
  ControlVerdict registration;
  ControlVerdict remote_clients;
  // Set by whoever knows the look-ups that came before; only where `needs_lookup`.
  Lookup lookup = Lookup::unaffected;
  bool needs_lookup = false;        // RestrictRemoteClients permits the call, and refuses anonymous
                                    // look-ups of the dynamic endpoint it is made to
  bool is_authenticated = false;    // of such a call
  InForce in_force = InForce::yes;  // likewise set later
  // What the whole would be at each value of RestrictRemoteClients, when that was asked.
  std::array<VerdictAction, policy::kRestrictRemoteClientsCount> what_if{};
  bool has_what_if = false;

  // Of a question to an endpoint mapper: what filters of layer epmap say of the interface asked
  // for, where there are such filters. `filter` is theirs when they decide.
  bool has_epmap = false;
  VerdictAction epmap_action = VerdictAction::would_permit;
  std::uint32_t epmap_filter = kNoFilter;

  // Of a control other than the RPC filters; null for those.
  [[nodiscard]] const ControlVerdict* find(Control which) const noexcept;

  bool operator==(const Verdict&) const = default;
};

// Whether the block would only be logged: by a filter with audit=enable, and nothing else.
[[nodiscard]] constexpr bool is_only_logged(const Verdict& verdict) noexcept {
  return verdict.audit_only && verdict.control == Control::rpc_filter;
}

}  // namespace rpcaudit::evaluate
