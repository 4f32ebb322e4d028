#pragma once

#include "engine/evaluate/verdict.h"
#include "engine/policy/target.h"

namespace rpcaudit::evaluate {

// What each part of a layer says of a call. Windows keeps filters with audit=enable in a sublayer
// of their own.
struct SublayerVerdicts {
  Verdict filters;             // those without audit
  Verdict audit;               // those with audit
  Verdict one_list;            // both, weighed together, as some sources have it
  Verdict rpc_firewall;        // the lines of RPC Firewall, which is another program
  Logged logged = Logged::no;  // what those with audit have written
  std::uint32_t logged_by = kNoFilter;
  bool has_audit = false;
  bool has_rpc_firewall = false;
};

// A block of either over a permit of the other, as sublayers are combined (Filter Arbitration). A
// block that is only logged gives way to what cannot be decided.
[[nodiscard]] Verdict block_over_permit(const Verdict& a, const Verdict& b) noexcept;

// One verdict of all. Where audit is documented as logged and not applied, the verdict is that of
// the filters without it, unless it permits; then a block among the audited ones counts, as
// `audit_only`. Whether the call is logged is up to the filters with audit alone, as every sublayer
// is evaluated. `is_datagram`: the call came over ncadg.
[[nodiscard]] Verdict combine_sublayers(const SublayerVerdicts& verdicts,
                                        const policy::TargetProfile& profile,
                                        bool is_datagram) noexcept;

}  // namespace rpcaudit::evaluate
