#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string_view>

#include "dissect/rpc_observer.h"
#include "engine/policy/field.h"
#include "engine/policy/host_settings.h"
#include "engine/policy/target.h"

namespace rpcaudit::evaluate {

enum class VerdictAction : std::uint8_t { would_permit, would_block, undecidable };

inline constexpr std::size_t kVerdictActionCount = 3;

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

inline constexpr std::size_t kLookupCount = 5;

[[nodiscard]] std::string_view to_string(Lookup lookup) noexcept;

// Whether the policy acted when the call was made.
enum class InForce : std::uint8_t {
  yes,                // or not known when it began to
  planned,            // not yet
  older_association,  // yes, but the association had been made before
};

// With which keywords a server with the audit policy "RPC Events" would write of a call into its
// security log, as event 5712: filters with audit=enable have it do so, success for a permit and
// failure for a block.
enum class AuditKeywords : std::uint8_t {
  none,  // it writes no event
  success,
  failure,
  perhaps,  // whether such a filter matches, or which of several, is not known
};

inline constexpr std::size_t kAuditKeywordsCount = 4;

// `audit_success`, as Windows calls it.
[[nodiscard]] std::string_view to_string(AuditKeywords keywords) noexcept;

// A set of fields: bit `1 << Field`.
using FieldSet = std::uint32_t;

constexpr FieldSet field_bit(policy::Field field) noexcept {
  return FieldSet{1} << static_cast<unsigned>(field);
}

inline constexpr std::uint32_t kNoFilter = 0xffff'ffff;

// The event of a call, and the filter that has it written, or the first that may: an index into
// Policy::filters.
struct Event5712 {
  AuditKeywords keywords = AuditKeywords::none;
  std::uint32_t filter = kNoFilter;

  bool operator==(const Event5712&) const = default;
};

// What the filters of one layer mean for one call, whatever the other controls say.
struct FilterVerdict {
  VerdictAction action = VerdictAction::would_permit;
  bool undecidable_by_continue = false;  // only `continue` filters match or may: the texts differ
  bool undecidable_by_datagram = false;  // whether filters see datagram calls is not told
  bool by_audit_filter = false;      // decided by a block with audit=enable: documented as logged,
                                     // not applied
  bool readings_differ = false;      // see Verdict::readings_differ
  std::uint32_t filter = kNoFilter;  // index into Policy::filters of the one that decided; of an
                                     // undecidable verdict the first that may have decided
  FieldSet unseen = 0;               // undecidable: the fields that could change the outcome
  Event5712 event_5712;              // by the sublayer of audit filters alone

  bool operator==(const FilterVerdict&) const = default;
};

// The verdicts of the controls besides the filters, each by itself.
class ControlVerdicts {
 public:
  // `control` is one of kOtherControls.
  ControlVerdict& operator[](Control control) noexcept { return each_[index(control)]; }
  const ControlVerdict& operator[](Control control) const noexcept { return each_[index(control)]; }

  bool operator==(const ControlVerdicts&) const = default;

 private:
  static constexpr std::size_t index(Control control) noexcept {
    return static_cast<std::size_t>(control) - static_cast<std::size_t>(kOtherControls.front());
  }

  std::array<ControlVerdict, kOtherControls.size()> each_;
};

// The look-up of a dynamic endpoint that comes before a call.
struct LookupVerdict {
  // RestrictRemoteClients permits the call, and refuses anonymous look-ups of the dynamic endpoint
  // that it is made to.
  bool is_needed = false;
  bool call_is_authenticated = false;  // where it is needed
  // Set only by whoever knows which look-ups came before, and only where it is needed.
  Lookup outcome = Lookup::unaffected;

  bool operator==(const LookupVerdict&) const = default;
};

// The action at each value of RestrictRemoteClients.
using WhatIf = std::array<VerdictAction, policy::kRestrictRemoteClientsCount>;

// What a target makes of a call, as far as people count it.
enum class TargetAction : std::uint8_t { would_permit, would_block, undecidable, would_log };

inline constexpr std::size_t kTargetActionCount = 4;

[[nodiscard]] std::string_view to_string(TargetAction action) noexcept;

// The action on each target, two bits for each.
class TargetActions {
 public:
  constexpr TargetActions() noexcept = default;
  // The same on all.
  explicit constexpr TargetActions(TargetAction action) noexcept
      : bits_(static_cast<std::uint32_t>(action) * 0x5555'5555u) {}

  [[nodiscard]] constexpr TargetAction operator[](policy::Target target) const noexcept {
    return static_cast<TargetAction>(bits_ >> shift(target) & 3u);
  }
  constexpr void set(policy::Target target, TargetAction action) noexcept {
    bits_ &= ~(3u << shift(target));
    bits_ |= static_cast<std::uint32_t>(action) << shift(target);
  }

  // All in one number.
  [[nodiscard]] constexpr std::uint32_t bits() const noexcept { return bits_; }

  auto operator<=>(const TargetActions&) const = default;

 private:
  static_assert(policy::kTargetCount <= 16);
  static constexpr unsigned shift(policy::Target target) noexcept {
    return 2 * static_cast<unsigned>(target);
  }

  std::uint32_t bits_ = 0;
};

// What the policy means for one call: each part by itself, and all together. Small, trivially
// copyable, cacheable.
struct Verdict {
  // All together: combine_controls() sets these from the parts below, and is done over again where
  // filters of layer epmap decide.
  VerdictAction action = VerdictAction::would_permit;
  Control control = Control::none;  // none: nothing matched
  bool decided_at_mapper = false;   // `mapper_filters` decide, not `filters`
  // Another reading that the sources allow would give another action (audit filters applied or
  // not, auth type negotiated or as on the wire, what a call without security has, whether calls
  // over pipes have addresses, in which order IPv4 addresses are compared).
  bool readings_differ = false;
  Event5712 event_5712;  // the filters', unless another control stops the call before them

  FilterVerdict filters;     // of layer um, by CompiledPolicy
  ControlVerdicts controls;  // by HostControls
  // The whole at each value of RestrictRemoteClients, where that was asked; by HostControls.
  std::optional<WhatIf> what_if;

  // Of a question to an endpoint mapper: what filters of layer epmap say of the interface asked
  // for, where there are such filters. Added by audit::EndpointJudge.
  std::optional<FilterVerdict> mapper_filters;

  // Another target would give another action: set by TargetSurvey. `in_force` and `lookup.outcome`
  // below depend on the traffic before the call: audit::ControlMonitor sets them.
  bool depends_on_target = false;
  TargetActions targets;  // where it depends on the target
  // The wire leaves several readings of the call, and they would give other actions: undecidable.
  dissect::Doubts doubts;
  InForce in_force = InForce::yes;
  LookupVerdict lookup;

  // The filters that decide if filters do: of layer um or epmap.
  [[nodiscard]] const FilterVerdict& deciding_filters() const noexcept {
    return decided_at_mapper ? *mapper_filters : filters;
  }
  // The control other than the filters that decides; null where filters or nothing does.
  [[nodiscard]] const ControlVerdict* deciding_control() const noexcept {
    const bool is_other = control != Control::none && control != Control::rpc_filter;
    return is_other ? &controls[control] : nullptr;
  }

  bool operator==(const Verdict&) const = default;
};

// Whether the block would only be logged: by a filter with audit=enable, and nothing else.
[[nodiscard]] inline bool is_only_logged(const Verdict& verdict) noexcept {
  return verdict.control == Control::rpc_filter && verdict.deciding_filters().by_audit_filter;
}

// As people count it.
[[nodiscard]] inline TargetAction target_action(const Verdict& verdict) noexcept {
  if (is_only_logged(verdict)) return TargetAction::would_log;
  switch (verdict.action) {
    case VerdictAction::would_block: return TargetAction::would_block;
    case VerdictAction::undecidable: return TargetAction::undecidable;
    case VerdictAction::would_permit: break;
  }
  return TargetAction::would_permit;
}

}  // namespace rpcaudit::evaluate
