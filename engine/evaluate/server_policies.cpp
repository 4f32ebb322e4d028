#include "engine/evaluate/server_policies.h"

#include <algorithm>

namespace rpcaudit::evaluate {
namespace {

IpAddress masked(const IpAddress& address, std::uint8_t prefix) noexcept {
  IpAddress subnet;
  const std::size_t whole = prefix / 8;
  std::copy_n(address.bytes.begin(), whole, subnet.bytes.begin());
  const unsigned rest = prefix % 8;
  if (rest != 0) {
    subnet.bytes[whole] = static_cast<std::uint8_t>(address.bytes[whole] & (0xff00u >> rest));
  }
  return subnet;
}

}  // namespace

std::uint32_t ServerPolicies::add(policy::Policy policy, const EvaluationOptions& options,
                                  policy::HostFacts facts, std::string name) {
  hosts_.push_back(
      std::make_shared<const Host>(std::move(policy), options, std::move(facts), std::move(name)));
  return size() - 1;
}

ServerPolicies ServerPolicies::following(const ServerPolicies& earlier, ServerPolicies next) {
  const std::uint32_t offset = earlier.size();
  next.hosts_.insert(next.hosts_.begin(), earlier.hosts_.begin(), earlier.hosts_.end());
  for (Length& length : next.lengths_) {
    for (auto& [address, policy] : length.subnets) policy += offset;
  }
  if (next.others_ != kNoPolicy) next.others_ += offset;
  return next;
}

void ServerPolicies::bind(const policy::Subnet& servers, std::uint32_t policy) {
  auto length = std::find_if(lengths_.begin(), lengths_.end(), [&servers](const Length& one) {
    return one.prefix <= servers.prefix;
  });
  if (length == lengths_.end() || length->prefix != servers.prefix) {
    length = lengths_.insert(length, Length{servers.prefix, {}});
  }
  const std::pair<IpAddress, std::uint32_t> subnet{servers.address, policy};
  auto& subnets = length->subnets;
  subnets.insert(std::upper_bound(subnets.begin(), subnets.end(), subnet), subnet);
}

std::vector<IpAddress> ServerPolicies::single_servers() const {
  constexpr std::uint8_t kWhole = 128;
  std::vector<IpAddress> servers;
  for (const Length& length : lengths_) {
    if (length.prefix != kWhole) continue;
    for (const auto& [address, policy] : length.subnets) servers.push_back(address);
  }
  return servers;
}

std::uint32_t ServerPolicies::find(const IpAddress& server) const noexcept {
  for (const Length& length : lengths_) {
    const IpAddress subnet = masked(server, length.prefix);
    const auto found = std::lower_bound(
        length.subnets.begin(), length.subnets.end(), subnet,
        [](const auto& entry, const IpAddress& wanted) { return entry.first < wanted; });
    if (found != length.subnets.end() && found->first == subnet) return found->second;
  }
  return others_;
}

}  // namespace rpcaudit::evaluate
