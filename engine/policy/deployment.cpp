#include "engine/policy/deployment.h"

#include <algorithm>

namespace rpcaudit::policy {
namespace {

template <typename T>
void append(std::vector<T>& list, const std::vector<T>& more) {
  list.insert(list.end(), more.begin(), more.end());
}

template <typename T>
void fill_in(std::optional<T>& value, const std::optional<T>& otherwise) {
  if (!value) value = otherwise;
}

PortSettings merged_ports(const PortSettings& common, const PortSettings& own) {
  PortSettings ports = own;
  if (ports.ranges.empty()) ports.ranges = common.ranges;
  fill_in(ports.ports_are_internet, common.ports_are_internet);
  fill_in(ports.use_internet, common.use_internet);
  fill_in(ports.system_range, common.system_range);
  append(ports.static_ports, common.static_ports);
  return ports;
}

HostSettings merged_host(const HostSettings& common, const HostSettings& own) {
  HostSettings host = own;
  fill_in(host.restrict_remote_clients, common.restrict_remote_clients);
  fill_in(host.enable_auth_ep_resolution, common.enable_auth_ep_resolution);
  fill_in(host.restrict_receiving_ntlm, common.restrict_receiving_ntlm);
  fill_in(host.restrict_sending_ntlm, common.restrict_sending_ntlm);
  fill_in(host.is_windows, common.is_windows);
  if (host.edition == Edition::unknown) host.edition = common.edition;
  // Of registrations the last word on an interface counts.
  host.registrations = common.registrations;
  append(host.registrations, own.registrations);
  host.use_observed_registrations |= common.use_observed_registrations;
  host.ports = merged_ports(common.ports, own.ports);
  fill_in(host.effective_from, common.effective_from);
  host.ipsec.domain_policy |= common.ipsec.domain_policy;
  append(host.clients, common.clients);
  return host;
}

HostFacts merged_facts(const HostFacts& common, const HostFacts& own) {
  HostFacts facts = own;
  append(facts.images, common.images);
  append(facts.users, common.users);
  append(facts.classes, common.classes);
  append(facts.client_users, common.client_users);
  if (facts.domain_sid.empty()) facts.domain_sid = common.domain_sid;
  const auto before = [](const CallerToken& a, const CallerToken& b) { return a.name < b.name; };
  const auto same = [](const CallerToken& a, const CallerToken& b) { return a.name == b.name; };
  std::stable_sort(facts.users.begin(), facts.users.end(), before);
  facts.users.erase(std::unique(facts.users.begin(), facts.users.end(), same), facts.users.end());
  for (CallerToken& user : facts.users) {
    if (!facts.domain_sid.empty()) add_domain_names(user, facts.domain_sid);
  }
  return facts;
}

}  // namespace

bool Subnet::contains(const IpAddress& other) const noexcept {
  const std::size_t whole = prefix / 8;
  if (!std::equal(address.bytes.begin(), address.bytes.begin() + whole, other.bytes.begin())) {
    return false;
  }
  const unsigned rest = prefix % 8;
  return rest == 0 || (address.bytes[whole] ^ other.bytes[whole]) >> (8 - rest) == 0;
}

std::size_t find_deployment(const DeploymentFile& file, const IpAddress& server) noexcept {
  std::size_t best = kNoDeployment;
  std::uint8_t best_prefix = 0;
  for (std::size_t i = 0; i < file.deployments.size(); ++i) {
    for (const Subnet& subnet : file.deployments[i].servers) {
      const bool better = best == kNoDeployment || subnet.prefix > best_prefix;
      if (!better || !subnet.contains(server)) continue;
      best = i;
      best_prefix = subnet.prefix;
    }
  }
  return best;
}

Deployment merged(const Deployment& common, const Deployment& own) {
  Deployment deployment = own;
  deployment.policies = common.policies;
  append(deployment.policies, own.policies);
  fill_in(deployment.target, common.target);
  deployment.host = merged_host(common.host, own.host);
  deployment.facts = merged_facts(common.facts, own.facts);
  return deployment;
}

}  // namespace rpcaudit::policy
