#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "engine/policy/text/diagnostic.h"

namespace rpcaudit::policy {

// Static IPsec policies as ipsecpol.exe and ipseccmd.exe write them (Microsoft's article on
// restricting RPC ports; Windows 2000 Resource Kit, `ipsecpol`).

enum class IpsecAction : std::uint8_t {
  block,      // BLOCK: dropped without an answer
  pass,       // PASS: in clear
  in_pass,    // INPASS: inbound in clear, replies negotiate
  negotiate,  // a list of security methods: IPsec is demanded of the peer
};

[[nodiscard]] std::string_view to_string(IpsecAction action) noexcept;

// One side of a filter. IPv4 only, as the tools are.
struct IpsecAddress {
  std::uint32_t value = 0;  // host order, masked
  std::uint32_t mask = 0;   // 0: any
  bool is_me = false;       // `0`: the host that has the policy; value and mask are then unused
  std::uint16_t port = 0;   // 0: any

  auto operator<=>(const IpsecAddress&) const = default;
};

// `source=destination:port:protocol`, in the direction in which the packets go.
struct IpsecFilter {
  IpsecAddress source;
  IpsecAddress destination;
  std::uint8_t protocol = 0;  // IANA number; 0: any
  bool mirrored = false;      // `+`: packets of the other direction too
  std::string text;           // as written
  SourceSpan span;
};

// What `-r` names: filters with one action.
struct IpsecRule {
  std::string name;  // may be empty in dynamic mode
  IpsecAction action = IpsecAction::block;
  std::vector<IpsecFilter> filters;
  SourceSpan span;
};

// What `-w REG -p` names; the dynamic rules of commands without `-w` form one without a name.
struct IpsecPolicy {
  std::string name;
  bool dynamic = false;
  bool assigned = false;
  bool ever_assigned = false;
  std::vector<IpsecRule> rules;
  SourceSpan span;  // of the command that made it
};

struct IpsecSettings {
  std::vector<IpsecPolicy> policies;  // those deleted (`-o`) are gone
  bool domain_policy = false;         // a domain's policy replaces the local ones
  bool assume_assigned = false;       // judge by policies that nobody assigns, too

  // Whether anything was written at all.
  [[nodiscard]] bool is_configured() const noexcept { return !policies.empty(); }
  // Whether the rules of the policy act on packets.
  [[nodiscard]] bool is_active(const IpsecPolicy& policy) const noexcept {
    if (policy.dynamic || assume_assigned) return true;
    return policy.assigned && !domain_policy;
  }
};

}  // namespace rpcaudit::policy
