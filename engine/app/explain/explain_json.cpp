#include "engine/app/explain/explain_json.h"

#include <cstdio>

#include "engine/app/version.h"
#include "engine/audit/call_judge.h"
#include "engine/audit/event/audit_event.h"
#include "engine/audit/report/report_writer.h"
#include "engine/policy/netsh/printer.h"
#include "engine/policy/netsh/rule_name.h"

namespace rpcaudit::app {
namespace {

using audit::ReportWriter;

std::string_view truth_word(evaluate::Truth truth) noexcept {
  switch (truth) {
    case evaluate::Truth::yes: return "yes";
    case evaluate::Truth::no: return "no";
    case evaluate::Truth::unknown: break;
  }
  return "unknown";
}

void write_texts(ReportWriter& out, std::string_view key, const std::vector<std::string>& texts) {
  out.array(key);
  for (const std::string& text : texts) out.element(text);
  out.end_array();
}

void write_call(ReportWriter& out, const ExplainedCall& explained) {
  const dissect::RpcContext& context = explained.context;
  const dissect::RpcCall& call = explained.call;
  out.text("src_ip", to_string(context.client.address));
  out.number("src_port", context.client.port);
  out.text("dest_ip", to_string(context.server.address));
  out.number("dest_port", context.server.port);
  out.object("rpc");
  out.text("transport", to_string(context.protocol));
  std::optional<Uuid> interface;
  if (audit::carries_interface(context)) interface = context.abstract_syntax->uuid;
  audit::write_operation(out, interface, call.opnum);
  if (!context.pipe.empty()) out.text("pipe", context.pipe);
  if (call.auth) {
    out.number("auth_type", call.auth->type);
    out.number("auth_level", call.auth->level);
  }
  if (!call.identity.user.empty()) out.text("user", call.identity.user);
  if (!call.identity.domain.empty()) out.text("domain", call.identity.domain);
  if (call.identity.null_session) out.truth("null_session", true);
  if (call.doubts.any()) {
    out.array("doubts");
    for (std::size_t i = 0; i < dissect::kDoubtCount; ++i) {
      const auto doubt = static_cast<dissect::Doubt>(i);
      if (call.doubts.contains(doubt)) out.element(to_string(doubt));
    }
    out.end_array();
  }
  out.end_object();
}

// The action, and what decided.
void write_decision(ReportWriter& out, const evaluate::Verdict& verdict,
                    const policy::Policy& policy) {
  out.text("action", to_string(verdict.action));
  if (evaluate::is_only_logged(verdict)) out.truth("audit_only", true);
  if (verdict.control != evaluate::Control::none) out.text("control", to_string(verdict.control));
  const std::uint32_t filter = verdict.deciding_filters().filter;
  if (verdict.deciding_control() != nullptr || filter >= policy.filters.size()) return;
  out.text("source", policy::source_text(policy, policy.filters[filter].span));
  out.text("rule_name", policy::rule_name(policy.filters[filter]));
}

void write_filter(ReportWriter& out, const evaluate::FilterFinding& finding,
                  const policy::Filter& filter, const policy::Policy& policy) {
  out.object();
  out.text("source", policy::source_text(policy, filter.span));
  out.text("rule_name", policy::rule_name(filter));
  out.text("filter", policy::describe(filter));
  char weight[19];
  std::snprintf(weight, sizeof weight, "0x%llx", static_cast<unsigned long long>(finding.weight));
  out.text("weight", weight);
  out.text("matches", truth_word(finding.truth));
  out.truth("decided", finding.decided);
  if (!finding.note.empty()) out.text("note", finding.note);
  out.array("conditions");
  for (const evaluate::ConditionFinding& condition : finding.conditions) {
    out.object();
    if (condition.condition < filter.conditions.size()) {
      out.text("condition", policy::describe(filter.conditions[condition.condition]));
    }
    out.text("holds", truth_word(condition.truth));
    out.text("seen", condition.seen);
    if (!condition.note.empty()) out.text("note", condition.note);
    out.end_object();
  }
  out.end_array();
  out.end_object();
}

void write_layer(ReportWriter& out, const ExplainedLayer& layer) {
  const evaluate::Explanation& explanation = layer.explanation;
  const policy::Policy& policy = *layer.policy;
  out.object();
  out.text("layer", to_string(layer.layer));
  out.object("verdict");
  write_decision(out, explanation.verdict, policy);
  out.truth("readings_differ", explanation.verdict.readings_differ);
  out.end_object();
  out.array("targets");
  for (std::size_t i = 0; i < layer.targets.size(); ++i) {
    out.object();
    out.text("target", to_string(static_cast<policy::Target>(i)));
    write_decision(out, layer.targets[i], policy);
    out.end_object();
  }
  out.end_array();
  out.array("controls");
  for (const evaluate::ControlFinding& control : explanation.controls) {
    out.object();
    out.text("control", to_string(control.control));
    out.text("action", to_string(control.action));
    if (!control.row.empty()) out.text("row", control.row);
    out.text("reason", control.reason);
    out.end_object();
  }
  out.end_array();
  out.array("filters");
  for (const evaluate::FilterFinding& finding : explanation.filters) {
    if (finding.filter >= policy.filters.size()) continue;
    write_filter(out, finding, policy.filters[finding.filter], policy);
  }
  out.end_array();
  write_texts(out, "notes", explanation.notes);
  write_texts(out, "sublayers", explanation.sublayers);
  write_texts(out, "target_differences", explanation.targets);
  out.end_object();
}

}  // namespace

std::string explanation_json(const ExplainedCall& explained, std::uint64_t frame,
                             std::string_view pcap) {
  ReportWriter out;
  out.object();
  out.text("event_type", "explanation");
  out.number("schema", 1);
  out.text("version", kVersion);
  if (frame != 0) out.number("frame", frame);
  if (!pcap.empty()) out.text("pcap", pcap);
  write_call(out, explained);
  if (!explained.deployment.empty()) out.text("deployment", explained.deployment);
  if (explained.shared_action) out.text("shared_action", to_string(*explained.shared_action));
  out.array("layers");
  for (const ExplainedLayer& layer : explained.layers) write_layer(out, layer);
  out.end_array();
  out.end_object();
  return out.take();
}

}  // namespace rpcaudit::app
