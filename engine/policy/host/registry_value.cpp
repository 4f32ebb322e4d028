#include "engine/policy/host/registry_value.h"

#include <algorithm>
#include <array>
#include <charconv>

#include "engine/policy/text/spelling.h"

namespace rpcaudit::policy {

enum class RegistryApplier::Setting : std::uint8_t {
  remote_clients,
  auth_ep_resolution,
  receiving_ntlm,
  sending_ntlm,
  everyone_includes_anonymous,
  ports,
  ports_are_internet,
  use_internet,
  static_port,
  endpoints,
};

struct RegistryApplier::Row {
  std::string_view key;  // without the hive; a final `\` takes any key below it
  std::string_view name;
  Setting setting;
  std::string_view service;  // of a static port
};

namespace {

constexpr std::string_view kHives[] = {"HKEY_LOCAL_MACHINE\\", "HKLM\\", "MACHINE\\", "HKLM:\\",
                                       "Registry::HKEY_LOCAL_MACHINE\\"};

constexpr std::string_view kRpcKey = "SOFTWARE\\Policies\\Microsoft\\Windows NT\\Rpc";
constexpr std::string_view kRpcNames[] = {"RestrictRemoteClients", "EnableAuthEpResolution"};

// The key without its hive; empty when it is of another hive than the machine's.
std::string_view without_hive(std::string_view key) noexcept {
  for (const std::string_view hive : kHives) {
    if (starts_with_ignoring_case(key, hive)) return key.substr(hive.size());
  }
  const bool other = starts_with_ignoring_case(key, "HK") || starts_with_ignoring_case(key, "USER");
  return other ? std::string_view() : key;
}

// ControlSet001 and the like are where CurrentControlSet points.
std::string canonical_key(std::string_view key) {
  std::string text(without_hive(key));
  while (!text.empty() && text.back() == '\\') text.pop_back();
  constexpr std::string_view kNumbered = "SYSTEM\\ControlSet00";
  if (starts_with_ignoring_case(text, kNumbered) && text.size() > kNumbered.size() + 1) {
    text.replace(0, kNumbered.size() + 1, "SYSTEM\\CurrentControlSet");
  }
  return text;
}

// Settings that decide calls of some interfaces, or whether a session may be had at all.
constexpr std::string_view kNeighbours[] = {
    "RpcAuthnLevelPrivacyEnabled", "RequireSeal",
    "RequireSignOrSeal",           "FullSecureChannelProtection",
    "VulnerableChannelAllowList",  "RequireIntegrityActivationAuthenticationLevel",
    "RestrictRemoteSam",           "NullSessionPipes",
    "RestrictNullSessAccess",      "RestrictAnonymous",
    "RpcUseNamedPipeProtocol",     "RpcProtocols",
    "ForceKerberosForRpc",         "EnableDCOM",
    "MachineAccessRestriction",    "MachineLaunchRestriction"};

bool is_neighbour(std::string_view name) noexcept {
  return std::any_of(std::begin(kNeighbours), std::end(kNeighbours),
                     [name](std::string_view one) { return equal_ignoring_case(one, name); });
}

}  // namespace

// Sources: Microsoft on RPC interface restriction; on RPC dynamic ports and their registry keys; on
// the static ports of Active Directory, the file replication service and the spooler.
const RegistryApplier::Row* RegistryApplier::find(std::string_view key,
                                                  std::string_view name) noexcept {
  constexpr std::string_view kLsa = "SYSTEM\\CurrentControlSet\\Control\\Lsa\\MSV1_0";
  constexpr std::string_view kInternet = "SOFTWARE\\Microsoft\\Rpc\\Internet";
  constexpr std::string_view kPrinters = "SOFTWARE\\Policies\\Microsoft\\Windows NT\\Printers\\RPC";
  static constexpr Row kRows[] = {
      {kRpcKey, "RestrictRemoteClients", Setting::remote_clients, {}},
      {kRpcKey, "EnableAuthEpResolution", Setting::auth_ep_resolution, {}},
      {kLsa, "RestrictReceivingNTLMTraffic", Setting::receiving_ntlm, {}},
      {kLsa, "RestrictSendingNTLMTraffic", Setting::sending_ntlm, {}},
      {"SYSTEM\\CurrentControlSet\\Control\\Lsa",
       "EveryoneIncludesAnonymous",
       Setting::everyone_includes_anonymous,
       {}},
      {kInternet, "Ports", Setting::ports, {}},
      {kInternet, "PortsInternetAvailable", Setting::ports_are_internet, {}},
      {kInternet, "UseInternetPorts", Setting::use_internet, {}},
      {"SYSTEM\\CurrentControlSet\\Services\\NTDS\\Parameters", "TCP/IP Port", Setting::static_port,
       "NTDS"},
      {"SYSTEM\\CurrentControlSet\\Services\\Netlogon\\Parameters", "DCTcpipPort",
       Setting::static_port, "Netlogon"},
      {"SYSTEM\\CurrentControlSet\\Services\\NTFRS\\Parameters", "RPC TCP/IP Port Assignment",
       Setting::static_port, "NTFRS"},
      {"SYSTEM\\CurrentControlSet\\Control\\Print", "RpcTcpPort", Setting::static_port, "Print"},
      {kPrinters, "RpcTcpPort", Setting::static_port, "Print"},
      {"SOFTWARE\\Classes\\AppID\\", "Endpoints", Setting::endpoints, "DCOM"},
  };
  for (const Row& row : kRows) {
    const bool below = row.key.ends_with('\\');
    const bool fits =
        below ? starts_with_ignoring_case(key, row.key) : equal_ignoring_case(key, row.key);
    if (fits && equal_ignoring_case(name, row.name)) return &row;
  }
  return nullptr;
}

std::optional<RegistryType> RegistryApplier::type_of(std::string_view name) noexcept {
  constexpr std::pair<std::string_view, RegistryType> kNames[] = {
      {"REG_NONE", RegistryType::none},
      {"REG_SZ", RegistryType::string},
      {"REG_EXPAND_SZ", RegistryType::expand_string},
      {"REG_BINARY", RegistryType::binary},
      {"REG_DWORD", RegistryType::dword},
      {"REG_DWORD_LITTLE_ENDIAN", RegistryType::dword},
      {"REG_DWORD_BIG_ENDIAN", RegistryType::dword_big_endian},
      {"REG_MULTI_SZ", RegistryType::multi_string},
      {"REG_QWORD", RegistryType::qword},
  };
  for (const auto& [text, type] : kNames) {
    if (equal_ignoring_case(text, name)) return type;
  }
  return std::nullopt;
}

std::optional<std::uint64_t> RegistryApplier::number_of(std::string_view text) noexcept {
  int base = 10;
  if (starts_with_ignoring_case(text, "0x")) {
    text.remove_prefix(2);
    base = 16;
  }
  std::uint64_t value = 0;
  const char* const end = text.data() + text.size();
  const auto [at, error] = std::from_chars(text.data(), end, value, base);
  if (error != std::errc() || at != end || text.empty()) return std::nullopt;
  return value;
}

std::optional<PortRange> parse_port_range(std::string_view text) noexcept {
  const std::size_t dash = text.find('-');
  const auto port = [](std::string_view digits, std::uint16_t& out) {
    const char* const end = digits.data() + digits.size();
    const auto [at, error] = std::from_chars(digits.data(), end, out);
    return error == std::errc() && at == end && !digits.empty();
  };
  PortRange range;
  if (!port(text.substr(0, dash), range.low)) return std::nullopt;
  range.high = range.low;
  if (dash != std::string_view::npos && !port(text.substr(dash + 1), range.high)) {
    return std::nullopt;
  }
  return range.low <= range.high ? std::optional(range) : std::nullopt;
}

void RegistryApplier::contradicts(const SourceSpan& earlier, const RegistryValue& value) {
  reporter_.warning("contradicting-value", value.span,
                    quoted(value.name) + " has another value at " +
                        printable(source_text(policy_, earlier)) + "; this one counts, as the last",
                    "leave only the one that the server has");
}

template <typename T>
void RegistryApplier::set(std::optional<Placed<T>>& setting, T value, const RegistryValue& source) {
  if (setting && setting->value != value) contradicts(setting->span, source);
  setting = {value, source.span};
}

bool RegistryApplier::has_number(const RegistryValue& value, std::uint64_t most) {
  if (value.type != RegistryType::dword) {
    reporter_.error("wrong-registry-type", value.span,
                    quoted(value.name) + " is to be a REG_DWORD; Windows ignores other types");
    return false;
  }
  if (value.number <= most) return true;
  reporter_.error("bad-registry-value", value.span,
                  quoted(value.name) + " is " + std::to_string(value.number) +
                      ", and goes from 0 to " + std::to_string(most));
  return false;
}

void RegistryApplier::apply_remote_clients(const RegistryValue& value) {
  auto& setting = policy_.host.restrict_remote_clients;
  if (value.deleted) return setting.reset();
  if (!has_number(value, kRestrictRemoteClientsCount - 1)) return;
  set(setting, static_cast<RestrictRemoteClients>(value.number), value);
}

void RegistryApplier::apply_truth(const RegistryValue& value,
                                  std::optional<Placed<bool>>& setting) {
  if (value.deleted) return setting.reset();
  if (has_number(value, 1)) set(setting, value.number == 1, value);
}

void RegistryApplier::apply_level(const RegistryValue& value, std::uint64_t most,
                                  std::optional<Placed<std::uint32_t>>& setting) {
  if (value.deleted) return setting.reset();
  if (has_number(value, most)) set(setting, static_cast<std::uint32_t>(value.number), value);
}

void RegistryApplier::apply_yes_no(const RegistryValue& value,
                                   std::optional<Placed<bool>>& setting) {
  if (value.deleted) return setting.reset();
  const bool yes = value.texts.size() == 1 && equal_ignoring_case(value.texts[0], "Y");
  const bool no = value.texts.size() == 1 && equal_ignoring_case(value.texts[0], "N");
  if (value.type != RegistryType::string || !(yes || no)) {
    return reporter_.error("bad-registry-value", value.span,
                           quoted(value.name) + " is to be a REG_SZ, `Y` or `N`",
                           "anything else makes Windows refuse to register RPC endpoints");
  }
  set(setting, yes, value);
}

void RegistryApplier::apply_ports(const RegistryValue& value) {
  std::vector<Placed<PortRange>>& ranges = policy_.host.ports.ranges;
  if (value.deleted) return ranges.clear();
  if (value.type != RegistryType::multi_string && value.type != RegistryType::string) {
    return reporter_.error("wrong-registry-type", value.span, "`Ports` is to be a REG_MULTI_SZ");
  }
  std::vector<Placed<PortRange>> read;
  for (const std::string& text : value.texts) {
    const std::optional<PortRange> range = parse_port_range(text);
    if (!range) {
      reporter_.error("bad-port", value.span, quoted(text) + " is no port and no range of ports",
                      "write `5001-5021`");
    } else {
      read.push_back({*range, value.span});
    }
  }
  const auto same = [](const Placed<PortRange>& a, const Placed<PortRange>& b) {
    return a.value == b.value;
  };
  if (!ranges.empty() &&
      !std::equal(ranges.begin(), ranges.end(), read.begin(), read.end(), same)) {
    contradicts(ranges.front().span, value);
  }
  ranges = std::move(read);
}

void RegistryApplier::apply_static_port(const RegistryValue& value, std::string_view service) {
  std::vector<StaticPort>& ports = policy_.host.ports.static_ports;
  const auto earlier = std::find_if(
      ports.begin(), ports.end(), [&](const StaticPort& port) { return port.service == service; });
  if (value.deleted) {
    if (earlier != ports.end()) ports.erase(earlier);
    return;
  }
  if (!has_number(value, 0xffff) || value.number == 0) return;  // 0: dynamic
  const auto number = static_cast<std::uint16_t>(value.number);
  if (earlier == ports.end()) return ports.push_back({std::string(service), number, value.span});
  if (earlier->port != number) contradicts(earlier->span, value);
  *earlier = {std::string(service), number, value.span};
}

// `ncacn_ip_tcp,0,5000` as dcomcnfg writes it: protocol, 0, endpoint.
void RegistryApplier::apply_endpoints(const RegistryValue& value, std::string_view service) {
  for (const std::string& text : value.texts) {
    if (!starts_with_ignoring_case(text, "ncacn_ip_tcp,")) continue;
    const std::string_view last = std::string_view(text).substr(text.rfind(',') + 1);
    const std::optional<PortRange> port = parse_port_range(last);
    if (!port || port->low == 0 || port->low != port->high) continue;  // a range of its own
    const std::string name =
        std::string(service) + ' ' + value.key.substr(value.key.rfind('\\') + 1);
    policy_.host.ports.static_ports.push_back({name, port->low, value.span});
  }
}

void RegistryApplier::apply_row(const Row& row, const RegistryValue& value) {
  HostSettings& host = policy_.host;
  switch (row.setting) {
    case Setting::remote_clients: return apply_remote_clients(value);
    case Setting::auth_ep_resolution: return apply_truth(value, host.enable_auth_ep_resolution);
    case Setting::receiving_ntlm: return apply_level(value, 2, host.restrict_receiving_ntlm);
    case Setting::sending_ntlm: return apply_level(value, 2, host.restrict_sending_ntlm);
    case Setting::everyone_includes_anonymous:
      return apply_truth(value, host.everyone_includes_anonymous);
    case Setting::ports: return apply_ports(value);
    case Setting::ports_are_internet: return apply_yes_no(value, host.ports.ports_are_internet);
    case Setting::use_internet: return apply_yes_no(value, host.ports.use_internet);
    case Setting::static_port: return apply_static_port(value, row.service);
    case Setting::endpoints: return apply_endpoints(value, row.service);
  }
}

// A name that is nearly right, or right under another key, does nothing on Windows.
void RegistryApplier::suggest(const RegistryValue& value, std::string_view key) {
  const std::string_view nearest = nearest_name(value.name, kRpcNames);
  if (equal_ignoring_case(key, kRpcKey) && !nearest.empty()) {
    return reporter_.warning("unknown-registry-value", value.span,
                             quoted(value.name) + " has no effect",
                             "did you mean " + quoted(nearest) + "?");
  }
  for (const std::string_view name : kRpcNames) {
    if (!equal_ignoring_case(name, value.name)) continue;
    return reporter_.warning("wrong-registry-key", value.span,
                             quoted(value.name) + " has no effect under " + quoted(key),
                             "it belongs under `HKLM\\" + std::string(kRpcKey) + '`');
  }
}

void RegistryApplier::apply(const RegistryValue& value) {
  const std::string key = canonical_key(value.key);
  const Row* const row = find(key, value.name);
  if (row == nullptr) {
    if (is_neighbour(value.name)) {
      return reporter_.note("neighbouring-value", value.span,
                            quoted(value.name) + " also decides RPC calls, and is not judged here");
    }
    ++ignored_;
    return suggest(value, key);
  }
  ++applied_;
  apply_row(*row, value);
}

bool RegistryApplier::knows(std::string_view key, std::string_view name) {
  return find(canonical_key(key), name) != nullptr;
}

void RegistryApplier::remove_key(std::string_view key, const SourceSpan& span) {
  const std::string wanted = canonical_key(key);
  RegistryValue value;
  value.key = key;
  value.deleted = true;
  value.span = span;
  for (const std::string_view name :
       {"RestrictRemoteClients", "EnableAuthEpResolution", "RestrictReceivingNTLMTraffic",
        "RestrictSendingNTLMTraffic", "Ports", "PortsInternetAvailable", "UseInternetPorts",
        "TCP/IP Port", "DCTcpipPort", "RPC TCP/IP Port Assignment", "RpcTcpPort"}) {
    const Row* const row = find(wanted, name);
    if (row == nullptr) continue;
    value.name = name;
    ++applied_;
    apply_row(*row, value);
  }
}

void RegistryApplier::finish(const SourceSpan& file) {
  if (applied_ == 0) {
    reporter_.warning("no-rpc-values", file, "no value in the file concerns RPC",
                      "RestrictRemoteClients stands under `HKLM\\" + std::string(kRpcKey) + '`');
  }
  if (ignored_ != 0) {
    reporter_.note("ignored-values", file,
                   std::to_string(ignored_) +
                       (ignored_ == 1 ? " value that does not concern RPC is left out"
                                      : " values that do not concern RPC are left out"));
  }
}

}  // namespace rpcaudit::policy
