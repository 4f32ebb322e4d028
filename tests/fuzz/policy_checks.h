#pragma once

#include <cstdint>
#include <cstdlib>
#include <string>
#include <string_view>
#include <vector>

#include "engine/policy/check/host_validator.h"
#include "engine/policy/check/validator.h"
#include "engine/policy/host/registry_value.h"
#include "engine/policy/policy.h"
#include "engine/policy/text/reporter.h"
#include "engine/policy/text/source_text.h"

// What holds of whatever the reader of a policy makes of any bytes.
namespace rpcaudit::fuzz {

inline void require(bool holds) {
  if (!holds) std::abort();
}

inline void check_diagnostics(const std::vector<policy::Diagnostic>& diagnostics,
                              const policy::Policy& policy, const policy::SourceText& source) {
  for (const policy::Diagnostic& diagnostic : diagnostics) {
    require(!diagnostic.code.empty() && !diagnostic.message.empty());
    require(diagnostic.span.line <= source.line_count());
    require(!policy::format(diagnostic, policy.files, source).empty());
  }
}

inline void check_filters(const policy::Policy& policy) {
  for (const policy::Filter& filter : policy.filters) {
    require(filter.layer == policy::Layer::um && filter.span.line != 0);
    for (const policy::Condition& condition : filter.conditions) {
      require(policy::legal_on(condition.field, filter.layer));
      require(policy::legal_for(condition.match, policy::info(condition.field).type));
    }
  }
}

inline void check_ports(const policy::PortSettings& ports) {
  for (const policy::Placed<policy::PortRange>& range : ports.ranges) {
    require(range.value.low <= range.value.high);
  }
  std::uint32_t next = 0;  // the effective ranges are in order and apart
  for (const policy::PortRange& range : policy::effective_port_ranges(ports)) {
    require(next <= range.low && range.low <= range.high);
    next = std::uint32_t{range.high} + 1;
  }
  for (const policy::StaticPort& port : ports.static_ports) require(!port.service.empty());
}

inline void check_ipsec(const policy::IpsecSettings& ipsec) {
  std::size_t assigned = 0;
  for (const policy::IpsecPolicy& policy : ipsec.policies) {
    assigned += policy.assigned ? 1u : 0u;
    for (const policy::IpsecRule& rule : policy.rules) {
      require(!rule.filters.empty());
      for (const policy::IpsecFilter& filter : rule.filters) {
        require((filter.source.value & ~filter.source.mask) == 0);
        require((filter.destination.value & ~filter.destination.mask) == 0);
      }
    }
  }
  require(assigned <= 1);
}

inline void check_settings(const policy::HostSettings& host) {
  if (host.restrict_remote_clients) {
    require(static_cast<std::size_t>(host.restrict_remote_clients->value) <
            policy::kRestrictRemoteClientsCount);
  }
  if (host.restrict_receiving_ntlm) require(host.restrict_receiving_ntlm->value <= 2);
  if (host.restrict_sending_ntlm) require(host.restrict_sending_ntlm->value <= 2);
  check_ports(host.ports);
  check_ipsec(host.ipsec);
}

// Has `read(source, policy, reporter)` read the bytes, and checks what it makes of them.
template <typename Read>
policy::Policy check_reader(const std::uint8_t* data, std::size_t size, const Read& read) {
  const policy::SourceText source = policy::SourceText::decode(std::string(data, data + size));
  policy::Policy policy;
  policy.files.emplace_back("input");
  std::vector<policy::Diagnostic> diagnostics;
  policy::Reporter reporter(diagnostics);
  read(source, policy, reporter);
  policy::validate(policy, diagnostics);
  check_diagnostics(diagnostics, policy, source);
  check_settings(policy.host);
  return policy;
}

// The same for a reader of registry values.
template <typename Read>
int check_registry_reader(const std::uint8_t* data, std::size_t size, const Read& read) {
  check_reader(
      data, size,
      [&](const policy::SourceText& source, policy::Policy& policy, policy::Reporter& reporter) {
        policy::RegistryApplier values(policy, reporter);
        read(source, 0, values, reporter);
        values.finish({0, 0, 0, 0});
      });
  return 0;
}

}  // namespace rpcaudit::fuzz
