#pragma once

#include <cstdint>
#include <optional>

#include "dissect/rpc_observer.h"
#include "engine/audit/event/audit_event.h"
#include "engine/audit/event/bounded_map.h"
#include "engine/audit/tally/control_tally.h"
#include "engine/audit/tally/live_connections.h"
#include "engine/evaluate/controls/host_controls.h"
#include "engine/evaluate/verdict.h"

namespace rpcaudit::audit {

// When the association of a context began, in nanoseconds since 1970: long ago where that was not
// seen.
[[nodiscard]] std::int64_t association_of(const dissect::RpcContext& context) noexcept;

// What the IPsec rules of a server say of a connection to one of its RPC ports; empty where they
// have nothing to say, or the port is none of RPC as far as the settings tell.
[[nodiscard]] std::optional<ConnectionEvent> judge_opening(
    const evaluate::HostControls& controls, const dissect::TcpOpening& opening) noexcept;

// What the controls besides the filters need to know of other traffic: which clients authenticate
// their look-ups at the endpoint mapper, which ports servers use. Bounded memory.
class ControlMonitor {
 public:
  // `tally` is borrowed, and counted in.
  explicit ControlMonitor(ControlTally& tally) noexcept : tally_(tally) {}

  // A context that a client proposed.
  void note_context(const dissect::RpcContext& context);
  // Completes a call's verdict by what came before it, and counts it. `controls` are those of the
  // call's server.
  void note_call(const evaluate::HostControls& controls, const dissect::RpcContext& context,
                 const dissect::RpcCall& call, evaluate::Verdict& verdict);

  // A port that an endpoint mapper announces.
  void note_endpoint(const dissect::EndpointEntry& entry);
  // A connection, whatever it carries, with a server that has a policy, and its answer.
  void note_opening(const evaluate::HostControls& controls, const dissect::TcpOpening& opening);
  // A connection that a server with a policy opens itself, and its answer.
  void note_outgoing(const evaluate::HostControls& controls, const dissect::TcpOpening& opening);
  // The end of any connection.
  void note_closing(const dissect::TcpClosing& closing);

 private:
  struct HostPair {
    IpAddress client;
    IpAddress server;

    auto operator<=>(const HostPair&) const = default;
    void mix(HashMixer& mixer) const noexcept {
      mixer.add(client.bytes);
      mixer.add(server.bytes);
    }
  };
  struct LookupsSeen {
    bool authenticated = false;
    bool anonymous = false;
  };

  void note_lookup(const dissect::RpcContext& context, const dissect::RpcCall& call);
  void note_operation(const dissect::RpcContext& context, const dissect::RpcCall& call,
                      const evaluate::Verdict& verdict);
  void note_path(const evaluate::HostControls& controls, const dissect::RpcContext& context,
                 const evaluate::Verdict& verdict);

  void note_own_connection(const dissect::TcpOpening& opening);
  void note_end(const IpAddress& host, Timestamp time);

  BoundedMap<HostPair, LookupsSeen, 65'536> lookups_;
  LiveConnections own_connections_;  // that servers opened themselves
  ControlTally& tally_;
};

}  // namespace rpcaudit::audit
