#include "engine/policy/deployments/host_settings_table.h"

#include <algorithm>
#include <array>
#include <charconv>
#include <utility>

#include "engine/policy/condition_data.h"
#include "engine/policy/text/spelling.h"

namespace rpcaudit::policy {
namespace {

// RPC_IF_* of rpcdce.h.
constexpr std::array<std::string_view, 9> kFlagNames{"AUTOLISTEN",
                                                     "OLE",
                                                     "ALLOW_UNKNOWN_AUTHORITY",
                                                     "ALLOW_SECURE_ONLY",
                                                     "ALLOW_CALLBACKS_WITH_NO_AUTH",
                                                     "ALLOW_LOCAL_ONLY",
                                                     "SEC_NO_CACHE",
                                                     "SEC_CACHE_PER_PROC",
                                                     "ASYNC_CALLBACK"};

// The names in the header file, and in the group policy editor.
constexpr std::pair<std::string_view, std::uint8_t> kRemoteClientNames[] = {
    {"none", 0},          {"RPC_RESTRICT_REMOTE_CLIENT_NONE", 0},
    {"authenticated", 1}, {"RPC_RESTRICT_REMOTE_CLIENT_DEFAULT", 1},
    {"default", 1},       {"Authenticated without exceptions", 2},
    {"high", 2},          {"RPC_RESTRICT_REMOTE_CLIENT_HIGH", 2},
};

template <typename Number>
bool read_number(std::string_view text, Number& number) {
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
  return error == std::errc() && end == text.data() + text.size() && !text.empty();
}

std::optional<PortRange> read_port_range(std::string_view text) {
  const std::size_t dash = text.find('-');
  PortRange range;
  if (!read_number(text.substr(0, dash), range.low)) return std::nullopt;
  range.high = range.low;
  const bool has_end = dash != std::string_view::npos;
  if (has_end && !read_number(text.substr(dash + 1), range.high)) return std::nullopt;
  return range.low <= range.high ? std::optional(range) : std::nullopt;
}

std::optional<Placed<PortRange>> read_port_range(const Placed<std::string>& text,
                                                 Reporter& reporter) {
  const std::optional<PortRange> range = read_port_range(text.value);
  if (range) return Placed<PortRange>{*range, text.span};
  reporter.error("bad-port", text.span, quoted(text.value) + " is no port and no range of ports",
                 "write `5001-5021`");
  return std::nullopt;
}

void read_remote_clients(TomlTable& reader, HostSettings& host) {
  constexpr std::string_view kKey = "restrict_remote_clients";
  const toml::node* const node = reader.find(kKey);
  if (node == nullptr) return;
  std::optional<std::uint8_t> value;
  if (const auto* number = node->as_integer()) {
    if (number->get() >= 0 && number->get() <= 2) value = static_cast<std::uint8_t>(number->get());
  } else if (const auto* text = node->as_string()) {
    for (const auto& [name, meaning] : kRemoteClientNames) {
      if (equal_ignoring_case(name, text->get())) value = meaning;
    }
  }
  if (!value) {
    return reader.reporter().error(
        "bad-value", reader.span(*node), quoted(kKey) + " is to be 0, 1 or 2",
        "or `none`, `authenticated`, `authenticated without exceptions`");
  }
  host.restrict_remote_clients = {static_cast<RestrictRemoteClients>(*value), reader.span(*node)};
}

// What a level is called in the editor of group policies, by its number.
using LevelNames = std::array<std::string_view, 3>;
constexpr LevelNames kReceivingNames{"Allow all", "Deny all domain accounts", "Deny all accounts"};
constexpr LevelNames kSendingNames{"Allow all", "Audit all", "Deny all"};

// A number from 0 to 2, or its name.
std::optional<Placed<std::uint32_t>> read_level(TomlTable& reader, std::string_view key,
                                                const LevelNames& names) {
  const toml::node* const node = reader.find(key);
  if (node == nullptr) return std::nullopt;
  const auto* const number = node->as_integer();
  const auto* const text = node->as_string();
  for (std::uint32_t level = 0; level < names.size(); ++level) {
    const bool is_it = number != nullptr
                           ? number->get() == level
                           : text != nullptr && equal_ignoring_case(names[level], text->get());
    if (is_it) return Placed<std::uint32_t>{level, reader.span(*node)};
  }
  reader.reporter().error("bad-value", reader.span(*node),
                          quoted(key) + " is to be a number from 0 to 2, or its name",
                          quoted(names[0]) + ", " + quoted(names[1]) + " or " + quoted(names[2]));
  return std::nullopt;
}

void read_registry(const toml::table& table, TomlTable& parent, HostSettings& host) {
  TomlTable reader(table, parent.file(), parent.reporter());
  read_remote_clients(reader, host);
  host.enable_auth_ep_resolution = reader.truth("enable_auth_ep_resolution");
  host.everyone_includes_anonymous = reader.truth("everyone_includes_anonymous");
  host.restrict_receiving_ntlm = read_level(reader, "restrict_receiving_ntlm", kReceivingNames);
  host.restrict_sending_ntlm = read_level(reader, "restrict_sending_ntlm", kSendingNames);
  reader.refuse_other_keys();
}

void read_ports(const toml::table& table, TomlTable& parent, PortSettings& ports) {
  Reporter& reporter = parent.reporter();
  TomlTable reader(table, parent.file(), reporter);
  for (const Placed<std::string>& text : reader.texts_or_numbers("ranges")) {
    if (const auto range = read_port_range(text, reporter)) ports.ranges.push_back(*range);
  }
  ports.ports_are_internet = reader.truth("ports_internet_available");
  ports.use_internet = reader.truth("use_internet_ports");
  if (const auto text = reader.text("dynamic_range")) {
    ports.system_range = read_port_range(*text, reporter);
  }
  reader.refuse_other_keys();
}

void read_static_port(const toml::table& table, TomlTable& parent, PortSettings& ports) {
  TomlTable reader(table, parent.file(), parent.reporter());
  StaticPort port;
  port.span = reader.span();
  if (const auto service = reader.text("service")) port.service = service->value;
  const auto number = reader.number("port", 1, 0xffff);
  reader.refuse_other_keys();
  if (number) {
    port.port = static_cast<std::uint16_t>(number->value);
    ports.static_ports.push_back(std::move(port));
  } else if (reader.find("port") == nullptr) {
    parent.reporter().error("no-port", port.span, "a static port without `port`");
  }
}

std::uint32_t read_flag(const Placed<std::string>& text, Reporter& reporter) {
  std::string_view name = text.value;
  if (starts_with_ignoring_case(name, "RPC_IF_")) name.remove_prefix(7);
  for (std::size_t i = 0; i < kFlagNames.size(); ++i) {
    std::string_view known = kFlagNames[i];
    if (equal_ignoring_case(known, name)) return std::uint32_t{1} << i;
    if (known.starts_with("ALLOW_")) known.remove_prefix(6);  // as people abbreviate
    if (equal_ignoring_case(known, name)) return std::uint32_t{1} << i;
  }
  const std::string_view nearest = nearest_name(name, kFlagNames);
  reporter.error("unknown-flag", text.span, "unknown registration flag " + quoted(text.value),
                 nearest.empty() ? "flags are those of RpcServerRegisterIf2, or their number"
                                 : "did you mean " + quoted(nearest) + "?");
  return 0;
}

void read_interface(const toml::table& table, TomlTable& parent, HostSettings& host) {
  Reporter& reporter = parent.reporter();
  TomlTable reader(table, parent.file(), reporter);
  InterfaceRegistration registration;
  registration.span = reader.span();
  const auto uuid_text = reader.text("uuid");
  const toml::node* const flags = reader.find("flags");
  if (flags != nullptr && flags->is_integer()) {
    const auto number = reader.number("flags", 0, 0xffff'ffff);
    registration.flags = number ? static_cast<std::uint32_t>(number->value) : 0;
  } else {
    for (const Placed<std::string>& flag : reader.texts("flags")) {
      registration.flags |= read_flag(flag, reporter);
    }
  }
  if (const auto callback = reader.truth("security_callback")) {
    registration.has_callback = callback->value;
  }
  reader.refuse_other_keys();
  if (flags == nullptr || reader.find("uuid") == nullptr) {
    return reporter.error("no-registration", registration.span,
                          "an interface needs `uuid` and `flags`",
                          "an interface without flags has `flags = 0`");
  }
  if (!uuid_text) return;
  const std::optional<Uuid> uuid = read_uuid_text(uuid_text->value);
  if (!uuid) {
    return reporter.error("bad-uuid", uuid_text->span, quoted(uuid_text->value) + " is no UUID");
  }
  registration.interface = *uuid;
  host.registrations.push_back(registration);
}

void read_sku(TomlTable& reader, HostSettings& host) {
  const auto sku = reader.text("sku");
  if (!sku) return;
  if (equal_ignoring_case(sku->value, "server")) {
    host.edition = Edition::server;
  } else if (equal_ignoring_case(sku->value, "client")) {
    host.edition = Edition::client;
  } else {
    reader.reporter().error("bad-value", sku->span, "`sku` is to be `server` or `client`");
  }
}

}  // namespace

void read_host_settings(TomlTable& reader, HostSettings& host) {
  read_sku(reader, host);
  if (const toml::table* table = reader.table("registry")) read_registry(*table, reader, host);
  if (const toml::table* table = reader.table("ports")) read_ports(*table, reader, host.ports);
  for (const toml::table* one : reader.tables("static_port")) {
    read_static_port(*one, reader, host.ports);
  }
  for (const toml::table* one : reader.tables("interface")) read_interface(*one, reader, host);
  if (const auto windows = reader.truth("windows")) host.is_windows = windows->value;
  if (const auto observed = reader.truth("observed_registrations")) {
    host.use_observed_registrations = observed->value;
  }
  if (const auto from = reader.time("effective_from")) host.effective_from = *from;
  if (const auto domain = reader.truth("domain_ipsec_policy")) {
    host.ipsec.domain_policy = domain->value;
  }
}

bool read_subnet(const Placed<std::string>& text, Subnet& subnet, Reporter& reporter) {
  subnet.span = text.span;
  if (text.value == "*") {
    subnet.address = {};
    subnet.prefix = 0;
    return true;
  }
  const std::size_t slash = text.value.find('/');
  const std::optional<IpAddress> address = parse_ip(std::string_view(text.value).substr(0, slash));
  unsigned prefix = 0;
  const bool has_prefix = slash != std::string::npos;
  const bool good =
      address &&
      (!has_prefix || read_number(std::string_view(text.value).substr(slash + 1), prefix));
  const unsigned prefix_max = good && address->is_v4() ? 32 : 128;
  if (!good || prefix > prefix_max) {
    reporter.error(
        "bad-address", text.span, quoted(text.value) + " is neither an address nor a subnet",
        "write `10.0.0.1`, `10.1.0.0/16` or `fd00::/64`, or a name that stands in a table "
        "of `server_tables`");
    return false;
  }
  subnet.address = *address;
  subnet.prefix = static_cast<std::uint8_t>(has_prefix ? prefix + 128 - prefix_max : 128);
  for (unsigned bit = subnet.prefix; bit < 128; ++bit) {
    subnet.address.bytes[bit / 8] &= static_cast<std::uint8_t>(~(0x80u >> bit % 8));
  }
  if (subnet.address == *address) return true;
  reporter.error("bad-address", text.span,
                 quoted(text.value) + " has bits set that its prefix leaves open",
                 "the subnet is " + to_string(subnet.address) + "/" + std::to_string(prefix));
  return false;
}

}  // namespace rpcaudit::policy
