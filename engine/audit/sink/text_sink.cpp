#include "engine/audit/sink/text_sink.h"

#include <algorithm>
#include <cstdio>

#include "engine/audit/sink/control_members.h"
#include "engine/audit/tally/activity_table.h"
#include "engine/audit/text/auth_names.h"
#include "engine/audit/text/text_encoding.h"
#include "engine/audit/text/text_wrap.h"
#include "engine/policy/netsh/printer.h"

namespace rpcaudit::audit {
namespace {

constexpr std::string_view kRed = "\033[1;31m";
constexpr std::string_view kYellow = "\033[1;33m";
constexpr std::string_view kPlain = "\033[0m";

std::string_view file_name(std::string_view path) {
  return path.substr(path.rfind('/') + 1);  // npos + 1 is the beginning
}

std::string hex_status(std::uint32_t status) {
  char text[12];
  std::snprintf(text, sizeof text, "0x%08x", status);
  return text;
}

}  // namespace

std::string operation_text(const std::optional<Uuid>& interface, std::uint16_t opnum) {
  const std::string number = std::string("opnum ").append(std::to_string(opnum));
  if (!interface) return "unknown interface " + number;
  const std::optional<CatalogueEntry> entry = find_interface(*interface);
  if (!entry) return to_string(*interface) + " " + number;
  const std::string name(interface_name(*entry));
  const std::string_view operation = operation_name(*entry, opnum);
  return operation.empty() ? name + " " + number : name + "." + std::string(operation);
}

std::string endpoint_text(const Endpoint& endpoint) {
  std::string text = to_string(endpoint.address);
  if (!endpoint.address.is_v4()) {
    text.insert(0, 1, '[');
    text += ']';
  }
  text += ':';
  return text.append(std::to_string(endpoint.port));
}

std::string place_text(const policy::Policy& policy, const policy::Filter& filter) {
  const std::string place = policy::source_text(policy, filter.span);
  if (filter.span.file >= policy.files.size()) return terminal_text(place);
  const std::string_view name = file_name(policy.files[filter.span.file]);
  const auto same_name = [name](const std::string& path) { return file_name(path) == name; };
  const bool unique = std::count_if(policy.files.begin(), policy.files.end(), same_name) == 1;
  const std::size_t folders = policy.files[filter.span.file].size() - name.size();
  return terminal_text(unique ? std::string_view(place).substr(folders) : place);
}

std::string fields_text(evaluate::FieldSet fields) {
  std::string text;
  for (std::size_t i = 0; i < policy::kFieldCount; ++i) {
    const auto field = static_cast<policy::Field>(i);
    if ((fields & evaluate::field_bit(field)) == 0) continue;
    if (!text.empty()) text += ", ";
    text += to_string(field);
  }
  return text;
}

std::string target_names(const evaluate::TargetActions& targets, evaluate::TargetAction action) {
  std::string text;
  for (std::size_t i = 0; i < policy::kTargetCount; ++i) {
    const auto target = static_cast<policy::Target>(i);
    if (targets[target] != action) continue;
    if (!text.empty()) text += ", ";
    text += to_string(target);
  }
  return text;
}

std::string doubts_text(dissect::Doubts doubts) {
  std::string text;
  for (std::size_t i = 0; i < dissect::kDoubtCount; ++i) {
    const auto doubt = static_cast<dissect::Doubt>(i);
    if (!doubts.contains(doubt)) continue;
    if (!text.empty()) text += ", ";
    text += to_string(doubt);
  }
  return text;
}

std::string unseen_text(const evaluate::Verdict& verdict) {
  std::string text = fields_text(verdict.deciding_filters().unseen);
  for (std::size_t i = 0; i < evaluate::kControlFactCount; ++i) {
    const auto fact = static_cast<evaluate::ControlFact>(i);
    if ((unseen_facts(verdict) & evaluate::fact_bit(fact)) == 0) continue;
    if (!text.empty()) text += ", ";
    text += to_string(fact);
  }
  if (!text.empty() && verdict.doubts.any()) text += ", ";
  text += doubts_text(verdict.doubts);
  return text;
}

TextSink::TextSink(OutputBuffer& out, const evaluate::ServerPolicies* policies,
                   InputName input_name, bool colour, std::size_t columns)
    : out_(out),
      policies_(policies),
      input_name_(std::move(input_name)),
      colour_(colour),
      columns_(columns) {
  for (std::uint32_t i = 0; policies != nullptr && i < policies->size(); ++i) {
    controls_.emplace_back(policies->policy(i));
  }
}

void TextSink::begin(const dissect::FrameReference& frame) {
  char time[Rfc3339Writer::kSizeMax];
  line_.assign(time, time_.write_short(frame.timestamp, time));
  line_ += "Z  ";
}

void TextSink::end(const dissect::FrameReference& frame) {
  line_ += "  [frame ";
  line_ += std::to_string(frame.number);
  if (input_name_ && frame.input != 0) {  // with one input its name says nothing
    line_ += " of ";
    append_terminal_text(line_, input_name_(frame.input));
  }
  line_ += "]\n";
  constexpr std::size_t kIndent = 26;  // behind the time
  out_.append(columns_ != 0 ? wrapped_line(line_, std::max(columns_, 2 * kIndent), kIndent)
                            : line_);
  out_.end_record();
}

void TextSink::say_action(evaluate::VerdictAction action, bool only_logged) {
  const std::string_view colour = action == evaluate::VerdictAction::would_block ? kRed
                                  : action == evaluate::VerdictAction::undecidable
                                      ? kYellow
                                      : std::string_view();
  if (colour_) line_ += colour;
  switch (action) {
    case evaluate::VerdictAction::would_block:
      line_ += only_logged ? "WOULD LOG" : "WOULD BLOCK";
      break;
    case evaluate::VerdictAction::undecidable: line_ += "UNDECIDABLE"; break;
    case evaluate::VerdictAction::would_permit: line_ += "WOULD PERMIT"; break;
  }
  if (colour_ && !colour.empty()) line_ += kPlain;
}

void TextSink::say_peers(const Endpoint& client, const Endpoint& server, std::string_view pipe) {
  line_ += "  ";
  line_ += to_string(client.address);
  line_ += " -> ";
  line_ += endpoint_text(server);
  if (!pipe.empty()) {
    line_ += ' ';
    append_terminal_text(line_, pipe);
  }
  line_ += "  ";
}

void TextSink::say_operation(const ContextInfo& context, const CallEvent& call) {
  std::optional<Uuid> interface;
  if (call.has_interface && context.abstract_syntax) interface = context.abstract_syntax->uuid;
  line_ += operation_text(interface, call.opnum);
  if (is_provisional(context, call)) line_ += " (bind not acknowledged)";
  if (!call.question) return;
  if (call.question->interface) {
    const Uuid& asked = call.question->interface->uuid;
    const std::string_view name = interface_name(asked);
    line_ += " for " + (name.empty() ? to_string(asked) : std::string(name));
  } else {
    line_ += call.question->names_no_interface ? " for all interfaces"
                                               : " for an interface that cannot be read";
  }
}

void TextSink::say_account(const ContextInfo& context,
                           const std::optional<dissect::AuthNumbers>& auth,
                           const IdentityText& identity) {
  const std::string account = account_of(identity);
  if (!account.empty()) line_ += "  as " + account;
  if (auth) {
    line_ += account.empty() ? "  with " : " (";
    line_ += auth_type_name(auth->type) + ", " + auth_level_name(auth->level);
    if (!account.empty()) line_ += ')';
  } else if (!account.empty()) {
    line_ += context.guest ? " (guest, no security on the call)" : " (no security on the call)";
  } else if (context.logon_unseen) {
    line_ += "  in a session whose logon was not seen";
  } else {
    line_ += context.guest ? "  as guest, without security" : "  without security";
  }
}

// Only for verdicts that name one.
void TextSink::say_filter(const CallEvent& call) {
  const policy::Policy& policy = policies_->policy(call.policy);
  line_ += "by filter ";
  line_ += place_text(policy, policy.filters[call.verdict->deciding_filters().filter]);
}

void TextSink::say_control(std::uint32_t policy, evaluate::Control control,
                           const evaluate::ControlVerdict& verdict) {
  if (control != evaluate::Control::restrict_remote_clients) {  // its reason begins with its name
    line_ += to_string(control);
    line_ += ": ";
  }
  append_terminal_text(line_, controls_[policy].reason(control, verdict));
}

void TextSink::say_reason(const CallEvent& call) {
  const evaluate::Verdict& verdict = *call.verdict;
  const evaluate::FilterVerdict& filters = verdict.deciding_filters();
  const bool decided = verdict.action != evaluate::VerdictAction::undecidable;
  if (const evaluate::ControlVerdict* const own = verdict.deciding_control(); own) {
    line_ += decided ? "  by " : "  perhaps by ";
    say_control(call.policy, verdict.control, *own);
    say_other_controls(call);
  } else if (filters.filter != evaluate::kNoFilter) {
    line_ += decided ? "  " : "  perhaps ";
    say_filter(call);
  } else if (verdict.action == evaluate::VerdictAction::would_permit) {
    line_ += "  by no filter";
  }
  const std::string unseen = unseen_text(verdict);
  if (!unseen.empty()) line_ += "  not seen: " + unseen;
  if (filters.undecidable_by_continue) line_ += "  only `continue` filters match";
  if (filters.undecidable_by_datagram)
    line_ += "  no source says whether Windows filters datagram calls";
  if (!evaluate::is_only_logged(verdict)) say_event(call);
  if (verdict.readings_differ) line_ += "  (other readings differ)";
  if (verdict.depends_on_target) say_targets(call);
}

// The targets that judge otherwise, unless one was picked.
void TextSink::say_targets(const CallEvent& call) {
  const evaluate::Verdict& verdict = *call.verdict;
  if (policies_->options(call.policy).target) {
    line_ += "  (depends on the target)";
    return;
  }
  for (std::size_t i = 0; i < evaluate::kTargetActionCount; ++i) {
    const auto action = static_cast<evaluate::TargetAction>(i);
    if (action == evaluate::target_action(verdict)) continue;
    const std::string names = target_names(verdict.targets, action);
    if (names.empty()) continue;
    line_ += "  (";
    line_ += to_string(action);
    line_ += " on " + names + ')';
  }
}

void TextSink::say_event(const CallEvent& call) {
  const evaluate::Verdict& verdict = *call.verdict;
  switch (verdict.event_5712.keywords) {
    case evaluate::AuditKeywords::none: return;
    case evaluate::AuditKeywords::success: line_ += "  logged as success (event 5712)"; break;
    case evaluate::AuditKeywords::failure: line_ += "  logged as failure (event 5712)"; break;
    case evaluate::AuditKeywords::perhaps: line_ += "  perhaps logged (event 5712)"; break;
  }
  if (verdict.event_5712.filter == verdict.deciding_filters().filter) return;
  const policy::Policy& policy = policies_->policy(call.policy);
  line_ += " by filter ";
  line_ += place_text(policy, policy.filters[verdict.event_5712.filter]);
}

// The rest of what would stop the call.
void TextSink::say_other_controls(const CallEvent& call) {
  const evaluate::Verdict& verdict = *call.verdict;
  for (const evaluate::Control control : evaluate::kOtherControls) {
    if (control == verdict.control) continue;
    if (verdict.controls[control].action != evaluate::ControlAction::would_block) continue;
    line_ += "; also by ";
    line_ += to_string(control);
  }
  if (verdict.filters.action == evaluate::VerdictAction::would_block &&
      verdict.deciding_filters().filter != evaluate::kNoFilter) {
    line_ += "; also ";
    say_filter(call);
  }
}

void TextSink::say_outcome(const CallEvent& call) {
  line_ += call.verdict ? "  outcome: " : "  ";
  line_ += to_string(call.outcome);
  const bool has_status =
      call.outcome == dissect::Outcome::fault || call.outcome == dissect::Outcome::rejected;
  if (!has_status) return;
  line_ += ' ';
  line_ += hex_status(call.status);
}

void TextSink::on_call(const ContextInfo& context, const CallEvent& call,
                       const IdentityText& identity) {
  say_call(context, call, identity);
  end(call.frame);
}

void TextSink::on_repeats(const ContextInfo& context, const CallEvent& call,
                          const IdentityText& identity, const Repeats& repeats) {
  say_call(context, call, identity);
  char time[Rfc3339Writer::kSizeMax];
  const std::string_view last(time, time_.write_short(repeats.last, time));
  line_.append("  ").append(std::to_string(repeats.count));
  line_.append(repeats.count == 1 ? " call like it" : " calls like it until ");
  if (repeats.count != 1) line_.append(last).append("Z");
  end(call.frame);
}

void TextSink::say_call(const ContextInfo& context, const CallEvent& call,
                        const IdentityText& identity) {
  begin(call.frame);
  if (call.verdict) {
    say_action(call.verdict->action, evaluate::is_only_logged(*call.verdict));
  } else {
    line_ += "CALL";
  }
  say_peers(context.client, context.server, context.pipe);
  say_operation(context, call);
  say_account(context, call.auth ? call.auth : call.connection_auth, identity);
  if (call.verdict) say_reason(call);
  // Where the doubt makes the call undecidable, it stands among what was not seen.
  if (call.doubts.any() && !(call.verdict && call.verdict->doubts.any())) {
    line_ += "  in doubt: " + doubts_text(call.doubts);
  }
  say_outcome(call);
}

void TextSink::on_context(const ContextInfo& context, const IdentityText& identity) {
  begin(context.frame);
  line_ += "CONTEXT";
  say_proposal(context, identity);
  end(context.frame);
}

void TextSink::on_refused_context(const ContextInfo& context, const RefusedContext& refused,
                                  const IdentityText& identity) {
  begin(context.frame);
  say_action(refused.verdict.action, false);
  say_proposal(context, identity);
  line_ += " by the server, as if in force: ";
  say_control(refused.policy, refused.verdict.control, *refused.verdict.deciding_control());
  end(context.frame);
}

void TextSink::on_connection(const ConnectionEvent& connection) {
  begin(connection.frame);
  const evaluate::VerdictAction action = action_of(connection);
  say_action(action, false);
  say_peers(connection.client, connection.server, {});
  line_ += action == evaluate::VerdictAction::undecidable ? "connection  perhaps by "
                                                          : "connection  by ";
  say_control(connection.policy, evaluate::Control::ipsec, connection.ipsec);
  line_ += "  outcome: ";
  switch (connection.answer) {
    case dissect::OpeningAnswer::accepted: line_ += "accepted"; break;
    case dissect::OpeningAnswer::refused: line_ += "refused"; break;
    case dissect::OpeningAnswer::none: line_ += "not answered"; break;
    case dissect::OpeningAnswer::unknown: line_ += "not seen to be answered"; break;
  }
  end(connection.frame);
}

void TextSink::say_proposal(const ContextInfo& context, const IdentityText& identity) {
  say_peers(context.client, context.server, context.pipe);
  if (context.abstract_syntax) {
    const dissect::SyntaxId& syntax = *context.abstract_syntax;
    line_ += context.catalogue ? std::string(interface_name(*context.catalogue))
                               : to_string(syntax.uuid);
    line_ += ' ';
    line_ += std::to_string(syntax.version_major);
    line_ += '.';
    line_ += std::to_string(syntax.version_minor);
  }
  say_account(context, context.auth, identity);
  line_ += "  ";
  line_ += to_string(context.result);
}

void TextSink::on_blindness(const dissect::Blindness&) {}
void TextSink::on_statistics(const StatisticsEvent&) {}

// Who watches learns of it from the program.
void TextSink::on_policies(const PoliciesEvent& event) {
  policies_ = event.policies;
  for (auto i = static_cast<std::uint32_t>(controls_.size()); i < policies_->size(); ++i) {
    controls_.emplace_back(policies_->policy(i));
  }
}

}  // namespace rpcaudit::audit
