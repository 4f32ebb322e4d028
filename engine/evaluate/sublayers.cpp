#include "engine/evaluate/sublayers.h"

#include <algorithm>

namespace rpcaudit::evaluate {
namespace {

// What prevails over what: permit, a block that is only logged, undecidable, block.
unsigned rank(const FilterVerdict& verdict) noexcept {
  switch (verdict.action) {
    case VerdictAction::would_permit: break;
    case VerdictAction::would_block: return verdict.by_audit_filter ? 1 : 3;
    case VerdictAction::undecidable: return 2;
  }
  return 0;
}

// The documents have audited filters logged and not applied.
FilterVerdict log_audited(const FilterVerdict& without, const FilterVerdict& with) noexcept {
  const bool audited =
      without.action == VerdictAction::would_permit && with.action != VerdictAction::would_permit;
  FilterVerdict verdict = audited ? with : without;
  verdict.by_audit_filter = audited && with.action == VerdictAction::would_block;
  return verdict;
}

FilterVerdict combine_audit(const SublayerVerdicts& verdicts, policy::Behaviour audit) noexcept {
  if (!verdicts.has_audit) return verdicts.filters;
  const FilterVerdict applied = block_over_permit(verdicts.filters, verdicts.audit);
  const bool logs_only = audit == policy::Behaviour::logs_only;
  FilterVerdict verdict = logs_only ? log_audited(verdicts.filters, verdicts.one_list) : applied;
  const VerdictAction basis = logs_only ? verdicts.filters.action : applied.action;
  verdict.readings_differ = verdicts.one_list.action != basis || applied.action != basis;
  return verdict;
}

}  // namespace

EvaluationOptions options_for(const policy::Policy& policy, EvaluationOptions options) noexcept {
  const auto is_by_netsh = [&options](const policy::Filter& filter) {
    return filter.audit && !filter.by_api && filter.layer == options.layer;
  };
  const bool is_by_api = std::none_of(policy.filters.begin(), policy.filters.end(), is_by_netsh);
  if (is_by_api) options.profile.set(policy::Difference::audit, policy::Behaviour::applies);
  return options;
}

FilterVerdict block_over_permit(const FilterVerdict& a, const FilterVerdict& b) noexcept {
  const FilterVerdict& stronger = rank(b) > rank(a) ? b : a;
  const FilterVerdict& weaker = rank(b) > rank(a) ? a : b;
  FilterVerdict verdict = stronger;
  verdict.readings_differ = a.readings_differ || b.readings_differ;
  if (verdict.filter == kNoFilter) verdict.filter = weaker.filter;
  if (verdict.action == VerdictAction::undecidable && weaker.action == verdict.action) {
    verdict.unseen |= weaker.unseen;
    verdict.undecidable_by_continue =
        verdict.undecidable_by_continue || weaker.undecidable_by_continue;
    verdict.undecidable_by_datagram =
        verdict.undecidable_by_datagram || weaker.undecidable_by_datagram;
  }
  return verdict;
}

FilterVerdict combine_sublayers(const SublayerVerdicts& verdicts,
                                const policy::TargetProfile& profile, bool is_datagram) noexcept {
  FilterVerdict verdict = combine_audit(verdicts, profile[policy::Difference::audit]);
  const bool unclear =
      is_datagram && profile[policy::Difference::datagrams] == policy::Behaviour::undecidable;
  if (unclear && verdict.action != VerdictAction::would_permit) {
    verdict.action = VerdictAction::undecidable;
    verdict.undecidable_by_datagram = true;
    verdict.by_audit_filter = false;
  }
  if (verdicts.has_rpc_firewall) verdict = block_over_permit(verdict, verdicts.rpc_firewall);
  verdict.event_5712 = verdicts.event_5712;
  if (unclear && verdict.event_5712.keywords != AuditKeywords::none) {
    verdict.event_5712.keywords = AuditKeywords::perhaps;
  }
  return verdict;
}

}  // namespace rpcaudit::evaluate
