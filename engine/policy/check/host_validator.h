#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "engine/policy/policy.h"
#include "engine/policy/text/reporter.h"

namespace rpcaudit::policy {

// Says what is wrong or suspicious about the settings besides the filters: values that exclude each
// other, ports, and IPsec policies that do not do what their author means.
void validate_host_settings(const Policy& policy, Reporter& reporter);

// The ports that RPC services are given, as the settings have it: what is listed, or its complement
// within the system's dynamic range (Microsoft, "Configuring Computers for RPC over HTTP" and the
// keys under HKLM\SOFTWARE\Microsoft\Rpc\Internet).
[[nodiscard]] std::vector<PortRange> effective_port_ranges(const PortSettings& ports);

// How many ports they have.
[[nodiscard]] std::uint32_t port_count(const std::vector<PortRange>& ranges) noexcept;

inline constexpr PortRange kDefaultDynamicRange{49152, 65535};  // Windows Server 2008 and later

// `5001-5021`, `5001, 5003-5004`.
[[nodiscard]] std::string ports_text(const std::vector<PortRange>& ranges);

}  // namespace rpcaudit::policy
