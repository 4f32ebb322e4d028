#include "engine/audit/report/control_summary.h"

#include <algorithm>
#include <array>
#include <map>
#include <set>
#include <vector>

#include "engine/audit/report/summary_text.h"
#include "engine/audit/sink/text_sink.h"
#include "engine/audit/text/text_encoding.h"
#include "engine/policy/check/host_validator.h"

namespace rpcaudit::audit {
namespace {

using Operations = BoundedMap<OperationKey, OperationCount, 8192>;

std::string things(std::size_t count, std::string_view what) {
  return grouped(count) + ' ' + std::string(what) + (count == 1 ? "" : "s");
}

std::string operation_name_of(const OperationKey& key) {
  std::optional<Uuid> interface;
  if (!key.interface.is_nil()) interface = key.interface;
  return operation_text(interface, key.opnum);
}

std::string interface_name_of(const Uuid& interface) {
  if (interface.is_nil()) return "unknown interface";
  const std::optional<CatalogueEntry> entry = find_interface(interface);
  return entry ? std::string(interface_name(*entry)) : to_string(interface);
}

// A row of a part: how many calls, of whom, for what.
struct ControlRow {
  OperationKey key;
  std::uint64_t count = 0;
  std::string_view remark;
  bool whole_interface = false;
};

std::string rows_text(std::vector<ControlRow> rows, const RowLimits& limits) {
  std::sort(rows.begin(), rows.end(), [](const ControlRow& a, const ControlRow& b) {
    return a.count != b.count ? a.count > b.count : a.key < b.key;
  });
  std::string text;
  for (std::size_t i = 0; i < std::min(rows.size(), limits.others); ++i) {
    std::string line = to_string(rows[i].key.client) + " -> " + to_string(rows[i].key.server) +
                       "  " +
                       (rows[i].whole_interface ? interface_name_of(rows[i].key.interface)
                                                : operation_name_of(rows[i].key));
    if (!rows[i].remark.empty()) line += "  " + std::string(rows[i].remark);
    text += counted(rows[i].count, line);
  }
  if (rows.size() <= limits.others) return text;
  std::uint64_t others = 0;
  for (std::size_t i = limits.others; i < rows.size(); ++i) others += rows[i].count;
  return text + counted(others, "calls of " + things(rows.size() - limits.others, "further kind"));
}

// `these 3 clients lose these 5 operations`.
std::string who_loses_what(const std::vector<ControlRow>& rows) {
  std::set<IpAddress> clients;
  std::set<std::pair<Uuid, std::uint16_t>> operations;
  for (const ControlRow& row : rows) {
    clients.insert(row.key.client);
    operations.insert({row.key.interface, row.key.opnum});
  }
  return (clients.size() == 1 ? "this " : "these ") + things(clients.size(), "client") +
         (clients.size() == 1 ? " loses " : " lose ") +
         (operations.size() == 1 ? "this " : "these ") + things(operations.size(), "operation");
}

std::string what_if_part(const ControlTally& tally, const RowLimits& limits) {
  std::string text = "\nWhat RestrictRemoteClients would do, beside the other controls\n";
  for (std::size_t value = 0; value < policy::kRestrictRemoteClientsCount; ++value) {
    std::vector<ControlRow> rows;
    std::uint64_t undecidable = 0;
    for (const auto& [key, count] : tally.operations.entries()) {
      undecidable += count.undecidable[value];
      if (count.blocked[value] != 0) rows.push_back({key, count.blocked[value], {}, false});
    }
    text += "  at RestrictRemoteClients=" + std::to_string(value) + " ";
    text += rows.empty() ? "no call is affected" : who_loses_what(rows);
    if (undecidable != 0) text += "; " + things(undecidable, "call") + " undecidable";
    text += '\n' + rows_text(std::move(rows), limits);
  }
  return text;
}

std::string lookups_part(const ControlTally& tally, const RowLimits& limits) {
  constexpr std::pair<evaluate::Lookup, std::string_view> kRemarks[] = {
      {evaluate::Lookup::needs_auth, "unless the client sets EnableAuthEpResolution"},
      {evaluate::Lookup::refused, "the client does not set EnableAuthEpResolution"},
      {evaluate::Lookup::unreachable, "anonymous calls, whatever the client sets"},
  };
  std::map<std::pair<OperationKey, std::string_view>, std::uint64_t> sums;
  std::uint64_t authenticated = 0;
  for (const auto& [key, count] : tally.operations.entries()) {
    OperationKey interface = key;
    interface.opnum = 0;  // one row for all of its operations
    authenticated += count.lookups[static_cast<std::size_t>(evaluate::Lookup::authenticated)];
    for (const auto& [lookup, remark] : kRemarks) {
      const std::uint64_t calls = count.lookups[static_cast<std::size_t>(lookup)];
      if (calls != 0) sums[{interface, remark}] += calls;
    }
  }
  std::vector<ControlRow> lost;
  for (const auto& [what, count] : sums) lost.push_back({what.first, count, what.second, true});
  std::string text;
  if (!lost.empty()) {
    text =
        "\nClients that could no longer locate their server (from RestrictRemoteClients=1 on)\n" +
        rows_text(std::move(lost), limits);
  }
  if (authenticated != 0) {
    text += counted_calls(authenticated, "of clients that authenticate their look-ups");
  }
  if (tally.domain_controller) {
    text +=
        "  Microsoft: RestrictRemoteClients should never be applied to a domain controller; "
        "netlogon and\n  replication are served here.\n";
  }
  return text;
}

bool is_static(const policy::PortSettings& ports, std::uint16_t port) {
  return std::any_of(ports.static_ports.begin(), ports.static_ports.end(),
                     [port](const policy::StaticPort& own) { return own.port == port; });
}

std::string interfaces_text(const PortUse& use) {
  std::string text;
  for (std::size_t i = 0; i < use.interface_count; ++i) {
    if (!text.empty()) text += ", ";
    text += interface_name_of(use.interfaces[i]);
  }
  return use.more_interfaces ? text + ", ..." : text;
}

// What the server opens itself takes its ports from the dynamic range, less what RPC has of it.
std::string own_connections_text(const ControlTally& tally, const IpAddress& server,
                                 const policy::PortSettings& settings,
                                 const std::vector<policy::PortRange>& ranges) {
  const std::uint64_t most = tally.most_own_connections(server);
  if (most == 0) return {};
  const policy::PortRange dynamic =
      settings.system_range ? settings.system_range->value : policy::kDefaultDynamicRange;
  std::uint64_t left = dynamic.count();
  for (const policy::PortRange& range : ranges) {
    const policy::PortRange common{std::max(range.low, dynamic.low),
                                   std::min(range.high, dynamic.high)};
    if (common.low <= common.high) left -= common.count();
  }
  return "    and opened up to " + things(most, "connection") + " itself at a time: RPC leaves " +
         things(left, "port") + " of the dynamic range " + policy::ports_text({dynamic}) +
         (most > left ? ", too few\n" : "\n");
}

// The ports of the servers of one policy.
std::string ports_part(const ControlTally& tally, const evaluate::ServerPolicies& policies,
                       std::uint32_t index, const RowLimits& limits) {
  const policy::PortSettings& settings = policies.policy(index).host.ports;
  const std::vector<policy::PortRange> ranges = policy::effective_port_ranges(settings);
  const std::uint32_t room = policy::port_count(ranges);
  std::string text = "\nPorts (RPC services are given " + policy::ports_text(ranges) + ": " +
                     things(room, "port") + ")\n";
  const std::string& name = policies.name(index);
  if (!name.empty()) text.insert(1, terminal_text(name) + ": ");
  std::vector<ServerPorts> servers = tally.port_use();
  std::erase_if(servers,
                [&](const ServerPorts& server) { return policies.find(server.server) != index; });
  for (std::size_t i = 0; i < std::min(servers.size(), limits.servers); ++i) {
    const ServerPorts& server = servers[i];
    text += "  " + to_string(server.server) + " used " + things(server.ports, "port") + ", " +
            grouped(server.at_once) + " at once: ";
    text += server.ports > room    ? "the range is too small\n"
            : server.ports == room ? "none left\n"
                                   : grouped(room - server.ports) + " left\n";
    text += own_connections_text(tally, server.server, settings, ranges);
  }
  if (servers.size() > limits.servers) {
    text += "  and " + things(servers.size() - limits.servers, "further server") + "\n";
  }
  std::vector<const BoundedMap<PortKey, PortUse, 16'384>::Entry*> outside;
  for (const auto& entry : tally.ports.entries()) {
    const std::uint16_t port = entry.key.port;
    if (policies.find(entry.key.server) != index) continue;
    const bool inside =
        std::any_of(ranges.begin(), ranges.end(),
                    [port](const policy::PortRange& r) { return r.contains(port); });
    if (!inside && !is_static(settings, port)) outside.push_back(&entry);
  }
  std::sort(outside.begin(), outside.end(),
            [](const auto* a, const auto* b) { return a->key < b->key; });
  for (std::size_t i = 0; i < std::min(outside.size(), limits.others); ++i) {
    const PortUse& use = outside[i]->value;
    text += counted(use.contexts,
                    "contexts outside the range: " +
                        endpoint_text({outside[i]->key.server, outside[i]->key.port}) + "  " +
                        interfaces_text(use) + (use.announced != 0 ? "  (announced)" : ""));
  }
  if (outside.size() > limits.others) {
    text += "  and " + things(outside.size() - limits.others, "further port") + " outside\n";
  }
  return text;
}

// Ports of the range that are used for something else.
std::string range_use_part(const ControlTally& tally, const evaluate::ServerPolicies& policies,
                           std::uint32_t index, const RowLimits& limits) {
  const evaluate::HostControls& controls = policies.compiled(index).controls();
  struct Outgoing {
    std::uint64_t connections = 0;
    std::size_t ports = 0;
  };
  std::map<IpAddress, Outgoing> outgoing;
  std::map<PortKey, std::uint64_t> others;
  for (const auto& [key, count] : tally.connections.entries()) {
    if (policies.find(key.server) != index || !controls.gives_rpc(key.port)) continue;
    if (count.outgoing != 0) {
      outgoing[key.server].connections += count.outgoing;
      ++outgoing[key.server].ports;
    }
    const std::uint64_t accepted =
        count.opened[static_cast<std::size_t>(dissect::OpeningAnswer::accepted)];
    const bool has_rpc = std::any_of(tally.ports.entries().begin(), tally.ports.entries().end(),
                                     [&](const auto& used) { return used.key == key; });
    if (accepted != 0 && !has_rpc) others[key] = accepted;
  }
  std::string text;
  for (const auto& [host, use] : outgoing) {
    text += counted(use.connections, "connections that " + to_string(host) + " opened from " +
                                         things(use.ports, "port") + " of the range");
  }
  std::size_t shown = 0;
  for (const auto& [key, count] : others) {
    if (++shown > limits.others) break;
    text += counted(count, "connections without RPC in sight to " +
                               endpoint_text({key.server, key.port}) + ", in the range");
  }
  if (others.size() > limits.others) {
    text += "  and " + things(others.size() - limits.others, "further port") + " of the range\n";
  }
  return text;
}

// What became of connections that the IPsec rules would stop.
std::string ipsec_evidence_part(const ControlTally& tally) {
  constexpr std::string_view kAnswers[dissect::kOpeningAnswerCount] = {
      "",  // those are not counted here
      "attempts to connect that its rules would stop were accepted: not in force, or they would "
      "fail",
      "attempts to connect that its rules would stop were refused by the server",
      "attempts to connect that its rules would stop had no answer, as if it were in force",
  };
  std::array<std::uint64_t, dissect::kOpeningAnswerCount> stopped{};
  std::map<IpAddress, std::uint64_t> outgoing;
  for (const auto& [key, count] : tally.connections.entries()) {
    for (std::size_t i = 0; i < stopped.size(); ++i) stopped[i] += count.stopped[i];
    if (count.outgoing_stopped != 0) outgoing[key.server] += count.outgoing_stopped;
  }
  std::string text;
  for (std::size_t i = 0; i < stopped.size(); ++i) {
    if (stopped[i] != 0) text += counted(stopped[i], kAnswers[i]);
  }
  for (const auto& [host, count] : outgoing) {
    text += counted(count, "connections that " + to_string(host) +
                               " opened itself would fail: from ports that the rules block");
  }
  return text.empty() ? text : "\nWhat the network shows of the IPsec policy\n" + text;
}

std::string open_paths_part(const ControlTally& tally) {
  constexpr std::string_view kPaths[] = {
      "over IPv6, which these policies do not have", "over UDP, which no rule is about",
      "over HTTP, which no rule is about", "over named pipes, which no rule is about",
      "to TCP ports that no rule is about"};
  std::string text;
  for (std::size_t i = 0; i < kOpenPathCount; ++i) {
    if (tally.open_paths[i] != 0) text += counted_calls(tally.open_paths[i], kPaths[i]);
  }
  return text.empty() ? text : "\nWhat the IPsec policy leaves alone\n" + text;
}

// What each control says by itself: a call may be stopped by several.
std::string actions_part(const AuditTally& all) {
  constexpr std::pair<evaluate::ControlAction, std::string_view> kActions[] = {
      {evaluate::ControlAction::would_block, "would block"},
      {evaluate::ControlAction::undecidable, "undecidable"},
      {evaluate::ControlAction::would_permit, "would permit"},
      {evaluate::ControlAction::not_applicable, "not affected"},
  };
  std::string text;
  for (const evaluate::Control control : evaluate::kOtherControls) {
    for (const auto& [action, words] : kActions) {
      const std::uint64_t count =
          all.controls[static_cast<std::size_t>(control)][static_cast<std::size_t>(action)];
      if (count == 0) continue;
      std::string line(words);
      line.append(15 - line.size(), ' ').append(to_string(control));
      text += counted(count, line);
    }
  }
  if (all.refused_contexts != 0) {
    text += counted(all.refused_contexts,
                    "proposals that they would stop were refused by the server, as if in force");
  }
  return text.empty() ? text : "\nWhat the other controls say, each by itself\n" + text;
}

}  // namespace

std::string control_summary(const AuditTally& all, const evaluate::ServerPolicies& policies,
                            const RowLimits& limits) {
  const ControlTally& tally = all.other_controls;
  bool asks_what_if = false;
  bool restricts = false;
  bool has_ipsec = false;
  for (std::uint32_t i = 0; i < policies.size(); ++i) {
    const policy::HostSettings& host = policies.policy(i).host;
    const auto setting = policies.compiled(i).controls().restrict_remote_clients();
    asks_what_if |= host.what_if_restrict_remote_clients;
    restricts |= setting && *setting != policy::RestrictRemoteClients::none;
    has_ipsec |= host.ipsec.is_configured();
  }
  std::string text = actions_part(all);
  if (asks_what_if) text += what_if_part(tally, limits);
  if (asks_what_if || restricts) text += lookups_part(tally, limits);
  for (std::uint32_t i = 0; i < policies.size(); ++i) {
    if (policies.policy(i).host.ports.is_configured())
      text += ports_part(tally, policies, i, limits) + range_use_part(tally, policies, i, limits);
  }
  if (has_ipsec) text += ipsec_evidence_part(tally) + open_paths_part(tally);
  return text;
}

}  // namespace rpcaudit::audit
