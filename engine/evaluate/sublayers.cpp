#include "engine/evaluate/sublayers.h"

#include <algorithm>

namespace rpcaudit::evaluate {
namespace {

// What prevails over what: permit, a block that is only logged, undecidable, block.
unsigned rank(const Verdict& verdict) noexcept {
  switch (verdict.action) {
    case VerdictAction::would_permit: break;
    case VerdictAction::would_block: return verdict.audit_only ? 1 : 3;
    case VerdictAction::undecidable: return 2;
  }
  return 0;
}

// The documents have audited filters logged and not applied.
Verdict log_audited(const Verdict& without, const Verdict& with) noexcept {
  const bool audited =
      without.action == VerdictAction::would_permit && with.action != VerdictAction::would_permit;
  Verdict verdict = audited ? with : without;
  verdict.audit_only = audited && with.action == VerdictAction::would_block;
  return verdict;
}

Verdict combine_audit(const SublayerVerdicts& verdicts, policy::Behaviour audit) noexcept {
  if (!verdicts.has_audit) return verdicts.filters;
  const Verdict applied = block_over_permit(verdicts.filters, verdicts.audit);
  const bool logs_only = audit == policy::Behaviour::logs_only;
  Verdict verdict = logs_only ? log_audited(verdicts.filters, verdicts.one_list) : applied;
  const VerdictAction basis = logs_only ? verdicts.filters.action : applied.action;
  verdict.readings_differ = verdicts.one_list.action != basis || applied.action != basis;
  return verdict;
}

}  // namespace

Verdict block_over_permit(const Verdict& a, const Verdict& b) noexcept {
  const Verdict& stronger = rank(b) > rank(a) ? b : a;
  const Verdict& weaker = rank(b) > rank(a) ? a : b;
  Verdict verdict = stronger;
  verdict.readings_differ = a.readings_differ || b.readings_differ;
  if (verdict.filter == kNoFilter) {
    verdict.filter = weaker.filter;
    verdict.control = weaker.control;
  }
  if (verdict.action == VerdictAction::undecidable && weaker.action == verdict.action) {
    verdict.unseen |= weaker.unseen;
    verdict.undecidable_by_continue =
        verdict.undecidable_by_continue || weaker.undecidable_by_continue;
    verdict.undecidable_by_datagram =
        verdict.undecidable_by_datagram || weaker.undecidable_by_datagram;
  }
  return verdict;
}

Verdict combine_sublayers(const SublayerVerdicts& verdicts, const policy::TargetProfile& profile,
                          bool is_datagram) noexcept {
  Verdict verdict = combine_audit(verdicts, profile[policy::Difference::audit]);
  const bool unclear =
      is_datagram && profile[policy::Difference::datagrams] == policy::Behaviour::undecidable;
  const bool may_log = unclear && verdicts.logged != Logged::no;
  if (unclear && verdict.action != VerdictAction::would_permit) {
    verdict.action = VerdictAction::undecidable;
    verdict.undecidable_by_datagram = true;
    verdict.audit_only = false;
  }
  if (verdicts.has_rpc_firewall) verdict = block_over_permit(verdict, verdicts.rpc_firewall);
  verdict.logged = may_log ? Logged::perhaps : verdicts.logged;
  verdict.logged_by = verdicts.logged_by;
  return verdict;
}

}  // namespace rpcaudit::evaluate
