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
  // Empty only where the wire leaves several readings of the call.
  std::optional<std::uint16_t> opnum = 0;
  // As the filtering engine would see it. SPNEGO is what it chose; 9 only when that was not seen.
  std::uint8_t auth_type = 0;
  std::uint8_t auth_level = 0;
  // The other reading, where sources differ on what the filtering engine is given; equal to the
  // first where they do not:
  //   case                                  auth_type, auth_level    the other reading
  //   a mechanism that SPNEGO chose         the mechanism, as sent   9, as sent
  //   no security on the call               0, 1                     0, 0
  //   no security on a call over a pipe     0, 0                     10, 6
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

// Whether more than who makes the call is in doubt: what it calls.
[[nodiscard]] constexpr bool concerns_more_than_caller(dissect::Doubts doubts) noexcept {
  dissect::Doubts of_caller;
  of_caller.add(dissect::Doubt::identity_conflict);
  return doubts.any() && doubts != of_caller;
}
// Leaves the facts that all readings of the wire share, where it leaves several: the endpoints, and
// where only the caller is in doubt all but that.
void forget_doubtful(dissect::Doubts doubts, ContextFacts& context, CallFacts& call) noexcept;

[[nodiscard]] ContextFacts context_facts(const dissect::RpcContext& context) noexcept;
[[nodiscard]] CallFacts call_facts(const dissect::RpcContext& context,
                                   const dissect::RpcCall& call) noexcept;

}  // namespace rpcaudit::evaluate
