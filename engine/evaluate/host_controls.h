#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <vector>

#include "engine/evaluate/decision_table.h"
#include "engine/evaluate/facts.h"
#include "engine/evaluate/ipsec_rules.h"
#include "engine/evaluate/verdict.h"
#include "engine/policy/host_settings.h"

namespace rpcaudit {

// What the controls besides the RPC filters know of a presentation context. Small, copyable.
struct NarrowedControls {
  ControlVerdict ipsec;
  Carrier carrier = Carrier::tcp;
  bool local = false;  // the caller is on the server itself
  RegistrationKind kind = RegistrationKind::unlisted;
  Exemption exemption = Exemption::unknown;
  std::uint32_t registration = kNoItem;  // into registrations()
  SmbCaller smb = SmbCaller::unseen;
};

// IPsec, registration flags and RestrictRemoteClients of one server made runnable: narrow once per
// context, apply to each call's verdict of the RPC filters. Immutable, so threads may share it; no
// memory is taken while judging.
class HostControls {
 public:
  // Copies what it needs of the settings.
  explicit HostControls(const HostSettings& settings);

  // Nothing to judge by: apply() need not be called.
  [[nodiscard]] bool empty() const noexcept { return !is_judging_; }

  [[nodiscard]] NarrowedControls narrow(const ContextFacts& context) const noexcept;

  // Completes the verdict of the RPC filters by those of the other controls.
  void apply(const NarrowedControls& narrowed, const CallFacts& call,
             Verdict& verdict) const noexcept;

  // The value that is judged by: as set, or the default of the edition. Empty: not judged.
  [[nodiscard]] std::optional<RestrictRemoteClients> restrict_remote_clients() const noexcept {
    return setting_;
  }
  [[nodiscard]] const std::vector<InterfaceRegistration>& registrations() const noexcept {
    return registrations_;
  }
  [[nodiscard]] const IpsecRules& ipsec() const noexcept { return ipsec_; }

 private:
  [[nodiscard]] std::uint32_t find_registration(const Uuid& interface) const noexcept;
  [[nodiscard]] ControlVerdict judge_registration(const NarrowedControls& narrowed,
                                                  Caller caller) const noexcept;
  [[nodiscard]] ControlVerdict judge_remote_clients(const NarrowedControls& narrowed, Caller caller,
                                                    RestrictRemoteClients setting) const noexcept;

  std::vector<InterfaceRegistration> registrations_;  // by interface, the last word only
  bool has_registrations_ = false;  // any were listed, not counting the endpoint mapper's own
  std::optional<RestrictRemoteClients> setting_;
  bool what_if_ = false;
  bool treat_loopback_as_remote_ = false;
  bool is_judging_ = false;
  IpsecRules ipsec_;
};

// The connection of a context, as IPsec at the server sees it.
[[nodiscard]] IpsecConnection connection_of(const ContextFacts& context) noexcept;

// Who makes a call, as the decision tables have it.
[[nodiscard]] Caller caller_of(Carrier carrier, SmbCaller smb, const CallFacts& call) noexcept;

// The controls together, in the order in which a call meets them: the first that blocks decides,
// then the first that is undecidable. A block that is only logged gives way to both.
void combine_controls(Verdict& verdict) noexcept;

}  // namespace rpcaudit
