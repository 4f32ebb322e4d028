#include "engine/audit/sink/event_5712.h"

#include <string_view>

#include "engine/audit/sink/text_sink.h"
#include "engine/audit/text/text_encoding.h"
#include "engine/policy/netsh/printer.h"

namespace rpcaudit::audit {
namespace {

void append_value(std::string& text, std::string_view name, std::string_view value) {
  constexpr std::size_t kNameWidth = 25;
  text.append("           ").append(name).append(":");
  if (!value.empty()) text.append(kNameWidth - name.size(), ' ').append(terminal_text(value));
  text += '\n';
}

void append_group(std::string& text, std::string_view name) {
  text.append("         ").append(name).append(":\n");
}

std::string_view words(evaluate::AuditKeywords keywords) noexcept {
  switch (keywords) {
    case evaluate::AuditKeywords::success: return "Audit Success";
    case evaluate::AuditKeywords::failure: return "Audit Failure";
    case evaluate::AuditKeywords::perhaps:
    case evaluate::AuditKeywords::none: break;
  }
  return "perhaps written";
}

// Versions that have no address for calls over pipes write zeros.
void append_network(std::string& text, const evaluate::ContextFacts& facts,
                    const policy::TargetProfile& profile) {
  const bool is_unknown = transport_of(facts.protocol).is_pipe &&
                          profile[policy::Difference::pipe_addresses] == policy::Behaviour::never;
  append_group(text, "Network Information");
  append_value(text, "Remote IP Address",
               is_unknown ? "0.0.0.0" : std::string_view(to_string(facts.remote_address)));
  append_value(text, "Remote Port", is_unknown ? "0" : std::to_string(facts.remote_port));
}

void append_attributes(std::string& text, const evaluate::ContextFacts& facts,
                       const evaluate::CallFacts& call, const policy::TargetProfile& profile) {
  append_group(text, "RPC Attributes");
  append_value(text, "Interface UUID", facts.if_uuid ? to_string(*facts.if_uuid) : std::string());
  append_value(text, "Protocol Sequence", to_string(facts.protocol));
  append_value(text, "Authentication Service",
               call.auth_unseen ? std::string() : std::to_string(call.auth_type));
  append_value(text, "Authentication Level",
               call.auth_unseen ? std::string() : std::to_string(call.auth_level));
  // The event has the operation on those versions whose filters know it.
  if (profile[policy::Difference::opnum] != policy::Behaviour::applies) return;
  append_value(text, "OpNum", call.opnum ? std::to_string(*call.opnum) : std::string());
}

}  // namespace

std::string event_5712_text(const JudgedCall& judged) {
  const evaluate::Event5712& event = judged.verdict.event_5712;
  const bool is_logged = event.keywords != evaluate::AuditKeywords::none;
  if (!is_logged || event.filter >= judged.policy.filters.size()) return {};
  const policy::Filter& filter = judged.policy.filters[event.filter];
  const dissect::RpcCall& call = judged.call;
  std::string text = "event    5712, ";
  text.append(words(event.keywords)).append(": A Remote Procedure Call (RPC) was attempted.\n");
  append_group(text, "Subject");
  append_value(text, "SID", {});  // never on the wire
  append_value(text, "Name", call.identity.user);
  append_value(text, "Account Domain", call.identity.domain);
  append_value(text, "LogonId", {});
  append_group(text, "Process Information");
  append_value(text, "PID", {});
  append_value(text, "Name", judged.context.image_name.value_or(std::string_view()));
  append_network(text, judged.context, judged.profile);
  append_attributes(text, judged.context, judged.facts, judged.profile);
  append_group(text, "Not in the event");
  append_value(text, "Filter Key", to_string(filter.key));
  append_value(text, "Filter", place_text(judged.policy, filter) + "  " + policy::describe(filter));
  append_value(text, "Frame", call.frame.number == 0 ? "" : std::to_string(call.frame.number));
  return text;
}

}  // namespace rpcaudit::audit
