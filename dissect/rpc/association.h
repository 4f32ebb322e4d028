#pragma once

#include <array>
#include <optional>

#include "dissect/direction.h"
#include "dissect/rpc/pdus/rpc_header.h"
#include "dissect/rpc/pipe_origin.h"
#include "dissect/rpc_observer.h"
#include "dissect/store/bounded_text.h"

namespace rpcaudit::dissect {

// Who talks to whom, over what: the part of an association (C706 12.6.2; MS-RPCE calls it a
// connection) that all its contexts and calls have in common.
struct Association {
  Direction client_direction = Direction::forward;  // the client sends in it
  bool roles_known = false;
  ProtocolSequence protocol = ProtocolSequence::ncacn_ip_tcp;
  Doubts doubts;                      // all calls told from here on have them
  const PipeOrigin* pipe = nullptr;   // of an association over a named pipe
  PerDirection<Endpoint> endpoints;   // who sends in each direction
  std::optional<Timestamp> begun;     // at its bind
  BoundedText<64> secondary_address;  // of the last bind_ack that has one

  [[nodiscard]] const Endpoint& client() const noexcept { return endpoints[client_direction]; }
  [[nodiscard]] const Endpoint& server() const noexcept {
    return endpoints[opposite(client_direction)];
  }
  // Learns who the client is by a PDU whose type only one side sends; rts tells nothing.
  void learn_roles(Direction direction, PduType type) noexcept;
  // Keeps the address in a bind_ack; an alter_context_response leaves it out.
  void note_secondary_address(Bytes address) noexcept;
  // Whether a pipe is carried by another connection than when the context was proposed.
  [[nodiscard]] bool was_moved_from(const RpcContext& context) const noexcept {
    return pipe != nullptr && (client() != context.client || server() != context.server);
  }
  // The doubts about a call told now; about its caller, too, if it has no security of its own.
  [[nodiscard]] Doubts doubts_of(const RpcCall& call) const noexcept;
  // Sets what a context has from its association, whatever its proposal says.
  void describe(RpcContext& context) const noexcept;
};

}  // namespace rpcaudit::dissect
