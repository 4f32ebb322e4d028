#include "engine/app/explain/explain_text.h"

#include <array>
#include <cstdio>
#include <map>
#include <string_view>
#include <utility>

#include "engine/audit/call_judge.h"
#include "engine/audit/sink/event_5712.h"
#include "engine/audit/sink/text_sink.h"
#include "engine/audit/tally/activity_table.h"
#include "engine/audit/text/auth_names.h"
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
    text += "\n         no source says whether Windows filters datagram calls";
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

// The verdict, then every filter of the layer in order of evaluation with what each of its
// conditions met.
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

std::string call_text(const dissect::RpcContext& context, const dissect::RpcCall& call) {
  std::optional<Uuid> interface;
  if (audit::carries_interface(context)) interface = context.abstract_syntax->uuid;
  std::string text = "call     ";
  text += audit::operation_text(interface, call.opnum);
  text += " over ";
  text += to_string(context.protocol);
  if (!context.pipe.empty()) {
    text += ' ';
    audit::append_terminal_text(text, context.pipe);
  }
  text += ", ";
  text += to_string(context.client.address);
  text += " -> ";
  // A described call may have none.
  text += context.server.port == 0 ? to_string(context.server.address)
                                   : audit::endpoint_text(context.server);
  const std::string account =
      audit::account_of({call.identity.user, call.identity.domain, call.identity.null_session});
  if (!account.empty()) text += ", as " + account;
  if (call.auth) {
    text += ", ";
    text += audit::auth_type_name(call.auth->type);
    text += ' ';
    text += audit::auth_level_name(call.auth->level);
  } else {
    text += ", without security of its own";
  }
  return text + "\n";
}

// What each target makes of the call, where they differ; the one that blocks first.
std::string targets_text(const ExplainedLayer& layer) {
  std::map<std::pair<int, std::string>, std::string> names;
  for (std::size_t i = 0; i < layer.targets.size(); ++i) {
    const evaluate::Verdict& verdict = layer.targets[i];
    const evaluate::TargetAction action = evaluate::target_action(verdict);
    std::string words(to_string(action));
    const std::uint32_t filter = verdict.deciding_filters().filter;
    if (filter < layer.policy->filters.size() && verdict.deciding_control() == nullptr) {
      words += " by filter " + audit::place_text(*layer.policy, layer.policy->filters[filter]);
    }
    const int order = action == evaluate::TargetAction::would_block   ? 0
                      : action == evaluate::TargetAction::undecidable ? 1
                                                                      : 2;
    std::string& all = names[{order, words}];
    all += (all.empty() ? "" : ", ") + std::string(to_string(static_cast<policy::Target>(i)));
  }
  if (names.size() <= 1) return {};
  std::string text;
  for (const auto& [what, targets] : names) {
    text += (text.empty() ? "targets  " : "         ") + what.second + " on " + targets + "\n";
  }
  return text + "as documented (--target picks another)\n";
}

}  // namespace

std::string explained_text(const ExplainedCall& explained) {
  std::string text = call_text(explained.context, explained.call);
  if (explained.layers.empty()) return text + "verdict  none: no deployment names the server\n";
  if (!explained.deployment.empty()) {
    text += "policy   of " + audit::terminal_text(explained.deployment) + "\n";
  }
  if (explained.shared_action) {
    text += "doubt    " + audit::doubts_text(explained.call.doubts) +
            ": what follows is of one reading; what all of them share is ";
    text += to_string(*explained.shared_action);
    text += '\n';
  }
  for (const ExplainedLayer& layer : explained.layers) {
    if (layer.layer == policy::Layer::epmap) {
      text += "\nlayer epmap, which sees the interface that is asked for\n";
    }
    text += targets_text(layer);
    text += explanation_text(layer.explanation, *layer.policy);
    text +=
        audit::event_5712_text({explained.call, layer.context, layer.call, layer.options.profile,
                                *layer.policy, layer.explanation.verdict});
  }
  return text;
}

}  // namespace rpcaudit::app
