#include <string>

#include "engine/evaluate/explain.h"
#include "engine/policy/printer.h"
#include "engine/policy/spelling.h"

namespace rpcaudit {
namespace {

std::string_view truth_text(Truth truth) noexcept {
  switch (truth) {
    case Truth::no: return "no";
    case Truth::unknown: return "unknown";
    case Truth::yes: break;
  }
  return "yes";
}

std::string unseen_text(FieldSet unseen) {
  std::string text;
  for (std::size_t i = 0; i < kFieldCount; ++i) {
    const auto field = static_cast<Field>(i);
    if ((unseen & field_bit(field)) == 0) continue;
    text += (text.empty() ? "" : ", ") + std::string(to_string(field));
  }
  return text;
}

std::string verdict_text(const Verdict& verdict, const Policy& policy) {
  std::string text(to_string(verdict.action));
  if (verdict.audit_only) text += ", logged only";
  if (verdict.filter == kNoFilter) return text + ": no filter matches";
  const Filter& filter = policy.filters[verdict.filter];
  const bool undecidable = verdict.action == VerdictAction::undecidable;
  text += undecidable ? ": the first filter that may decide is at " : ": decided by the filter at ";
  text += printable(source_text(policy, filter.span));
  if (verdict.unseen != 0) text += "; depends on " + unseen_text(verdict.unseen);
  return text;
}

std::string condition_text(const ConditionFinding& finding, const Filter& filter) {
  const Condition& condition = filter.conditions[finding.condition];
  const bool alternative =
      finding.condition > 0 && filter.conditions[finding.condition - 1].field == condition.field;
  std::string text = alternative ? "       or " : "          ";
  text += printable(describe(condition)) + "  seen: " + finding.seen;
  text += "  -> " + std::string(truth_text(finding.truth)) + '\n';
  if (!finding.note.empty()) text += "             note: " + finding.note + '\n';
  return text;
}

std::string filter_text(const FilterFinding& finding, std::size_t place, const Policy& policy) {
  const Filter& filter = policy.filters[finding.filter];
  std::string text = finding.decided ? "  => " : "     ";
  text += std::to_string(place) + ". " + std::string(to_string(filter.action));
  if (filter.audit) text += " audit";
  text += " (" + printable(source_text(policy, filter.span)) + "): " + finding.note + '\n';
  for (const ConditionFinding& condition : finding.conditions) {
    text += condition_text(condition, filter);
  }
  if (filter.conditions.empty()) text += "          no condition: every call\n";
  return text;
}

}  // namespace

std::string format(const Explanation& explanation, const Policy& policy) {
  std::string text = verdict_text(explanation.verdict, policy) + '\n';
  for (const std::string& note : explanation.notes) text += "note: " + printable(note) + '\n';
  if (!explanation.filters.empty()) text += "filters, heaviest first:\n";
  std::size_t place = 0;
  for (const FilterFinding& finding : explanation.filters) {
    text += filter_text(finding, ++place, policy);
  }
  return text;
}

}  // namespace rpcaudit
