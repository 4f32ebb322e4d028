#include "engine/audit/sink/json_sink.h"

#include <charconv>
#include <cinttypes>
#include <cstdio>

#include "engine/audit/sink/json_evidence.h"
#include "engine/audit/sink/record_values.h"
#include "engine/audit/text/auth_names.h"
#include "engine/audit/text/status_names.h"
#include "engine/audit/text/text_encoding.h"

namespace rpcaudit::audit {
namespace {

void append_number(std::string& out, std::uint64_t value) {
  char text[20];
  out.append(text, std::to_chars(text, text + sizeof text, value).ptr);
}

void append_ip(std::string& out, const IpAddress& address) {
  char text[kIpTextSizeMax];
  out.append(text, write_ip(address, text));
}

void append_uuid(std::string& out, const Uuid& uuid) {
  char text[kUuidTextSize];
  out.append(text, write_uuid(uuid, text));
}

void append_endpoint(std::string& out, std::string_view ip_key, std::string_view port_key,
                     const Endpoint& endpoint) {
  out.append(ip_key);
  append_ip(out, endpoint.address);
  out.append(port_key);
  append_number(out, endpoint.port);
}

void append_interface(std::string& out, const ContextInfo& context) {
  if (!context.abstract_syntax) return;
  const dissect::SyntaxId& syntax = *context.abstract_syntax;
  out.append(",\"interface\":\"");
  append_uuid(out, syntax.uuid);
  out.append("\",\"version\":\"");
  append_number(out, syntax.version_major);
  out.push_back('.');
  append_number(out, syntax.version_minor);
  out.push_back('"');
  if (!context.catalogue) return;
  out.append(",\"interface_name\":\"");
  out.append(interface_name(*context.catalogue));
  out.push_back('"');
}

char* write_status(std::uint32_t status, char* out) noexcept {
  static constexpr char kDigits[] = "0123456789abcdef";
  *out++ = '"';
  *out++ = '0';
  *out++ = 'x';
  for (int shift = 28; shift >= 0; shift -= 4) *out++ = kDigits[status >> shift & 15];
  *out++ = '"';
  return out;
}

constexpr std::size_t kStatusSize = 12;

// Kinds that can only happen to a TCP connection; the others do not tell.
bool is_of_tcp(dissect::BlindnessKind kind) noexcept {
  switch (kind) {
    case dissect::BlindnessKind::gap:
    case dissect::BlindnessKind::snap_length_cut:
    case dissect::BlindnessKind::missed_bind:
    case dissect::BlindnessKind::smb_encrypted:
    case dissect::BlindnessKind::smb_compressed:
    case dissect::BlindnessKind::http_not_dissected: return true;
    case dissect::BlindnessKind::undecodable:
    case dissect::BlindnessKind::table_eviction:
    case dissect::BlindnessKind::conflict:
    case dissect::BlindnessKind::encapsulated:
    case dissect::BlindnessKind::unfinished_fragments: break;
  }
  return false;
}

void write_doubts(JsonLine& line, dissect::Doubts doubts) {
  for (std::size_t i = 0; i < dissect::kDoubtCount; ++i) {
    const auto doubt = static_cast<dissect::Doubt>(i);
    if (doubts.contains(doubt)) line.element(to_string(doubt));
  }
}

}  // namespace

JsonSink::JsonSink(OutputBuffer& out, const evaluate::ServerPolicies* policies,
                   InputName input_name, std::size_t contexts_max, const RecordMarks& marks,
                   std::string_view input_key)
    : out_(out),
      head_(record_head(marks)),
      input_name_(std::move(input_name)),
      input_key_(input_key),
      shared_(contexts_max) {
  for (std::uint32_t i = 0; policies != nullptr && i < policies->size(); ++i) {
    policies_.emplace_back(policies->policy(i), policies->name(i));
  }
}

const JsonSink::Shared& JsonSink::shared(const ContextInfo& context, std::uint32_t input) {
  Shared& shared = shared_[context.slot];
  if (!shared.rendered || shared.generation != context.generation || shared.input != input) {
    render(context, input, flow_id(context), shared);
  }
  return shared;
}

const JsonSink::Shared& JsonSink::shared(const ContextInfo& context, const CallEvent& call) {
  if (!call.carrier) return shared(context, call.frame.input);
  ContextInfo elsewhere = context;
  elsewhere.client = (*call.carrier)[0];
  elsewhere.server = (*call.carrier)[1];
  render(elsewhere, call.frame.input, flow_id(context), detour_);
  return detour_;
}

void JsonSink::append_flow(std::string& out, const Endpoint& client, const Endpoint& server,
                           std::string_view proto, std::uint32_t input) {
  append_endpoint(out, "\"src_ip\":\"", "\",\"src_port\":", client);
  append_endpoint(out, ",\"dest_ip\":\"", "\",\"dest_port\":", server);
  if (!proto.empty()) {
    const bool tcp = proto == "TCP";
    out.append(",\"proto\":\"").append(proto).push_back('"');
    out.append(",\"community_id\":\"");
    out.append(community_id_.of(client, server, tcp ? IpProtocol::tcp : IpProtocol::udp));
    out.push_back('"');
  }
  const std::string_view name = input_name_ ? input_name_(input) : std::string_view();
  if (name.empty()) return;
  out.append(",\"").append(input_key_).append("\":\"");
  if (is_utf8(name)) {
    append_json_escaped(out, name);
  } else {
    append_json_escaped(out, file_name_text(name));
  }
  out.push_back('"');
}

void JsonSink::render(const ContextInfo& context, std::uint32_t input, std::uint64_t flow,
                      Shared& shared) {
  shared.rendered = true;
  shared.generation = context.generation;
  shared.input = input;
  std::string& out = shared.members;
  out.clear();
  append_flow(out, context.client, context.server, transport_of(context.protocol).carrier, input);
  out.append(",\"flow_id\":");
  append_number(out, flow);
  out.append(",\"rpc\":{\"transport\":\"").append(to_string(context.protocol)).push_back('"');
  shared.transport_size = out.size();
  append_interface(out, context);
  shared.attacks = context.abstract_syntax ? attack_operations(context.abstract_syntax->uuid)
                                           : std::span<const AttackOperation>();

  shared.pipe.clear();
  if (context.pipe.empty()) return;
  shared.pipe.append("\"pipe\":\"");
  append_json_escaped(shared.pipe, context.pipe);
  shared.pipe.push_back('"');
}

void JsonSink::write_head(JsonLine& line, const dissect::FrameReference& frame,
                          std::string_view event_type) {
  write_time(line, "timestamp", frame.timestamp);
  line.plain("event_type", event_type);
  line.members(head_);
  line.number("frame", frame.number);
  if (frame.vlan != 0) line.number("vlan", frame.vlan);
}

void JsonSink::write_time(JsonLine& line, std::string_view key, Timestamp time) {
  line.raw(key, Rfc3339Writer::kSizeMax + 2, [&](char* out) {
    *out++ = '"';
    out = time_.write(time, out);
    *out++ = '"';
    return out;
  });
}

void JsonSink::write_security(JsonLine& line, const ContextInfo& context,
                              const std::optional<dissect::AuthNumbers>& auth,
                              const IdentityText& identity) {
  if (auth) {
    line.number("auth_type", auth->type);
    line.plain("auth_type_name", auth_type_name(auth->type));
    line.number("auth_level", auth->level);
    line.plain("auth_level_name", auth_level_name(auth->level));
  }
  if (!identity.user.empty()) line.text("user", identity.user);
  if (!identity.domain.empty()) line.text("domain", identity.domain);
  if (!identity.workstation.empty()) line.text("workstation", identity.workstation);
  if (!identity.service.empty()) line.text("service", identity.service);
  if (identity.null_session) line.truth("null_session");
  if (context.guest && !auth) line.truth("guest");
}

// The context announced before is in the cache by now, and says where its text is.
void JsonSink::on_approach(std::uint32_t context_slot) noexcept {
  shared_.prefetch(context_slot);
  if (approached_ != kNoSlot) {
    const std::string& text = shared_[approached_].members;
    constexpr std::size_t kCacheLine = 64;
    for (std::size_t i = 0; i < text.size(); i += kCacheLine) __builtin_prefetch(text.data() + i);
  }
  approached_ = context_slot;
}

void JsonSink::on_context(const ContextInfo& context, const IdentityText& identity) {
  JsonLine line(out_);
  write_proposal(line, context, identity);
  line.end();
}

void JsonSink::write_proposal(JsonLine& line, const ContextInfo& context,
                              const IdentityText& identity) {
  const Shared& common = shared(context, context.frame.input);
  write_head(line, context.frame, "rpc_context");
  line.members(common.members);
  line.number("call_id", context.call_id);
  line.number("context_id", context.context_id);
  if (!common.pipe.empty()) line.members(common.pipe);
  write_security(line, context, context.auth, identity);
  line.plain("result", to_string(context.result));
  if (context.result == dissect::ContextResult::rejected ||
      context.result == dissect::ContextResult::negotiated) {
    line.number("reason", context.reason);
  }
  if (context.transfer_syntax) line.uuid("transfer_syntax", context.transfer_syntax->uuid);
  line.close();
}

void JsonSink::on_call(const ContextInfo& context, const CallEvent& call,
                       const IdentityText& identity) {
  JsonLine line(out_);
  write_call(line, context, call, identity);
  line.end();
}

void JsonSink::on_repeats(const ContextInfo& context, const CallEvent& call,
                          const IdentityText& identity, const Repeats& repeats) {
  JsonLine line(out_);
  write_call(line, context, call, identity);
  line.open("repeats");
  line.number("count", repeats.count);
  write_time(line, "first", repeats.first);
  write_time(line, "last", repeats.last);
  line.close();
  line.end();
}

void JsonSink::write_call(JsonLine& line, const ContextInfo& context, const CallEvent& call,
                          const IdentityText& identity) {
  const Shared& common = shared(context, call);
  write_head(line, call.frame, call.reported ? "rpc_audit" : "rpc_call");
  const std::string_view members = common.members;
  line.members(call.has_interface ? members : members.substr(0, common.transport_size));
  const std::string_view operation = operation_of(context, call);
  if (!operation.empty()) {
    line.plain("operation", operation);
    const std::string_view alias = operation_alias(*context.catalogue, call.opnum);
    if (!alias.empty()) line.plain("operation_alias", alias);
  }
  const bool serves_attacks =
      call.has_interface && write_techniques(line, common.attacks, call.opnum);
  if (!transport_of(context.protocol).is_datagram) {
    line.number("call_id", call.call_id);
    line.number("context_id", call.context_id);
  }
  line.number("opnum", call.opnum);
  if (is_provisional(context, call)) line.truth("provisional");
  if (call.object && !call.object->is_nil()) line.uuid("object", *call.object);
  if (call.activity) {
    line.uuid("activity", *call.activity);
    line.number("sequence", call.sequence);
  }
  if (!common.pipe.empty()) line.members(common.pipe);
  write_security(line, context, call.auth, identity);
  if (context.announced.count != 0) write_announced(line, context.announced);
  if (call.question) write_question(line, context, call, identity);
  if (call.doubts.any()) {
    line.open_array("doubts");
    write_doubts(line, call.doubts);
    line.close_array();
  }
  write_outcome(line, call);
  line.close();
  if (call.verdict) write_verdict(line, context, call, serves_attacks);
}

void JsonSink::write_outcome(JsonLine& line, const CallEvent& call) {
  line.plain("outcome", to_string(call.outcome));
  // A nocall rejects without a status.
  if (call.outcome == dissect::Outcome::fault ||
      (call.outcome == dissect::Outcome::rejected && call.status != 0)) {
    line.raw("status", kStatusSize, [&](char* out) { return write_status(call.status, out); });
    if (const auto name = status_name(call.status); !name.empty()) line.plain("status_name", name);
  }
  if (call.answer.sequence == 0) return;
  line.number("outcome_frame", call.answer.number);
  line.raw("rtt", Rfc3339Writer::kSizeMax, [&](char* out) {
    return write_seconds_between(call.frame.timestamp, call.answer.timestamp, out);
  });
}

void JsonSink::write_verdict(JsonLine& line, const ContextInfo& context, const CallEvent& call,
                             bool serves_attacks) {
  const evaluate::Verdict& verdict = *call.verdict;
  const evaluate::FilterVerdict& filters = verdict.deciding_filters();
  const PolicyMembers& policy = policies_[call.policy];
  line.open("verdict");
  line.plain("action", to_string(verdict.action));
  if (!policy.identity.empty()) line.members(policy.identity);
  if (verdict.control != evaluate::Control::none) line.plain("control", to_string(verdict.control));
  if (const evaluate::ControlVerdict* const decided = verdict.deciding_control()) {
    policy.controls.write(line, verdict.control, *decided);
  } else if (filters.filter < policy.filters.size()) {
    line.members(policy.filters[filters.filter]);
    if (call.reported) line.members(policy.conditions[filters.filter]);
    if (evaluate::is_only_logged(verdict)) line.truth("audit_only");
  }
  if (verdict.action == evaluate::VerdictAction::undecidable) {
    line.open_array("unseen");
    for (std::size_t i = 0; i < policy::kFieldCount; ++i) {
      const auto field = static_cast<policy::Field>(i);
      if ((filters.unseen & evaluate::field_bit(field)) != 0) line.element(to_string(field));
    }
    for (std::size_t i = 0; i < evaluate::kControlFactCount; ++i) {
      const auto fact = static_cast<evaluate::ControlFact>(i);
      if ((unseen_facts(verdict) & evaluate::fact_bit(fact)) != 0) line.element(to_string(fact));
    }
    write_doubts(line, verdict.doubts);
    line.close_array();
    if (filters.undecidable_by_continue) line.truth("only_continue");
    if (filters.undecidable_by_datagram) line.truth("um_on_datagram");
  }
  const evaluate::Event5712& event = verdict.event_5712;
  if (event.keywords != evaluate::AuditKeywords::none && event.filter < policy.filters.size()) {
    line.open("event_5712");
    line.plain("keywords", to_string(event.keywords));
    line.members(policy.filters[event.filter]);
    line.close();
  }
  if (verdict.readings_differ) line.truth("readings_differ");
  if (verdict.depends_on_target) write_targets(line, verdict);
  write_controls(line, policy.controls, verdict);
  if (verdict.lookup.outcome != evaluate::Lookup::unaffected)
    line.plain("lookup", to_string(verdict.lookup.outcome));
  if (call.reported) {
    line.plain("severity", to_string(severity_of(verdict, serves_attacks)));
    write_evidence(line, evidence_of(context, call));
  }
  line.close();
}

void JsonSink::on_blindness(const dissect::Blindness& blindness) {
  JsonLine line(out_);
  write_head(line, blindness.frame, "rpc_blind");
  scratch_.clear();
  if (blindness.client && blindness.server) {
    const std::string_view proto = blindness.udp               ? "UDP"
                                   : is_of_tcp(blindness.kind) ? "TCP"
                                                               : std::string_view();
    append_flow(scratch_, *blindness.client, *blindness.server, proto, blindness.frame.input);
    line.members(scratch_);
  } else if (input_name_ && !input_name_(blindness.frame.input).empty()) {
    line.text(input_key_, input_name_(blindness.frame.input));
  }
  line.open("blind");
  line.plain("kind", to_string(blindness.kind));
  if (blindness.bytes != 0) line.number("bytes", blindness.bytes);
  if (blindness.messages != 0) line.number("messages", blindness.messages);
  if (blindness.since) line.number("since_frame", blindness.since->number);
  if (blindness.smb_session) {
    char id[2 * sizeof(std::uint64_t) + 3];  // more than a double holds
    std::snprintf(id, sizeof id, "0x%016" PRIx64, *blindness.smb_session);
    line.plain("session", id);
  }
  line.close();
  line.end();
}

}  // namespace rpcaudit::audit
