#pragma once

#include <string>
#include <string_view>

#include "engine/evaluate/controls/host_controls.h"
#include "engine/policy/policy.h"

namespace rpcaudit::evaluate {

// Says in words why a control other than the RPC filters judges as it does.
class ControlText {
 public:
  // `policy` is borrowed; verdicts must be of the same policy.
  explicit ControlText(const policy::Policy& policy) : policy_(policy), controls_(policy.host) {}

  // The stable name of the row that applied, or the name of the IPsec rule; empty when none.
  [[nodiscard]] std::string_view row(Control control, const ControlVerdict& verdict) const;
  // `file:line` of what decides; empty when it stands nowhere.
  [[nodiscard]] std::string source(Control control, const ControlVerdict& verdict) const;
  // A clause: `RestrictRemoteClients=1 (dc1.reg:4): the RPC runtime rejects anonymous calls`.
  [[nodiscard]] std::string reason(Control control, const ControlVerdict& verdict) const;

  [[nodiscard]] const HostControls& controls() const noexcept { return controls_; }

 private:
  [[nodiscard]] const policy::InterfaceRegistration* registration(
      const ControlVerdict& verdict) const;
  [[nodiscard]] const policy::IpsecRule* rule(const ControlVerdict& verdict) const;
  [[nodiscard]] std::string ipsec_reason(const ControlVerdict& verdict) const;
  [[nodiscard]] std::string registration_reason(const ControlVerdict& verdict) const;
  [[nodiscard]] std::string setting_text() const;

  const policy::Policy& policy_;
  HostControls controls_;
};

// `ALLOW_SECURE_ONLY|SEC_NO_CACHE`, `none`.
[[nodiscard]] std::string registration_flags_text(std::uint32_t flags);

}  // namespace rpcaudit::evaluate
