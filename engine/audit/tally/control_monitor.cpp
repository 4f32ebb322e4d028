#include "engine/audit/tally/control_monitor.h"

#include <limits>

namespace rpcaudit::audit {
namespace {

constexpr Uuid kEndpointMapper = uuid("e1af8308-5d1f-11c9-91a4-08002b14a0fa");
constexpr Uuid kDrsuapi = uuid("e3514235-4b06-11d1-ab04-00c04fc2dcd2");
constexpr Uuid kNetlogon = uuid("12345678-1234-abcd-ef00-01234567cffb");
constexpr std::uint16_t kEptLookup = 2;  // C706 appendix O
constexpr std::uint16_t kEptMap = 3;
constexpr std::uint8_t kLevelConnect = 2;  // RPC_C_AUTHN_LEVEL_CONNECT

Uuid interface_of(const dissect::RpcContext& context) noexcept {
  return context.abstract_syntax ? context.abstract_syntax->uuid : Uuid{};
}

// Ports below are registered ones (RFC 6335 6): an IPsec rule that names one is about its service.
constexpr std::uint16_t kFirstDynamicPort = 1024;

bool is_of_rpc(const evaluate::HostControls& controls, std::uint16_t port,
               const evaluate::ControlVerdict& ipsec) noexcept {
  if (is_fixed_port(port) || controls.gives_rpc(port) || controls.is_static(port)) return true;
  return port >= kFirstDynamicPort && controls.ipsec().names_port(ipsec.item, port);
}

}  // namespace

std::int64_t association_of(const dissect::RpcContext& context) noexcept {
  if (context.association) return context.association->nanoseconds;
  // Datagrams have no association: each call stands for itself.
  if (context.origin == dissect::ContextOrigin::stated) return context.frame.timestamp.nanoseconds;
  return std::numeric_limits<std::int64_t>::min();
}

std::optional<ConnectionEvent> judge_opening(const evaluate::HostControls& controls,
                                             const dissect::TcpOpening& opening) noexcept {
  if (controls.ipsec().empty()) return std::nullopt;
  ConnectionEvent event;
  event.ipsec = controls.ipsec().judge({opening.client, opening.server});
  if (!is_of_rpc(controls, opening.server.port, event.ipsec)) return std::nullopt;
  event.frame = opening.frame;
  event.client = opening.client;
  event.server = opening.server;
  event.slot = opening.slot;
  const std::int64_t time = opening.frame.timestamp.nanoseconds;
  event.in_force = controls.in_force(time, time);
  return event;
}

void ControlMonitor::note_context(const dissect::RpcContext& context) {
  if (context.protocol != dissect::ProtocolSequence::ncacn_ip_tcp) return;
  if (is_fixed_port(context.server.port)) return;
  PortUse* const use = tally_.ports.find_or_add({context.server.address, context.server.port});
  if (use == nullptr) return;
  use->note(context.frame.timestamp);
  ++use->contexts;
  if (context.abstract_syntax) use->note(context.abstract_syntax->uuid);
}

void ControlMonitor::note_endpoint(const dissect::EndpointEntry& entry) {
  const bool offers = entry.source != dissect::EndpointSource::removed;
  if (!offers || entry.protocol != dissect::TowerProtocol::ncacn_ip_tcp || !entry.port) return;
  if (is_fixed_port(*entry.port)) return;
  // The port counts for the mapper's own host: the address that it states is often 0.0.0.0.
  PortUse* const use = tally_.ports.find_or_add({entry.mapper.address, *entry.port});
  if (use == nullptr) return;
  use->note(entry.frame.timestamp);
  ++use->announced;
  use->note(entry.interface.uuid);
}

void ControlMonitor::note_lookup(const dissect::RpcContext& context, const dissect::RpcCall& call) {
  LookupsSeen* const seen = lookups_.find_or_add({context.client.address, context.server.address});
  if (seen == nullptr) {
    ++tally_.lookups_forgotten;
    return;
  }
  const bool authenticated = call.auth_unseen || (call.auth && call.auth->level != 1) ||
                             (call.connection_auth && call.connection_auth->level >= kLevelConnect);
  (authenticated ? seen->authenticated : seen->anonymous) = true;
}

void ControlMonitor::note_operation(const dissect::RpcContext& context,
                                    const dissect::RpcCall& call,
                                    const evaluate::Verdict& verdict) {
  const evaluate::WhatIf what_if = verdict.what_if.value_or(evaluate::WhatIf{});
  // At 0 the value restricts nobody: what stops a call there are the other controls, and the loss
  // is not its own.
  const evaluate::VerdictAction others = what_if[0];
  const auto is_lost = [&](evaluate::VerdictAction action) {
    return action == evaluate::VerdictAction::would_block &&
           others != evaluate::VerdictAction::would_block;
  };
  const auto is_in_doubt = [&](evaluate::VerdictAction action) {
    return action == evaluate::VerdictAction::undecidable &&
           others == evaluate::VerdictAction::would_permit;
  };
  const evaluate::Lookup lookup = verdict.lookup.outcome;
  bool counts = lookup != evaluate::Lookup::unaffected;
  for (const evaluate::VerdictAction action : what_if) {
    counts = counts || is_lost(action) || is_in_doubt(action);
  }
  if (!counts) return;
  OperationCount* const count = tally_.operations.find_or_add(
      {context.client.address, context.server.address, interface_of(context), call.opnum});
  if (count == nullptr) return;
  if (lookup != evaluate::Lookup::unaffected) ++count->lookups[static_cast<std::size_t>(lookup)];
  for (std::size_t i = 0; i < what_if.size(); ++i) {
    count->blocked[i] += is_lost(what_if[i]) ? 1u : 0u;
    count->undecidable[i] += is_in_doubt(what_if[i]) ? 1u : 0u;
  }
}

void ControlMonitor::note_path(const evaluate::HostControls& controls,
                               const dissect::RpcContext& context,
                               const evaluate::Verdict& verdict) {
  if (controls.ipsec().empty()) return;
  const auto count = [this](OpenPath path) { ++tally_.open_paths[static_cast<std::size_t>(path)]; };
  const evaluate::ControlVerdict& ipsec = verdict.controls[evaluate::Control::ipsec];
  if (ipsec.action == evaluate::ControlAction::not_applicable) return count(OpenPath::ipv6);
  if (ipsec.item != evaluate::kNoItem) return;  // some rule is about it
  switch (context.protocol) {
    case dissect::ProtocolSequence::ncadg_ip_udp: return count(OpenPath::udp);
    case dissect::ProtocolSequence::ncacn_http: return count(OpenPath::http);
    case dissect::ProtocolSequence::ncacn_np: return count(OpenPath::pipe);
    case dissect::ProtocolSequence::ncacn_ip_tcp: return count(OpenPath::other_port);
  }
}

namespace {

// IPsec rules see packets of both directions, whoever opened the connection.
bool would_stop(const evaluate::HostControls& controls, const Endpoint& peer, const Endpoint& own,
                Timestamp time) {
  if (controls.ipsec().empty()) return false;
  if (controls.in_force(time.nanoseconds, time.nanoseconds) == evaluate::InForce::planned)
    return false;
  return controls.ipsec().judge({peer, own}).action == evaluate::ControlAction::would_block;
}

}  // namespace

void ControlMonitor::note_opening(const evaluate::HostControls& controls,
                                  const dissect::TcpOpening& opening) {
  const bool stopped =
      would_stop(controls, opening.client, opening.server, opening.frame.timestamp);
  if (!stopped && !controls.gives_rpc(opening.server.port)) return;
  PortConnections* const count =
      tally_.connections.find_or_add({opening.server.address, opening.server.port});
  if (count == nullptr) return;
  const auto answer = static_cast<std::size_t>(opening.answer);
  ++count->opened[answer];
  if (stopped) ++count->stopped[answer];
}

void ControlMonitor::note_outgoing(const evaluate::HostControls& controls,
                                   const dissect::TcpOpening& opening) {
  if (opening.answer != dissect::OpeningAnswer::accepted) return;
  if (controls.gives_ports()) note_own_connection(opening);
  const bool stopped =
      would_stop(controls, opening.server, opening.client, opening.frame.timestamp);
  if (!stopped && !controls.gives_rpc(opening.client.port)) return;
  PortConnections* const count =
      tally_.connections.find_or_add({opening.client.address, opening.client.port});
  if (count == nullptr) return;
  ++count->outgoing;
  if (stopped) ++count->outgoing_stopped;
}

// Counts a connection that a server opens itself: it takes a port of the dynamic range.
void ControlMonitor::note_own_connection(const dissect::TcpOpening& opening) {
  ConcurrencyMeter* const meter = tally_.own_connections.find_or_add({opening.client.address});
  if (meter == nullptr) return;
  meter->open(opening.frame.timestamp);
  const Connection connection{opening.client, opening.server};
  const std::optional<Connection> before = own_connections_.open(connection);
  if (!before) return;
  if (*before != connection) ++tally_.own_connections_forgotten;
  note_end(before->client.address, opening.frame.timestamp);
}

void ControlMonitor::note_closing(const dissect::TcpClosing& closing) {
  for (const Connection& connection : {Connection{closing.source, closing.destination},
                                       Connection{closing.destination, closing.source}}) {
    if (!own_connections_.close(connection)) continue;
    return note_end(connection.client.address, closing.frame.timestamp);
  }
}

void ControlMonitor::note_end(const IpAddress& host, Timestamp time) {
  if (ConcurrencyMeter* const meter = tally_.own_connections.find_or_add({host}))
    meter->close(time);
}

void ControlMonitor::note_call(const evaluate::HostControls& controls,
                               const dissect::RpcContext& context, const dissect::RpcCall& call,
                               evaluate::Verdict& verdict) {
  const bool is_lookup = call.opnum == kEptLookup || call.opnum == kEptMap;
  if (is_lookup && interface_of(context) == kEndpointMapper) note_lookup(context, call);
  if (controls.has_start()) {
    verdict.in_force = controls.in_force(association_of(context), call.frame.timestamp.nanoseconds);
  }
  if (controls.empty()) return;
  const Uuid interface = interface_of(context);
  // Whoever is stopped anyway loses nothing more with its look-up.
  if (verdict.lookup.is_needed && verdict.action != evaluate::VerdictAction::would_block) {
    const LookupsSeen* const seen = lookups_.find({context.client.address, context.server.address});
    const LookupsSeen none;
    const LookupsSeen& known = seen == nullptr ? none : *seen;
    verdict.lookup.outcome =
        evaluate::lookup_of(verdict.lookup.call_is_authenticated,
                            controls.authenticates_lookups(context.client.address),
                            known.authenticated, known.anonymous);
  }
  if (interface == kDrsuapi || interface == kNetlogon) tally_.domain_controller = true;
  note_operation(context, call, verdict);
  note_path(controls, context, verdict);
}

}  // namespace rpcaudit::audit
