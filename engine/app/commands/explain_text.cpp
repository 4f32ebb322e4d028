#include "engine/app/commands/explain_text.h"

#include <array>
#include <cstdio>
#include <string_view>

#include "engine/audit/sink/text_sink.h"
#include "engine/audit/text/text_encoding.h"
#include "engine/policy/netsh/printer.h"

namespace rpcaudit::app {
namespace {

std::string_view truth_text(evaluate::Truth truth) {
  switch (truth) {
    case evaluate::Truth::yes: return "yes      ";
    case evaluate::Truth::no: return "no       ";
    case evaluate::Truth::unknown: break;
  }
  return "unknown  ";
}

std::string verdict_part(const evaluate::Verdict& verdict, const policy::Policy& policy) {
  const evaluate::FilterVerdict& filters = verdict.deciding_filters();
  std::string text = "verdict  ";
  text += to_string(verdict.action);
  if (verdict.deciding_control() != nullptr) {
    text += verdict.action == evaluate::VerdictAction::undecidable ? " because of " : " by ";
    text += to_string(verdict.control);
  } else if (filters.filter < policy.filters.size()) {
    text += verdict.action == evaluate::VerdictAction::undecidable ? " because of filter "
                                                                   : " by filter ";
    text += audit::place_text(policy, policy.filters[filters.filter]);
  } else {
    text += ": no filter matches";
  }
  const std::string unseen = audit::unseen_text(verdict);
  if (!unseen.empty()) text += "\n         could change with: " + unseen;
  if (filters.undecidable_by_continue) {
    text += "\n         only `continue` filters match, and the texts differ on what follows";
  }
  if (filters.undecidable_by_datagram) {
    text += "\n         no source tells whether Windows filters datagram calls";
  }
  if (evaluate::is_only_logged(verdict)) {
    text += "\n         the filter has audit=enable: documented as logged, not applied";
  }
  if (verdict.readings_differ) text += "\n         another reading of the sources differs";
  return text + "\n";
}

std::string condition_part(const evaluate::ConditionFinding& finding,
                           const policy::Filter& filter) {
  std::string text = "      ";
  text += truth_text(finding.truth);
  if (finding.condition < filter.conditions.size()) {
    audit::append_terminal_text(text, policy::describe(filter.conditions[finding.condition]));
  }
  text += "  seen: ";
  audit::append_terminal_text(text, finding.seen);
  if (!finding.note.empty()) {
    text += "  (";
    audit::append_terminal_text(text, finding.note);
    text += ')';
  }
  return text + "\n";
}

std::string weight_text(std::uint64_t weight) {
  std::array<char, 20> text{};
  std::snprintf(text.data(), text.size(), "0x%llx", static_cast<unsigned long long>(weight));
  return text.data();
}

void append_lines(std::string& text, std::string_view label,
                  const std::vector<std::string>& lines) {
  for (const std::string& line : lines) {
    text += label;
    audit::append_terminal_text(text, line);
    text += '\n';
  }
}

std::string filter_part(const evaluate::FilterFinding& finding, const policy::Policy& policy) {
  const policy::Filter& filter = policy.filters[finding.filter];
  std::string text = finding.decided ? "=> " : "   ";
  text += truth_text(finding.truth);
  text += audit::place_text(policy, filter);
  text += "  ";
  audit::append_terminal_text(text, policy::describe(filter));
  text += "\n      weight " + weight_text(finding.weight);
  if (!finding.note.empty()) {
    text += ": ";
    audit::append_terminal_text(text, finding.note);
  }
  text += '\n';
  for (const evaluate::ConditionFinding& condition : finding.conditions) {
    text += condition_part(condition, filter);
  }
  return text;
}

std::string control_part(const evaluate::ControlFinding& finding) {
  std::string text = "control  ";
  text += to_string(finding.control);
  text += ' ';
  text += to_string(finding.action);
  if (!finding.row.empty()) {
    text += " [";
    audit::append_terminal_text(text, finding.row);
    text += ']';
  }
  text += "\n         ";
  audit::append_terminal_text(text, finding.reason);
  return text + "\n";
}

}  // namespace

std::string explanation_text(const evaluate::Explanation& explanation,
                             const policy::Policy& policy) {
  std::string text = verdict_part(explanation.verdict, policy);
  append_lines(text, "note     ", explanation.notes);
  for (const evaluate::ControlFinding& finding : explanation.controls)
    text += control_part(finding);
  append_lines(text, "sublayer ", explanation.sublayers);
  append_lines(text, "target   ", explanation.targets);
  text += "filters, in the order in which they are weighed\n";
  if (explanation.filters.empty()) text += "   none of this layer\n";
  for (const evaluate::FilterFinding& finding : explanation.filters) {
    if (finding.filter < policy.filters.size()) text += filter_part(finding, policy);
  }
  return text;
}

}  // namespace rpcaudit::app
