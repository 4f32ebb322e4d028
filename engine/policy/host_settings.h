#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "dissect/endpoint.h"
#include "dissect/uuid.h"
#include "engine/policy/ipsec_policy.h"
#include "engine/policy/text/diagnostic.h"

namespace rpcaudit::policy {

// A value and the place at which it was written; the place has no line when it came from elsewhere.
template <typename T>
struct Placed {
  T value{};
  SourceSpan span;
};

// The values of RestrictRemoteClients (rpcdce.h, RPC_RESTRICT_REMOTE_CLIENT_*).
enum class RestrictRemoteClients : std::uint8_t { none, authenticated, without_exceptions };

inline constexpr std::size_t kRestrictRemoteClientsCount = 3;

// Whether a host runs a client or a server edition of Windows: it decides what an absent
// RestrictRemoteClients means.
enum class Edition : std::uint8_t { unknown, client, server };

// Flags of RpcServerRegisterIf2 (rpcdce.h, RPC_IF_*) that decide who may call.
inline constexpr std::uint32_t kAllowSecureOnly = 0x0008;
inline constexpr std::uint32_t kAllowCallbacksWithNoAuth = 0x0010;
inline constexpr std::uint32_t kAllowLocalOnly = 0x0020;
inline constexpr std::uint32_t kSecNoCache = 0x0040;

// How a server registered an interface.
struct InterfaceRegistration {
  Uuid interface;
  std::uint32_t flags = 0;           // RPC_IF_*
  std::optional<bool> has_callback;  // a security callback was registered; empty: not known
  bool built_in = false;             // from the table of observed registrations
  SourceSpan span;
};

// A closed range of ports, host order.
struct PortRange {
  std::uint16_t low = 0;
  std::uint16_t high = 0;

  auto operator<=>(const PortRange&) const = default;

  [[nodiscard]] constexpr bool contains(std::uint16_t port) const noexcept {
    return low <= port && port <= high;
  }
  [[nodiscard]] constexpr std::uint32_t count() const noexcept {
    return std::uint32_t{high} - low + 1;
  }
};

// A service that listens on a port of its own instead of one of the dynamic range.
struct StaticPort {
  std::string service;
  std::uint16_t port = 0;
  SourceSpan span;
};

// HKLM\SOFTWARE\Microsoft\Rpc\Internet, or what rpccfg makes of it.
struct PortSettings {
  std::vector<Placed<PortRange>> ranges;
  std::optional<Placed<bool>> ports_are_internet;  // PortsInternetAvailable: the ranges are the
                                                   // Internet set (Y) or the intranet set (N)
  std::optional<Placed<bool>> use_internet;        // UseInternetPorts: taken by default
  std::optional<Placed<PortRange>> system_range;   // netsh int ipv4 set dynamicport tcp
  std::vector<StaticPort> static_ports;

  [[nodiscard]] bool is_configured() const noexcept {
    return !ranges.empty() || ports_are_internet || use_internet;
  }
};

// A client, as far as its own settings matter for the servers that it calls.
struct ClientSettings {
  IpAddress address;
  std::uint8_t prefix = 128;  // of the IPv6 or v4-mapped form
  std::optional<Placed<bool>> enable_auth_ep_resolution;
  std::optional<Placed<std::uint32_t>> restrict_sending_ntlm;  // 0 allow, 1 audit, 2 deny all
};

// What an administrator set on a server besides RPC filters, from any number of files. An empty
// optional was not written anywhere, which is not the same as written with the default.
struct HostSettings {
  std::optional<Placed<RestrictRemoteClients>> restrict_remote_clients;
  std::optional<Placed<bool>> enable_auth_ep_resolution;
  std::optional<Placed<std::uint32_t>> restrict_receiving_ntlm;  // 0 allow, 1 domain, 2 deny all
  std::optional<Placed<std::uint32_t>> restrict_sending_ntlm;    // 0 allow, 1 audit, 2 deny all
  std::optional<Placed<bool>> everyone_includes_anonymous;       // of `WD` in filters
  Edition edition = Edition::unknown;
  std::optional<bool> is_windows;  // empty: as far as the traffic shows
  std::vector<InterfaceRegistration> registrations;
  bool use_observed_registrations = false;  // for interfaces that `registrations` does not have
  PortSettings ports;
  IpsecSettings ipsec;
  std::vector<ClientSettings> clients;
  // When the policy takes effect, in nanoseconds since 1970-01-01T00:00:00Z.
  std::optional<Placed<std::int64_t>> effective_from;
  bool treat_loopback_as_remote = false;
  bool what_if_restrict_remote_clients = false;  // judge by every value of it, beside the real one
};

}  // namespace rpcaudit::policy
