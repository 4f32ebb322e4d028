#include "engine/policy/check/ipsec_validator.h"

#include <algorithm>
#include <bit>
#include <map>
#include <set>
#include <string>

#include "dissect/endpoint.h"
#include "engine/policy/check/host_validator.h"
#include "engine/policy/text/spelling.h"

namespace rpcaudit::policy {
namespace {

constexpr std::uint16_t kEndpointMapperPort = 135;
constexpr std::uint8_t kTcp = 6;

// A filter for packets that come in to a port of this host over TCP.
struct Inbound {
  const IpsecFilter* filter;
  const IpsecRule* rule;
};

// The sources of filters by the port that they are for; 0 is any.
using SourcesByPort = std::map<std::uint16_t, std::vector<IpsecAddress>>;

bool covers_me(const IpsecAddress& address) noexcept { return address.is_me || address.mask == 0; }

bool is_inbound_tcp(const IpsecFilter& filter) noexcept {
  return covers_me(filter.destination) && (filter.protocol == 0 || filter.protocol == kTcp);
}

bool is_pass(IpsecAction action) noexcept {
  return action == IpsecAction::pass || action == IpsecAction::in_pass;
}

// Whether `wide` takes every source that `narrow` takes.
bool covers(const IpsecAddress& wide, const IpsecAddress& narrow) noexcept {
  if (wide.is_me || narrow.is_me) return wide.is_me == narrow.is_me;
  return (wide.mask & narrow.mask) == wide.mask && (narrow.value & wide.mask) == wide.value;
}

std::string source_name(const IpsecAddress& source) {
  if (source.is_me) return "this host";
  if (source.mask == 0) return "any address";
  std::string text = to_string(IpAddress::v4(source.value));
  if (source.mask != 0xffff'ffff) text += '/' + to_string(IpAddress::v4(source.mask));
  return text;
}

class IpsecValidator {
 public:
  IpsecValidator(const Policy& policy, Reporter& reporter)
      : policy_(policy), reporter_(reporter), ports_(effective_port_ranges(policy.host.ports)) {
    for (const IpsecPolicy& one : policy.host.ipsec.policies) {
      for (const IpsecRule& rule : one.rules) {
        for (const IpsecFilter& filter : rule.filters) {
          if (!is_inbound_tcp(filter)) continue;
          inbound_.push_back({&filter, &rule});
          auto& by_port = rule.action == IpsecAction::block ? blocks_ : passes_;
          const bool counts = rule.action == IpsecAction::block || is_pass(rule.action);
          if (counts) by_port[filter.destination.port].push_back(filter.source);
        }
      }
    }
  }

  void check() {
    for (const IpsecPolicy& one : policy_.host.ipsec.policies) check_policy(one);
    for (const Inbound& one : inbound_) check_pass(one);
    check_range();
    check_subnets();
  }

 private:
  void check_policy(const IpsecPolicy& one) {
    if (policy_.host.ipsec.domain_policy && !one.dynamic) {
      reporter_.warning("ipsec-domain-policy", one.span,
                        "a domain's IPsec policy takes the place of " + quoted(one.name));
    } else if (!one.dynamic && !one.ever_assigned) {
      reporter_.warning("ipsec-never-assigned", one.span,
                        quoted(one.name) + " is never assigned, so that none of its rules acts",
                        "end with `-w REG -p \"" + printable(one.name) + "\" -x`");
    } else if (!one.dynamic && !one.assigned) {
      reporter_.warning("ipsec-unassigned", one.span,
                        quoted(one.name) + " is not assigned any more when the script ends");
    }
    for (const IpsecRule& rule : one.rules) check_rule_name(rule);
  }

  // Numbers in the rule's name that look like ports, and are none of its filters'.
  void check_rule_name(const IpsecRule& rule) {
    const std::string& name = rule.name;
    for (std::size_t i = 0; i < name.size();) {
      const std::size_t begin = name.find_first_of("0123456789", i);
      if (begin == std::string::npos) return;
      std::size_t end = name.find_first_not_of("0123456789", begin);
      if (end == std::string::npos) end = name.size();
      i = end + 1;
      // Octets of an address and versions stand beside a dot.
      const bool dotted =
          (begin > 0 && name[begin - 1] == '.') || (end < name.size() && name[end] == '.');
      if (dotted || end - begin < 3 || end - begin > 5) continue;
      const unsigned long number = std::stoul(name.substr(begin, end - begin));
      if (number == 0 || number > 0xffff || has_port(rule, number)) continue;
      reporter_.warning("ipsec-rule-name", rule.span,
                        "the rule is named " + quoted(name) + ", but no filter of it is for port " +
                            std::to_string(number),
                        "the port is to be changed in the name and in the filter");
    }
  }

  static bool has_port(const IpsecRule& rule, unsigned long port) {
    return std::any_of(rule.filters.begin(), rule.filters.end(), [&](const IpsecFilter& filter) {
      const bool any = filter.source.port == 0 && filter.destination.port == 0;
      return any || filter.source.port == port || filter.destination.port == port;
    });
  }

  // Whether a filter for the port, or for any, has a source that takes in this one.
  static bool names(const SourcesByPort& filters, const IpsecAddress& source, std::uint16_t port) {
    for (const std::uint16_t own : {port, std::uint16_t{0}}) {
      const auto found = filters.find(own);
      if (found == filters.end()) continue;
      const auto takes_in = [&](const IpsecAddress& wide) { return covers(wide, source); };
      if (std::any_of(found->second.begin(), found->second.end(), takes_in)) return true;
    }
    return false;
  }
  [[nodiscard]] bool is_blocked(const IpsecAddress& source, std::uint16_t port) const {
    return names(blocks_, source, port);
  }
  [[nodiscard]] bool passes(const IpsecAddress& source, std::uint16_t port) const {
    return names(passes_, source, port);
  }

  void check_pass(const Inbound& one) {
    const std::uint16_t port = one.filter->destination.port;
    if (!is_pass(one.rule->action) || port == 0 || is_blocked(one.filter->source, port)) return;
    reporter_.warning("ipsec-pass-without-block", one.filter->span,
                      "nothing blocks port " + std::to_string(port) + ": the rule lets " +
                          source_name(one.filter->source) + " do what everybody may",
                      "add `-f *=0:" + std::to_string(port) + ":TCP -n BLOCK`");
  }

  // Ports of the range that the policy leaves open, when it blocks others of them.
  void check_range() {
    if (policy_.host.ports.ranges.empty()) return;
    const IpsecAddress anybody;
    std::vector<PortRange> open;
    bool any_blocked = false;
    for (const PortRange& range : ports_) {
      for (std::uint32_t port = range.low; port <= range.high; ++port) {
        const auto number = static_cast<std::uint16_t>(port);
        if (is_blocked(anybody, number)) {
          any_blocked = true;
        } else if (!open.empty() && open.back().high + 1u == port) {
          open.back().high = number;
        } else {
          open.push_back({number, number});
        }
      }
    }
    const bool mapper_blocked = is_blocked(anybody, kEndpointMapperPort);
    if (open.empty() || !(any_blocked || mapper_blocked)) return;
    reporter_.warning(
        "ipsec-range-not-blocked", policy_.host.ports.ranges.front().span,
        "of the ports that RPC services are given, no rule blocks " + ports_text(open),
        "each port needs its own `-f *=0:PORT:TCP -n BLOCK`");
  }

  // Microsoft: a subnet with access to the endpoint mapper needs access to every port of the range,
  // or applications may stop responding.
  void check_subnets() {
    std::set<IpsecAddress> told;
    for (const Inbound& one : inbound_) {
      if (!is_pass(one.rule->action) || one.filter->destination.port != kEndpointMapperPort) {
        continue;
      }
      if (told.size() > kSubnetsMax || !told.insert(one.filter->source).second) continue;
      const std::vector<PortRange> shut = ports_shut_to(one.filter->source);
      if (shut.empty()) continue;
      reporter_.warning("ipsec-subnet-incomplete", one.filter->span,
                        source_name(one.filter->source) +
                            " may reach the endpoint mapper, but not the ports " +
                            ports_text(shut) + " that it may be sent to",
                        "applications may stop responding: pass every port of the range");
    }
  }

  [[nodiscard]] std::vector<PortRange> ports_shut_to(const IpsecAddress& source) const {
    std::vector<PortRange> shut;
    for (const auto& [port, sources] : blocks_) {
      if (port == 0 || port == kEndpointMapperPort) continue;
      const bool dynamic = policy_.host.ports.ranges.empty() ||
                           std::any_of(ports_.begin(), ports_.end(),
                                       [p = port](const PortRange& r) { return r.contains(p); });
      if (!dynamic || !is_blocked(source, port) || passes(source, port)) continue;
      if (!shut.empty() && shut.back().high + 1u == port) {
        shut.back().high = port;
      } else {
        shut.push_back({port, port});
      }
    }
    return shut;
  }

  static constexpr std::size_t kSubnetsMax = 200;

  const Policy& policy_;
  Reporter& reporter_;
  std::vector<PortRange> ports_;
  std::vector<Inbound> inbound_;
  SourcesByPort blocks_;
  SourcesByPort passes_;
};

}  // namespace

void validate_ipsec(const Policy& policy, Reporter& reporter) {
  if (policy.host.ipsec.policies.empty()) return;
  IpsecValidator(policy, reporter).check();
}

}  // namespace rpcaudit::policy
