#pragma once

#include <array>
#include <cstdint>
#include <vector>

#include "capture/timestamp.h"
#include "dissect/rpc_observer.h"
#include "engine/audit/event/bounded_map.h"
#include "engine/audit/tally/concurrency_meter.h"
#include "engine/evaluate/verdict.h"

namespace rpcaudit::audit {

// Who calls whom for what.
struct OperationKey {
  IpAddress client;
  IpAddress server;
  Uuid interface;  // nil when not known
  std::uint16_t opnum = 0;

  auto operator<=>(const OperationKey&) const = default;
  void mix(HashMixer& mixer) const noexcept {
    mixer.add(client.bytes);
    mixer.add(server.bytes);
    mixer.add(interface.bytes);
    mixer.add(opnum);
  }
};

// How the calls of one kind would fare at each value of RestrictRemoteClients, and their look-ups.
struct OperationCount {
  std::array<std::uint64_t, policy::kRestrictRemoteClientsCount> blocked{};
  std::array<std::uint64_t, policy::kRestrictRemoteClientsCount> undecidable{};
  std::array<std::uint64_t, 5> lookups{};  // by Lookup; `unaffected` is not counted
};

struct HostKey {
  IpAddress address;

  auto operator<=>(const HostKey&) const = default;
  void mix(HashMixer& mixer) const noexcept { mixer.add(address.bytes); }
};

// A TCP port that a server offers RPC on: clients used it, or its endpoint mapper named it.
struct PortKey {
  IpAddress server;
  std::uint16_t port = 0;

  auto operator<=>(const PortKey&) const = default;
  void mix(HashMixer& mixer) const noexcept {
    mixer.add(server.bytes);
    mixer.add(port);
  }
};

struct PortUse {
  static constexpr std::size_t kInterfacesMax = 4;

  std::uint64_t contexts = 0;
  std::uint64_t announced = 0;  // how often an endpoint mapper named it
  Timestamp first;              // of any use
  Timestamp last;
  // The smallest that were met, in order: which these are does not depend on who met which first.
  std::array<Uuid, kInterfacesMax> interfaces;
  std::size_t interface_count = 0;
  bool more_interfaces = false;

  void note(Timestamp time) noexcept;
  void note(const Uuid& interface) noexcept;
};

// TCP connections with a port that the settings give to RPC services or that IPsec rules stop,
// whatever they carry.
struct PortConnections {
  // Opened by others, by OpeningAnswer: all of them, and how many the IPsec rules would stop.
  std::array<std::uint64_t, dissect::kOpeningAnswerCount> opened{};
  std::array<std::uint64_t, dissect::kOpeningAnswerCount> stopped{};
  // Opened from this port by the host itself, and accepted: all of them, and how many would be
  // stopped.
  std::uint64_t outgoing = 0;
  std::uint64_t outgoing_stopped = 0;
};

// The ports of one server: a port counts as in use from its first sight to its last.
struct ServerPorts {
  IpAddress server;
  std::uint32_t ports = 0;
  std::uint32_t at_once = 0;  // the most that were in use at one time
};

// Paths to RPC that IPsec rules for the mapper and the dynamic range leave alone.
enum class OpenPath : std::uint8_t { ipv6, udp, http, pipe, other_port };
inline constexpr std::size_t kOpenPathCount = 5;

// What was counted for the controls besides the filters, in bounded memory. Grows only.
struct ControlTally {
  BoundedMap<OperationKey, OperationCount, 8192> operations;
  BoundedMap<PortKey, PortUse, 16'384> ports;
  BoundedMap<PortKey, PortConnections, 16'384> connections;
  // TCP connections that hosts opened themselves, each from a port of its own, where the settings
  // give ports to RPC services.
  BoundedMap<HostKey, ConcurrencyMeter, 1024> own_connections;
  std::uint64_t own_connections_forgotten = 0;             // while they were open
  std::array<std::uint64_t, kOpenPathCount> open_paths{};  // calls, where IPsec is judged
  std::uint64_t lookups_forgotten = 0;  // pairs of hosts whose look-ups found no place
  bool domain_controller = false;       // drsuapi or netlogon was called

  // By address. Fixed ports of the protocols (135, 139, 445, 593) are no ports of a range.
  [[nodiscard]] std::vector<ServerPorts> port_use() const;

  // How many connections the host had opened itself at one time at most.
  [[nodiscard]] std::uint64_t most_own_connections(const IpAddress& host) const;

  // What a tally of other pairs of hosts counted.
  void add(const ControlTally& more);
};

// Whether the port is one that the transports themselves fix.
[[nodiscard]] constexpr bool is_fixed_port(std::uint16_t port) noexcept {
  return port == 135 || port == 139 || port == 445 || port == 593;
}

}  // namespace rpcaudit::audit
