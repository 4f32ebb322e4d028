#include "engine/audit/report/control_json.h"

#include <algorithm>
#include <array>
#include <vector>

#include "engine/policy/check/host_validator.h"

namespace rpcaudit::audit {
namespace {

constexpr std::array<std::string_view, kOpenPathCount> kOpenPathNames = {"ipv6", "udp", "http",
                                                                         "pipe", "other_port"};
// Entries of a table in the order of their keys.
template <typename Map>
auto sorted_entries(const Map& map) {
  std::vector<const typename Map::Entry*> entries;
  for (const auto& entry : map.entries()) entries.push_back(&entry);
  std::sort(entries.begin(), entries.end(),
            [](const auto* a, const auto* b) { return a->key < b->key; });
  return entries;
}

void write_actions(ReportWriter& out, const AuditTally& tally) {
  out.array("controls");
  for (const evaluate::Control control : evaluate::kOtherControls) {
    const auto& counts = tally.controls[static_cast<std::size_t>(control)];
    out.object();
    out.text("control", to_string(control));
    for (std::size_t i = 0; i < evaluate::kControlActionCount; ++i) {
      out.number(to_string(static_cast<evaluate::ControlAction>(i)), counts[i]);
    }
    out.end_object();
  }
  out.end_array();
}

// Of each kind of call: what would stop it at each value of RestrictRemoteClients, and how it finds
// its server from 1 on.
void write_operations(ReportWriter& out, const ControlTally& tally) {
  out.array("restrict_remote_clients");
  for (const auto* entry : sorted_entries(tally.operations)) {
    const auto& [key, count] = *entry;
    out.object();
    out.text("src_ip", to_string(key.client));
    out.text("dest_ip", to_string(key.server));
    write_operation(out, key.interface.is_nil() ? std::nullopt : std::optional(key.interface),
                    key.opnum);
    out.array("blocked_at");
    for (const std::uint64_t calls : count.blocked) out.element(calls);
    out.end_array();
    out.array("undecidable_at");
    for (const std::uint64_t calls : count.undecidable) out.element(calls);
    out.end_array();
    out.object("lookups");
    for (std::size_t i = 0; i < evaluate::kLookupCount; ++i) {
      if (count.lookups[i] == 0) continue;
      out.number(to_string(static_cast<evaluate::Lookup>(i)), count.lookups[i]);
    }
    out.end_object();
    out.end_object();
  }
  out.end_array();
  out.number("restrict_remote_clients_overflow", tally.operations.overflow());
}

// Whether the settings of the server's policy give the port to RPC; false without any.
bool is_in_range(const evaluate::ServerPolicies& policies, const PortKey& key, bool& configured) {
  const std::uint32_t index = policies.find(key.server);
  if (index == evaluate::kNoPolicy) return false;
  const policy::PortSettings& settings = policies.policy(index).host.ports;
  configured = settings.is_configured();
  const auto ranges = policy::effective_port_ranges(settings);
  return std::any_of(ranges.begin(), ranges.end(),
                     [&](const policy::PortRange& range) { return range.contains(key.port); });
}

void write_ports(ReportWriter& out, const ControlTally& tally,
                 const evaluate::ServerPolicies& policies) {
  out.array("ports");
  for (const auto* entry : sorted_entries(tally.ports)) {
    const auto& [key, use] = *entry;
    out.object();
    out.text("dest_ip", to_string(key.server));
    out.number("dest_port", key.port);
    bool configured = false;
    const bool inside = is_in_range(policies, key, configured);
    if (configured) out.truth("in_range", inside);
    out.number("contexts", use.contexts);
    out.number("announced", use.announced);
    out.time("first", use.first);
    out.time("last", use.last);
    out.array("interfaces");
    for (std::size_t i = 0; i < use.interface_count; ++i) {
      out.object();
      write_interface(out, use.interfaces[i]);
      out.end_object();
    }
    out.end_array();
    if (use.more_interfaces) out.truth("more_interfaces", true);
    out.end_object();
  }
  out.end_array();
  out.array("port_use");
  for (const ServerPorts& server : tally.port_use()) {
    out.object();
    out.text("dest_ip", to_string(server.server));
    out.number("ports", server.ports);
    out.number("at_once", server.at_once);
    out.number("own_connections", tally.most_own_connections(server.server));
    out.end_object();
  }
  out.end_array();
}

void write_answers(ReportWriter& out,
                   const std::array<std::uint64_t, dissect::kOpeningAnswerCount>& counts) {
  for (std::size_t i = 0; i < counts.size(); ++i) {
    out.number(to_string(static_cast<dissect::OpeningAnswer>(i)), counts[i]);
  }
}

void write_connections(ReportWriter& out, const ControlTally& tally) {
  out.array("connections");
  for (const auto* entry : sorted_entries(tally.connections)) {
    const auto& [key, count] = *entry;
    out.object();
    out.text("dest_ip", to_string(key.server));
    out.number("dest_port", key.port);
    out.object("opened");
    write_answers(out, count.opened);
    out.end_object();
    out.object("stopped");
    write_answers(out, count.stopped);
    out.end_object();
    out.number("outgoing", count.outgoing);
    out.number("outgoing_stopped", count.outgoing_stopped);
    out.end_object();
  }
  out.end_array();
  out.object("open_paths");
  for (std::size_t i = 0; i < kOpenPathCount; ++i) {
    out.number(kOpenPathNames[i], tally.open_paths[i]);
  }
  out.end_object();
}

}  // namespace

void write_controls(ReportWriter& out, const AuditTally& tally,
                    const evaluate::ServerPolicies& policies) {
  write_actions(out, tally);
  write_operations(out, tally.other_controls);
  write_ports(out, tally.other_controls, policies);
  write_connections(out, tally.other_controls);
}

}  // namespace rpcaudit::audit
