#pragma once

#include "engine/policy/deployment.h"
#include "engine/policy/deployments/toml_table.h"

namespace rpcaudit::policy {

// The keys of a deployment that say how a server is set up: `sku`, `[registry]`, `[ports]`,
// `[[static_port]]`, `[[interface]]`, `observed_registrations`, `domain_ipsec_policy`.
void read_host_settings(TomlTable& reader, HostSettings& host);

// An address, or `address/prefix`. Bits past the prefix are an error.
[[nodiscard]] bool read_subnet(const Placed<std::string>& text, Subnet& subnet, Reporter& reporter);

}  // namespace rpcaudit::policy
