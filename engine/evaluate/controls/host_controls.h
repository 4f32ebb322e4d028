#pragma once

#include <algorithm>
#include <array>
#include <cstdint>
#include <optional>
#include <vector>

#include "engine/evaluate/controls/decision_table.h"
#include "engine/evaluate/controls/ipsec_rules.h"
#include "engine/evaluate/facts.h"
#include "engine/evaluate/verdict.h"
#include "engine/policy/host_settings.h"

namespace rpcaudit::evaluate {

// What the controls besides the RPC filters know of a presentation context. Small, copyable.
struct NarrowedControls {
  ControlVerdict ipsec;
  Carrier carrier = Carrier::tcp;
  bool local = false;         // the caller is on the server itself
  bool dynamic_port = false;  // clients have to look it up
  RegistrationKind kind = RegistrationKind::unlisted;
  Exemption exemption = Exemption::unknown;
  std::uint32_t registration = kNoItem;  // into registrations()
  PipeOpener smb = PipeOpener::unseen;
};

// IPsec, registration flags and RestrictRemoteClients of one server made runnable: narrow once per
// context, apply to each call's verdict of the RPC filters. Immutable, so threads may share it; no
// memory is taken while judging.
class HostControls {
 public:
  // Copies what it needs of the settings.
  explicit HostControls(const policy::HostSettings& settings);

  // Nothing to judge by: apply() need not be called.
  [[nodiscard]] bool empty() const noexcept { return !is_judging_; }

  [[nodiscard]] NarrowedControls narrow(const ContextFacts& context) const noexcept;

  // Adds the verdicts of the other controls to that of the RPC filters, and combines them.
  void apply(const NarrowedControls& narrowed, const CallFacts& call,
             Verdict& verdict) const noexcept;

  // The value that is judged by: as set, or the default of the edition. Empty: not judged.
  [[nodiscard]] std::optional<policy::RestrictRemoteClients> restrict_remote_clients()
      const noexcept {
    return setting_;
  }
  [[nodiscard]] const std::vector<policy::InterfaceRegistration>& registrations() const noexcept {
    return registrations_;
  }
  // Whether the client is known to authenticate its look-ups; empty: not known.
  [[nodiscard]] std::optional<bool> authenticates_lookups(const IpAddress& client) const noexcept;
  // Without a start that is known the controls are in force for every call.
  [[nodiscard]] bool has_start() const noexcept { return effective_from_.has_value(); }
  [[nodiscard]] InForce in_force(std::int64_t association, std::int64_t call) const noexcept;
  [[nodiscard]] bool asks_what_if() const noexcept { return what_if_; }
  [[nodiscard]] const IpsecRules& ipsec() const noexcept { return ipsec_; }
  // Whether anything is said of connections, whatever is called on them: by IPsec rules, or by
  // ports given to RPC services.
  [[nodiscard]] bool concerns_connections() const noexcept {
    return !ipsec_.empty() || !rpc_ports_.empty();
  }
  // Whether the settings give ports to RPC services.
  [[nodiscard]] bool gives_ports() const noexcept { return !rpc_ports_.empty(); }
  // Whether the settings give the port to RPC services; of no port when they say nothing.
  [[nodiscard]] bool gives_rpc(std::uint16_t port) const noexcept;
  // Whether it is a static port of an RPC service.
  [[nodiscard]] bool is_static(std::uint16_t port) const noexcept {
    return std::binary_search(static_ports_.begin(), static_ports_.end(), port);
  }

 private:
  [[nodiscard]] std::uint32_t find_registration(const Uuid& interface) const noexcept;
  [[nodiscard]] ControlVerdict judge_registration(const NarrowedControls& narrowed,
                                                  Caller caller) const noexcept;
  // Whether the call needs a look-up; what became of that is not known here.
  [[nodiscard]] LookupVerdict judge_lookup(const NarrowedControls& narrowed,
                                           Caller caller) const noexcept;
  [[nodiscard]] ControlVerdict judge_remote_clients(
      const NarrowedControls& narrowed, Caller caller,
      policy::RestrictRemoteClients setting) const noexcept;

  std::vector<policy::InterfaceRegistration> registrations_;  // by interface, the last word only
  bool has_registrations_ = false;  // any were listed, not counting the endpoint mapper's own
  std::optional<policy::RestrictRemoteClients> setting_;
  bool what_if_ = false;
  std::optional<std::int64_t> effective_from_;  // nanoseconds since 1970
  bool treat_loopback_as_remote_ = false;
  bool is_judging_ = false;
  std::vector<policy::PortRange> rpc_ports_;     // empty: not configured
  std::vector<std::uint16_t> static_ports_;      // sorted
  std::vector<policy::ClientSettings> clients_;  // the longest prefix first
  IpsecRules ipsec_;
};

// The connection of a context, as IPsec at the server sees it.
[[nodiscard]] IpsecConnection connection_of(const ContextFacts& context) noexcept;

// Who makes a call, as the decision tables have it.
[[nodiscard]] Caller caller_of(Carrier carrier, PipeOpener smb, const CallFacts& call) noexcept;

// What becomes of the look-up before a call that needs one: `client` is its known setting of
// EnableAuthEpResolution, the others whether such look-ups of the client were seen.
[[nodiscard]] Lookup lookup_of(bool call_is_authenticated, std::optional<bool> client,
                               bool authenticated_seen, bool anonymous_seen) noexcept;

// The controls together, in the order in which a call meets them: the first that blocks decides,
// then the first that is undecidable. A block that is only logged gives way to both.
void combine_controls(Verdict& verdict) noexcept;

}  // namespace rpcaudit::evaluate
