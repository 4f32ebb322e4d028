// What a call asks an endpoint mapper for, as members of its record.

#include "engine/audit/json_sink.h"

namespace rpcaudit {
namespace {

// Anybody could have asked: no security of the call's own, and none of the session that carried it.
bool is_anonymous(const ContextInfo& context, const CallEvent& call, const IdentityText& identity) {
  constexpr std::uint8_t kLevelNone = 1;  // RPC_C_AUTHN_LEVEL_NONE
  const std::optional<AuthNumbers>& auth = call.auth ? call.auth : call.connection_auth;
  if (identity.null_session) return true;
  if (auth && auth->type != 0 && auth->level > kLevelNone) return false;
  return context.protocol != ProtocolSequence::ncacn_np;
}

}  // namespace

void JsonSink::write_question(JsonLine& line, const ContextInfo& context, const CallEvent& call,
                              const IdentityText& identity) {
  const EndpointQuestion& question = *call.question;
  line.open("lookup");
  if (question.interface) {
    line.uuid("interface", question.interface->uuid);
    scratch_ = std::to_string(question.interface->version_major);
    scratch_ += '.';
    scratch_ += std::to_string(question.interface->version_minor);
    line.plain("version", scratch_);
    const std::string_view name = interface_name(question.interface->uuid);
    if (!name.empty()) line.plain("interface_name", name);
  }
  if (question.protocol != TowerProtocol::other) {
    line.plain("transport", to_string(question.protocol));
  }
  if (question.names_no_interface) line.truth("all");
  if (question.unreadable) line.truth("unreadable");
  if (is_anonymous(context, call, identity)) line.truth("anonymous");
  line.close();
}

}  // namespace rpcaudit
