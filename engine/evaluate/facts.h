#pragma once

#include <cstdint>
#include <optional>
#include <string_view>

#include "dissect/rpc_observer.h"
#include "engine/evaluate/truth.h"
#include "engine/policy/caller_token.h"

namespace rpcaudit::evaluate {

// Whose SMB session a pipe was opened in.
enum class PipeOpener : std::uint8_t {
  unseen,
  account,
  null_or_guest,
};

// What a presentation context fixes for all of its calls, in the words of the policy: `local` is
// the RPC server, `remote` its client. An empty optional was not on the wire and makes conditions
// on it unknown, unless the transport does not have the field at all (field_sight.h). Views are
// borrowed from the context.
struct ContextFacts {
  dissect::ProtocolSequence protocol = dissect::ProtocolSequence::ncacn_ip_tcp;
  std::optional<Uuid> if_uuid;
  std::optional<std::uint16_t> if_version;  // the major version: the platform's field is 16 bits
  IpAddress local_address;
  IpAddress remote_address;
  std::uint16_t local_port = 0;
  std::uint16_t remote_port = 0;
  // ncacn_np only: as the client opened it, and as the server calls it in its answer to the bind.
  std::optional<std::string_view> pipe;
  std::optional<std::string_view> pipe_of_server;
  PipeOpener smb_caller = PipeOpener::unseen;
  std::optional<std::string_view> image_name;  // only a deployment tells
};

// What a single call adds.
struct CallFacts {
  std::uint16_t opnum = 0;
  // As the filtering engine would see it. SPNEGO is what it chose; 9 only when that was not seen.
  std::uint8_t auth_type = 0;
  std::uint8_t auth_level = 0;
  // The other reading where sources differ: the type on the wire (9) beside the negotiated
  // mechanism; for a call without security level 0 beside level 1, over pipes type 10 and level 6
  // beside 0 and 0. Equal when there is only one.
  std::uint8_t auth_type_other = 0;
  std::uint8_t auth_level_other = 0;
  bool auth_unseen = false;              // a trailer is there but was not captured: both unknown
  Truth dcom = Truth::no;                // if_flag bit 0x1
  Truth anonymous = Truth::unknown;      // the caller is ANONYMOUS LOGON
  Truth authenticated = Truth::unknown;  // the caller is in Authenticated Users
  // What only a deployment tells; borrowed from it, null where it says nothing.
  const policy::CallerToken* token = nullptr;
  const Uuid* app_id = nullptr;  // of the class that the call activates
};

[[nodiscard]] ContextFacts context_facts(const dissect::RpcContext& context) noexcept;
[[nodiscard]] CallFacts call_facts(const dissect::RpcContext& context,
                                   const dissect::RpcCall& call) noexcept;

}  // namespace rpcaudit::evaluate
