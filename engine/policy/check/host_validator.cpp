#include "engine/policy/check/host_validator.h"

#include <algorithm>
#include <string>
#include <variant>
#include <vector>

#include "engine/policy/check/ipsec_validator.h"

namespace rpcaudit::policy {
namespace {

void check_ntlm(const HostSettings& host, Reporter& reporter) {
  const auto& enable = host.enable_auth_ep_resolution;
  if (!enable || !enable->value) return;
  const auto level = [](const std::optional<Placed<std::uint32_t>>& setting) {
    return setting ? setting->value : 0;
  };
  constexpr const char* kAdvice =
      "Microsoft's advice is to restrict NTLM, and not to rely on EnableAuthEpResolution";
  if (level(host.restrict_receiving_ntlm) == 2 || level(host.restrict_sending_ntlm) == 2) {
    reporter.conflict("ntlm-conflict", enable->span,
                      "`EnableAuthEpResolution` authenticates by NTLM, which is denied to all here",
                      kAdvice);
  } else if (level(host.restrict_receiving_ntlm) == 1) {
    reporter.warning("ntlm-conflict", enable->span,
                     "`EnableAuthEpResolution` authenticates by NTLM, which is denied to domain "
                     "accounts here",
                     kAdvice);
  }
}

void check_clients(const HostSettings& host, Reporter& reporter) {
  for (const ClientSettings& client : host.clients) {
    const auto& enable = client.enable_auth_ep_resolution;
    if (!enable || !enable->value) continue;
    const bool client_sends_none =
        client.restrict_sending_ntlm && client.restrict_sending_ntlm->value == 2;
    const bool server_takes_none =
        host.restrict_receiving_ntlm && host.restrict_receiving_ntlm->value == 2;
    if (client_sends_none || server_takes_none) {
      reporter.conflict(
          "ntlm-conflict", enable->span,
          "the client authenticates its look-ups by NTLM, which " +
              std::string(client_sends_none ? "it may not send" : "the server denies"),
          "Microsoft's advice is to restrict NTLM, and not to rely on "
          "EnableAuthEpResolution");
    }
  }
}

void check_remote_clients(const HostSettings& host, Reporter& reporter) {
  const auto& setting = host.restrict_remote_clients;
  if (const auto& enable = host.enable_auth_ep_resolution; enable && !setting) {
    reporter.note("effective-at-reboot", enable->span,
                  "EnableAuthEpResolution takes effect when the client starts again");
  }
  if (!setting) {
    const bool depends = host.enable_auth_ep_resolution || !host.registrations.empty();
    if (depends && host.edition == Edition::unknown) {
      reporter.warning("edition-unknown", SourceSpan{},
                       "RestrictRemoteClients is not set, and what that means depends on the "
                       "edition: it is not judged",
                       "say `sku = \"server\"` or `\"client\"` in a deployment, or set the value");
    }
    return;
  }
  reporter.note("effective-at-reboot", setting->span,
                "RestrictRemoteClients takes effect when the server starts again");
  if (setting->value == RestrictRemoteClients::none) return;
  reporter.note("not-for-controllers", setting->span,
                "Microsoft: RestrictRemoteClients should never be applied to a domain controller");
  const auto& enable = host.enable_auth_ep_resolution;
  if (!enable || !enable->value) {
    reporter.warning(
        "lookups-refused", setting->span,
        "the endpoint mapper refuses anonymous look-ups, and no client is set to "
        "authenticate them: clients that have to look up a port no longer find the server",
        "set `EnableAuthEpResolution` on the clients before");
  }
  if (setting->value == RestrictRemoteClients::without_exceptions) {
    reporter.warning("no-exceptions", setting->span,
                     "`authenticated without exceptions` also stops interfaces that exempt "
                     "themselves",
                     "Microsoft's advice is not to use it without much testing");
  }
}

void check_ports(const HostSettings& host, Reporter& reporter) {
  const PortSettings& ports = host.ports;
  if (!ports.is_configured()) return;
  const SourceSpan span = !ports.ranges.empty()      ? ports.ranges.front().span
                          : ports.ports_are_internet ? ports.ports_are_internet->span
                                                     : ports.use_internet->span;
  if (ports.ranges.empty() || !ports.ports_are_internet || !ports.use_internet) {
    reporter.error("incomplete-ports", span,
                   "`Ports`, `PortsInternetAvailable` and `UseInternetPorts` are needed together: "
                   "with one missing RPC services cannot register endpoints",
                   "`rpccfg -pe 5001-5021 -d 0` sets all three");
    return;
  }
  const std::vector<PortRange> ranges = effective_port_ranges(ports);
  reporter.note("effective-at-reboot", span,
                "the ports are given to services that start after the server has started again");
  const auto count = port_count(ranges);
  reporter.note("port-count", span,
                "RPC services are given " + ports_text(ranges) + ": " + std::to_string(count) +
                    (count == 1 ? " port" : " ports"));
  const PortRange system = ports.system_range ? ports.system_range->value : kDefaultDynamicRange;
  for (const Placed<PortRange>& range : ports.ranges) {
    if (range.value.high < system.low || range.value.low > system.high) continue;
    reporter.warning("ports-overlap", range.span,
                     "the range lies within the dynamic ports " + ports_text({system}) +
                         ", which outgoing connections are given, too",
                     "take a range of its own");
  }
}

// Endpoints that filters of layer ep_add give a port which the settings do not give to RPC.
void check_endpoints(const Policy& policy, Reporter& reporter) {
  const PortSettings& ports = policy.host.ports;
  if (!ports.is_configured() && !ports.system_range) return;
  const std::vector<PortRange> ranges = effective_port_ranges(ports);
  for (const Filter& filter : policy.filters) {
    for (const Condition& condition : filter.conditions) {
      const auto* number = std::get_if<NumberRange>(&condition.data);
      const bool is_port = condition.field == Field::ep_value && number != nullptr &&
                           condition.match == MatchType::equal && !condition.unreadable;
      if (!is_port) continue;
      const auto port = static_cast<std::uint16_t>(number->low);
      const auto has_port = [port](const PortRange& range) { return range.contains(port); };
      const auto is_known = [port](const StaticPort& known) { return known.port == port; };
      if (std::any_of(ranges.begin(), ranges.end(), has_port) ||
          std::any_of(ports.static_ports.begin(), ports.static_ports.end(), is_known)) {
        continue;
      }
      reporter.warning("endpoint-outside-ports", condition.span,
                       "port " + std::to_string(port) +
                           " is none of those that RPC services are given: " + ports_text(ranges),
                       "take one of them, or open this one wherever only they are let in");
    }
  }
}

}  // namespace

void validate_host_settings(const Policy& policy, Reporter& reporter) {
  const HostSettings& host = policy.host;
  check_remote_clients(host, reporter);
  check_ntlm(host, reporter);
  check_clients(host, reporter);
  check_ports(host, reporter);
  check_endpoints(policy, reporter);
  validate_ipsec(policy, reporter);
}

}  // namespace rpcaudit::policy
