#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "dissect/rpc_observer.h"

namespace rpcaudit::app {

// A call as somebody describes it: `interface=drsuapi opnum=3 client=10.77.0.21 ...`. `context`
// borrows `pipe` and `user` from here, so the object must not be copied while they are in use.
struct DescribedCall {
  dissect::RpcContext context;
  dissect::RpcCall call;
  std::string pipe;
  std::string user;
  std::string domain;
  std::optional<dissect::SyntaxId> lookup;  // what is asked for at an endpoint mapper
  bool version_given = false;
  bool client_given = false;
  bool server_given = false;
};

// Reads words `key=value`. Keys: interface (UUID or a name of the catalogue), version, opnum (a
// number or an operation's name), protocol, client, server, port, pipe, auth_type, auth_level,
// object, user (`domain\user`, or `anonymous`), lookup (the interface that a call of an endpoint
// mapper asks for). Returns what is wrong, lower case without a final
// period, or nothing.
[[nodiscard]] std::optional<std::string> parse_call(std::string_view text,
                                                    DescribedCall& described);

}  // namespace rpcaudit::app
