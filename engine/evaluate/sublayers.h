#pragma once

#include "engine/evaluate/evaluation_options.h"
#include "engine/evaluate/verdict.h"
#include "engine/policy/policy.h"
#include "engine/policy/target.h"

namespace rpcaudit::evaluate {

// The parts of a layer that decide on their own: Windows keeps filters with audit=enable in a
// sublayer of their own; the lines of RPC Firewall are of another program.
enum class Sublayer : std::uint8_t { filters, audit, rpc_firewall };

inline constexpr std::size_t kSublayerCount = 3;

[[nodiscard]] constexpr Sublayer sublayer_of(policy::Enforcer enforcer, bool audit) noexcept {
  if (enforcer == policy::Enforcer::rpc_firewall) return Sublayer::rpc_firewall;
  return audit ? Sublayer::audit : Sublayer::filters;
}

// What each part of a layer says of a call.
struct SublayerVerdicts {
  FilterVerdict filters;       // those without audit
  FilterVerdict audit;         // those with audit
  FilterVerdict one_list;      // both, weighed together, as some sources have it
  FilterVerdict rpc_firewall;  // the lines of RPC Firewall, which is another program
  Event5712 event_5712;        // what those with audit have written
  bool has_audit = false;
  bool has_rpc_firewall = false;
};

// A block of either over a permit of the other, as sublayers are combined (Filter Arbitration). A
// block that is only logged gives way to what cannot be decided.
[[nodiscard]] FilterVerdict block_over_permit(const FilterVerdict& a,
                                              const FilterVerdict& b) noexcept;

// How the policy's filters are judged: what netsh is documented to do with `audit` does not hold
// for filters with audit that were all made through the filtering engine's interface.
[[nodiscard]] EvaluationOptions options_for(const policy::Policy& policy,
                                            EvaluationOptions options) noexcept;

// Combines all parts into one verdict. Where audit is documented as logged and not applied, the
// verdict is that of the filters without it, unless it permits; then a block among the audited ones
// counts, as `by_audit_filter`. Whether the call is logged is up to the filters with audit alone,
// as every sublayer is evaluated. `is_datagram`: the call came over ncadg.
[[nodiscard]] FilterVerdict combine_sublayers(const SublayerVerdicts& verdicts,
                                              const policy::TargetProfile& profile,
                                              bool is_datagram) noexcept;

}  // namespace rpcaudit::evaluate
