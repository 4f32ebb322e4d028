// What a call asks an endpoint mapper for, and what endpoint mappers announced, as members of a
// call's record.

#include "engine/audit/sink/json_sink.h"

namespace rpcaudit::audit {
namespace {

// Anybody could have asked: no security of the call's own, and none of the session that carried it.
bool is_anonymous(const ContextInfo& context, const CallEvent& call, const IdentityText& identity) {
  constexpr std::uint8_t kLevelNone = 1;  // RPC_C_AUTHN_LEVEL_NONE
  const std::optional<dissect::AuthNumbers>& auth = call.auth ? call.auth : call.connection_auth;
  if (identity.null_session) return true;
  if (auth && auth->type != 0 && auth->level > kLevelNone) return false;
  return !transport_of(context.protocol).is_pipe;
}

void write_interface(JsonLine& line, const dissect::SyntaxId& interface, std::string& scratch) {
  line.uuid("interface", interface.uuid);
  scratch = std::to_string(interface.version_major);
  scratch += '.';
  scratch += std::to_string(interface.version_minor);
  line.plain("version", scratch);
  const std::string_view name = interface_name(interface.uuid);
  if (!name.empty()) line.plain("interface_name", name);
}

}  // namespace

void JsonSink::write_announced(JsonLine& line, const AnnouncedInterfaces& announced) {
  line.open_array("announced");
  for (std::size_t i = 0; i < announced.count; ++i) {
    line.open_element();
    write_interface(line, announced.interfaces[i], scratch_);
    line.close();
  }
  line.close_array();
  if (announced.more) line.truth("announced_more");
}

void JsonSink::write_question(JsonLine& line, const ContextInfo& context, const CallEvent& call,
                              const IdentityText& identity) {
  const dissect::EndpointQuestion& question = *call.question;
  line.open("lookup");
  if (question.interface) write_interface(line, *question.interface, scratch_);
  if (question.protocol != dissect::TowerProtocol::other) {
    line.plain("transport", to_string(question.protocol));
  }
  if (question.names_no_interface) line.truth("all");
  if (question.unreadable) line.truth("unreadable");
  if (is_anonymous(context, call, identity)) line.truth("anonymous");
  line.close();
}

}  // namespace rpcaudit::audit
