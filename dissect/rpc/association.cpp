#include "dissect/rpc/association.h"

namespace rpcaudit::dissect {

void Association::learn_roles(Direction direction, PduType type) noexcept {
  if (from_client(type)) {
    client_direction = direction;
  } else if (from_server(type)) {
    client_direction = opposite(direction);
  } else {
    return;
  }
  roles_known = true;
}

void Association::note_secondary_address(Bytes address) noexcept {
  if (address.empty()) return;
  secondary_address.slot().clear();
  secondary_address.slot().append_octets(address);
}

void Association::describe(RpcContext& context) const noexcept {
  context.protocol = protocol;
  context.client = client();
  context.server = server();
  context.secondary_address = secondary_address.view();
  context.association = begun;
  if (pipe == nullptr) return;
  context.pipe = pipe->name.view();
  if (pipe->caller->setup_seen) context.smb = pipe->caller->view();
}

Doubts Association::doubts_of(const RpcCall& call) const noexcept {
  Doubts all = doubts;
  const bool by_pipe = pipe != nullptr && !call.auth && !call.connection_auth;
  if (by_pipe && pipe->caller->in_doubt) all.add(Doubt::identity_conflict);
  return all;
}

}  // namespace rpcaudit::dissect
