// Records of what shows that a policy is enforced where there is no call to show it: proposals that
// a server refused, connections that did not come about.

#include "engine/audit/sink/json_evidence.h"

#include "engine/audit/sink/json_sink.h"

namespace rpcaudit::audit {

void write_evidence(JsonLine& line, const Evidence& evidence) {
  line.plain("enforced", to_string(evidence.enforced));
  if (evidence.other_causes[0].empty()) return;
  line.open_array("other_causes");
  for (const std::string_view cause : evidence.other_causes) {
    if (!cause.empty()) line.element(cause);
  }
  line.close_array();
}

void JsonSink::write_decision(JsonLine& line, const PolicyMembers& policy,
                              evaluate::VerdictAction action, evaluate::Control control,
                              const evaluate::ControlVerdict& decided) {
  line.plain("action", to_string(action));
  if (!policy.identity.empty()) line.members(policy.identity);
  if (control != evaluate::Control::none) {
    line.plain("control", to_string(control));
    policy.controls.write(line, control, decided);
  }
  if (action == evaluate::VerdictAction::undecidable) {
    line.open_array("unseen");
    for (std::size_t i = 0; i < evaluate::kControlFactCount; ++i) {
      const auto fact = static_cast<evaluate::ControlFact>(i);
      if ((decided.unseen & evaluate::fact_bit(fact)) != 0) line.element(to_string(fact));
    }
    line.close_array();
  }
  if (decided.readings_differ) line.truth("readings_differ");
}

void JsonSink::on_refused_context(const ContextInfo& context, const RefusedContext& refused,
                                  const IdentityText& identity) {
  const PolicyMembers& policy = policies_[refused.policy];
  const evaluate::Verdict& verdict = refused.verdict;
  JsonLine line(out_);
  write_proposal(line, context, identity);
  line.open("verdict");
  write_decision(line, policy, verdict.action, verdict.control, *verdict.deciding_control());
  line.open_array("controls");
  write_other_controls(line, policy.controls, verdict);
  line.close_array();
  write_evidence(line, evidence_of(context, refused));
  line.close();
  line.end();
}

void JsonSink::on_connection(const ConnectionEvent& connection) {
  const PolicyMembers& policy = policies_[connection.policy];
  JsonLine line(out_);
  write_head(line, connection.frame, "rpc_connection");
  scratch_.clear();
  append_flow(scratch_, connection.client, connection.server, "TCP", connection.frame.input);
  line.members(scratch_);
  line.open("connection");
  line.plain("answer", to_string(connection.answer));
  if (connection.repeated != 0) line.number("repeated", connection.repeated);
  line.close();
  line.open("verdict");
  // A connection that no rule is about passes without a decision.
  const bool is_decided = connection.ipsec.item != evaluate::kNoItem;
  write_decision(line, policy, action_of(connection),
                 is_decided ? evaluate::Control::ipsec : evaluate::Control::none, connection.ipsec);
  evaluate::Verdict verdict;
  verdict.controls[evaluate::Control::ipsec] = connection.ipsec;
  line.open_array("controls");
  write_other_controls(line, policy.controls, verdict);
  line.close_array();
  if (action_of(connection) != evaluate::VerdictAction::would_permit) {
    write_evidence(line, evidence_of(connection));
  }
  line.close();
  line.end();
}

}  // namespace rpcaudit::audit
