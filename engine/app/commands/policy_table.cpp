#include "engine/app/commands/policy_table.h"

#include <algorithm>
#include <vector>

#include "engine/audit/text/text_encoding.h"
#include "engine/policy/check/host_validator.h"
#include "engine/policy/filter_weight.h"
#include "engine/policy/netsh/printer.h"

namespace rpcaudit::app {
namespace {

constexpr std::size_t kFiltersShown = 30;

std::string padded(std::string text, std::size_t width) {
  if (text.size() < width) text.append(width - text.size(), ' ');
  return text;
}

std::string place_of(const policy::Policy& policy, const policy::SourceSpan& span) {
  if (span.line == 0 && span.file >= policy.files.size()) return {};
  return "  " + audit::terminal_text(source_text(policy, span));
}

// The filters of one layer, the one that is tried first at the top.
std::string layer_part(const policy::Policy& policy, policy::Layer layer) {
  std::vector<std::uint32_t> order = policy::evaluation_order(policy, layer);
  if (order.empty()) return {};
  std::string text = "Filters of layer " + std::string(to_string(layer)) +
                     (order.size() > 1 ? ", in the order that decides\n" : "\n");
  for (std::size_t i = 0; i < std::min(order.size(), kFiltersShown); ++i) {
    const policy::Filter& filter = policy.filters[order[i]];
    text += "  " + audit::terminal_text(describe(filter));
    if (filter.audit) text += "  audited";
    if (!filter.persistent) text += "  until the system restarts";
    if (filter.by_separate_processes) text += "  separate processes: on no Windows";
    if (filter.enforcer == policy::Enforcer::rpc_firewall) text += "  by RPC Firewall";
    text += place_of(policy, filter.span) + '\n';
  }
  if (order.size() > kFiltersShown) {
    text += "  and " + std::to_string(order.size() - kFiltersShown) + " more\n";
  }
  return text;
}

template <typename Setting>
std::string setting_line(const policy::Policy& policy, std::string_view name,
                         const Setting& setting, std::string_view otherwise) {
  std::string text = "  " + padded(std::string(name), 30);
  if (!setting) return text + "not set: " + std::string(otherwise) + '\n';
  return text + std::to_string(static_cast<unsigned>(setting->value)) +
         place_of(policy, setting->span) + '\n';
}

// All of them where one is set: what is not set has a meaning, too.
std::string settings_part(const policy::Policy& policy) {
  const policy::HostSettings& host = policy.host;
  const bool any = host.restrict_remote_clients || host.enable_auth_ep_resolution ||
                   host.restrict_receiving_ntlm || host.restrict_sending_ntlm ||
                   host.everyone_includes_anonymous;
  if (!any) return {};
  return "Settings\n" +
         setting_line(policy, "RestrictRemoteClients", host.restrict_remote_clients,
                      "0 on servers, 1 on clients") +
         setting_line(policy, "EnableAuthEpResolution", host.enable_auth_ep_resolution, "0") +
         setting_line(policy, "RestrictReceivingNTLMTraffic", host.restrict_receiving_ntlm, "0") +
         setting_line(policy, "RestrictSendingNTLMTraffic", host.restrict_sending_ntlm, "0") +
         setting_line(policy, "EveryoneIncludesAnonymous", host.everyone_includes_anonymous, "0");
}

std::string ports_part(const policy::Policy& policy) {
  const policy::PortSettings& ports = policy.host.ports;
  if (!ports.is_configured() && !ports.system_range && ports.static_ports.empty()) return {};
  std::string text =
      "Ports\n  RPC services are given " + ports_text(policy::effective_port_ranges(ports)) + '\n';
  for (const policy::StaticPort& port : ports.static_ports) {
    text += "  " + audit::terminal_text(port.service) + " listens on " + std::to_string(port.port) +
            place_of(policy, port.span) + '\n';
  }
  return text;
}

std::string_view action_text(policy::IpsecAction action) noexcept {
  switch (action) {
    case policy::IpsecAction::block: return "block";
    case policy::IpsecAction::pass: return "pass";
    default: break;
  }
  return "negotiate";
}

std::string ipsec_part(const policy::Policy& policy) {
  const policy::IpsecSettings& ipsec = policy.host.ipsec;
  std::string text;
  for (const policy::IpsecPolicy& one : ipsec.policies) {
    text += "IPsec policy " +
            (one.dynamic ? std::string("of dynamic rules") : audit::terminal_text(one.name)) +
            (ipsec.is_active(one) ? ", in force\n" : ", not in force\n");
    for (std::size_t i = 0; i < std::min(one.rules.size(), kFiltersShown); ++i) {
      const policy::IpsecRule& rule = one.rules[i];
      text += "  " + padded(std::string(action_text(rule.action)), 10);
      for (const policy::IpsecFilter& filter : rule.filters) {
        text += audit::terminal_text(filter.text) + ' ';
      }
      text += place_of(policy, rule.span) + '\n';
    }
    if (one.rules.size() > kFiltersShown) {
      text += "  and " + std::to_string(one.rules.size() - kFiltersShown) + " more\n";
    }
  }
  return text;
}

}  // namespace

std::string policy_table(const policy::Policy& policy) {
  std::string text;
  for (std::size_t i = 0; i < policy::kLayerCount; ++i) {
    text += layer_part(policy, static_cast<policy::Layer>(i));
  }
  return text + settings_part(policy) + ports_part(policy) + ipsec_part(policy);
}

}  // namespace rpcaudit::app
