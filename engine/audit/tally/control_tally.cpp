#include "engine/audit/tally/control_tally.h"

#include <algorithm>
#include <tuple>

namespace rpcaudit::audit {
namespace {

template <std::size_t Size>
void add_each(std::array<std::uint64_t, Size>& sum, const std::array<std::uint64_t, Size>& more) {
  for (std::size_t i = 0; i < Size; ++i) sum[i] += more[i];
}

}  // namespace

void PortUse::note(Timestamp time) noexcept {
  const bool is_new = contexts + announced == 0;
  if (is_new || time < first) first = time;
  if (is_new || time > last) last = time;
}

void PortUse::note(const Uuid& interface) noexcept {
  const auto begin = interfaces.begin();
  const auto end = begin + static_cast<std::ptrdiff_t>(interface_count);
  const auto place = std::lower_bound(begin, end, interface);
  if (place != end && *place == interface) return;
  if (interface_count == kInterfacesMax) {
    more_interfaces = true;
    if (place == end) return;
    std::move_backward(place, end - 1, end);
  } else {
    ++interface_count;
    std::move_backward(place, end, end + 1);
  }
  *place = interface;
}

std::vector<ServerPorts> ControlTally::port_use() const {
  struct Edge {
    IpAddress server;
    Timestamp time;
    int change;  // +1: in use from here on; -1: not after this

    // At one time ports begin to be in use before others end: that is when they meet.
    bool operator<(const Edge& other) const {
      return std::tie(server, time.nanoseconds, other.change) <
             std::tie(other.server, other.time.nanoseconds, change);
    }
  };
  std::vector<Edge> edges;
  for (const auto& [key, use] : ports.entries()) {
    if (is_fixed_port(key.port)) continue;
    edges.push_back({key.server, use.first, 1});
    edges.push_back({key.server, use.last, -1});
  }
  std::sort(edges.begin(), edges.end());
  std::vector<ServerPorts> servers;
  int in_use = 0;
  for (const Edge& edge : edges) {
    if (servers.empty() || servers.back().server != edge.server) {
      servers.push_back({edge.server});
      in_use = 0;
    }
    in_use += edge.change;
    ServerPorts& server = servers.back();
    if (edge.change > 0) ++server.ports;
    server.at_once = std::max(server.at_once, static_cast<std::uint32_t>(in_use));
  }
  return servers;
}

std::uint64_t ControlTally::most_own_connections(const IpAddress& host) const {
  const auto& hosts = own_connections.entries();
  const auto found = std::find_if(hosts.begin(), hosts.end(),
                                  [&](const auto& entry) { return entry.key.address == host; });
  return found == hosts.end() ? 0 : found->value.peak();
}

void ControlTally::add(const ControlTally& more) {
  for (const auto& [key, count] : more.operations.entries()) {
    OperationCount* const own = operations.find_or_add(key);
    if (own == nullptr) continue;
    add_each(own->blocked, count.blocked);
    add_each(own->undecidable, count.undecidable);
    add_each(own->lookups, count.lookups);
  }
  operations.add_overflow(more.operations.overflow());
  // A port of a server may be known to several tallies: each pair of hosts has its own.
  for (const auto& [key, use] : more.ports.entries()) {
    PortUse* const own = ports.find_or_add(key);
    if (own == nullptr) continue;
    own->note(use.first);
    own->contexts += use.contexts;
    own->announced += use.announced;
    own->note(use.last);
    for (std::size_t i = 0; i < use.interface_count; ++i) own->note(use.interfaces[i]);
    own->more_interfaces |= use.more_interfaces;
  }
  ports.add_overflow(more.ports.overflow());
  for (const auto& [key, count] : more.connections.entries()) {
    PortConnections* const own = connections.find_or_add(key);
    if (own == nullptr) continue;
    add_each(own->opened, count.opened);
    add_each(own->stopped, count.stopped);
    own->outgoing += count.outgoing;
    own->outgoing_stopped += count.outgoing_stopped;
  }
  connections.add_overflow(more.connections.overflow());
  for (const auto& [key, meter] : more.own_connections.entries()) {
    if (ConcurrencyMeter* const own = own_connections.find_or_add(key)) own->add(meter);
  }
  own_connections.add_overflow(more.own_connections.overflow());
  own_connections_forgotten += more.own_connections_forgotten;
  add_each(open_paths, more.open_paths);
  lookups_forgotten += more.lookups_forgotten;
  domain_controller |= more.domain_controller;
}

}  // namespace rpcaudit::audit
