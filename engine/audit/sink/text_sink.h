#pragma once

#include <optional>
#include <string>
#include <vector>

#include "engine/audit/event/event_sink.h"
#include "engine/audit/text/output_buffer.h"
#include "engine/audit/text/rfc3339.h"
#include "engine/evaluate/controls/control_text.h"
#include "engine/evaluate/server_policies.h"

namespace rpcaudit::audit {

// Events as lines for people, each of which reads as a sentence: when, what would happen, who
// called whom, for what, as whom, and which filter says so. Nothing in a line can steer a terminal.
class TextSink : public EventSink {
 public:
  // Borrows `out` and `policies`; `policies` may be null.
  // `columns` is the width of the terminal, to which lines are broken; 0: they are not.
  TextSink(OutputBuffer& out, const evaluate::ServerPolicies* policies, InputName input_name,
           bool colour, std::size_t columns = 0);

  void on_context(const ContextInfo& context, const IdentityText& identity) override;
  void on_refused_context(const ContextInfo& context, const RefusedContext& refused,
                          const IdentityText& identity) override;
  void on_connection(const ConnectionEvent& connection) override;
  void on_call(const ContextInfo& context, const CallEvent& call,
               const IdentityText& identity) override;
  void on_repeats(const ContextInfo& context, const CallEvent& call, const IdentityText& identity,
                  const Repeats& repeats) override;
  // What was not seen stands in the summary, not between the lines.
  void on_blindness(const dissect::Blindness& blindness) override;
  void on_statistics(const StatisticsEvent& statistics) override;
  void on_policies(const PoliciesEvent& policies) override;
  void flush() override { out_.flush(); }

 private:
  void begin(const dissect::FrameReference& frame);
  void say_action(evaluate::VerdictAction action, bool only_logged);
  void say_peers(const Endpoint& client, const Endpoint& server, std::string_view pipe);
  void say_proposal(const ContextInfo& context, const IdentityText& identity);
  void say_control(std::uint32_t policy, evaluate::Control control,
                   const evaluate::ControlVerdict& verdict);
  // All of a call's line but its end.
  void say_call(const ContextInfo& context, const CallEvent& call, const IdentityText& identity);
  void say_operation(const ContextInfo& context, const CallEvent& call);
  void say_account(const ContextInfo& context, const std::optional<dissect::AuthNumbers>& auth,
                   const IdentityText& identity);
  void say_reason(const CallEvent& call);
  void say_filter(const CallEvent& call);
  void say_other_controls(const CallEvent& call);
  void say_targets(const CallEvent& call);
  void say_event(const CallEvent& call);
  void say_outcome(const CallEvent& call);
  void end(const dissect::FrameReference& frame);

  OutputBuffer& out_;
  const evaluate::ServerPolicies* policies_;
  std::vector<evaluate::ControlText> controls_;  // by policy
  InputName input_name_;
  bool colour_;
  std::size_t columns_;
  Rfc3339Writer time_;
  std::string line_;  // being built
};

// `drsuapi.DRSGetNCChanges`, with numbers where the catalogue has no names.
[[nodiscard]] std::string operation_text(const std::optional<Uuid>& interface, std::uint16_t opnum);
// `10.77.0.1:49153`, `[fe80::1]:135`.
[[nodiscard]] std::string endpoint_text(const Endpoint& endpoint);
// `block-dcsync.netsh.txt:12`: where a filter stands, with the folders of its file only where two
// files have one name.
[[nodiscard]] std::string place_text(const policy::Policy& policy, const policy::Filter& filter);
// `image_name, remote_user_token`.
[[nodiscard]] std::string fields_text(evaluate::FieldSet fields);
// `tcp_conflict, decoy`: why the wire leaves several readings of a call.
// Names of the targets with the action, with commas between them.
[[nodiscard]] std::string target_names(const evaluate::TargetActions& targets,
                                       evaluate::TargetAction action);
[[nodiscard]] std::string doubts_text(dissect::Doubts doubts);
// All that was not seen and could change the verdict.
[[nodiscard]] std::string unseen_text(const evaluate::Verdict& verdict);

}  // namespace rpcaudit::audit
