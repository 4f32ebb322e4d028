#include <algorithm>
#include <array>
#include <limits>
#include <map>
#include <tuple>
#include <utility>

#include "engine/policy/condition_data.h"
#include "engine/policy/deployment.h"
#include "engine/policy/deployments/fact_table.h"
#include "engine/policy/deployments/host_settings_table.h"
#include "engine/policy/deployments/toml_table.h"
#include "engine/policy/sddl.h"
#include "engine/policy/text/source_text.h"
#include "engine/policy/text/spelling.h"

namespace rpcaudit::policy {
namespace {

constexpr std::size_t kFileBytesMax = std::size_t{64} << 20;
constexpr std::size_t kDeploymentsMax = 4096;
constexpr std::size_t kKeyPartsMax = 32;  // `a.b.c` has three
constexpr std::size_t kServersMax = 65'536;

std::string as_utf8(const SourceText& source) {
  std::string text;
  for (std::size_t i = 1; i <= source.line_count(); ++i) {
    if (i > 1) text += '\n';
    text += source.line(i);
  }
  return text;
}

class DeploymentReader {
 public:
  DeploymentReader(std::string_view name, const ReadNamedFile& read, DeploymentFile& file,
                   Reporter& reporter)
      : folder_(name.substr(0, name.find_last_of('/') + 1)),
        read_(read),
        file_(file),
        reporter_(reporter),
        number_(static_cast<std::uint32_t>(file.files.size() - 1)) {}

  void read_root(const toml::table& table) {
    TomlTable root(table, number_, reporter_);
    file_.common.span = root.span();
    for (const Placed<std::string>& one : root.texts("server_tables")) {
      read_table(one, servers_, read_server_table);
    }
    const auto deployments = root.tables("deployment");
    read_body(root, file_.common);
    root.refuse_other_keys();
    for (const toml::table* one : deployments) {
      if (file_.deployments.size() == kDeploymentsMax) {
        reporter_.error("too-many-deployments", span_of(one->source(), number_),
                        "more than " + std::to_string(kDeploymentsMax) + " deployments");
        break;
      }
      read_deployment_table(*one);
    }
    refuse_repeated_servers();
    check_client_users();
  }

 private:
  void read_deployment_table(const toml::table& table) {
    TomlTable reader(table, number_, reporter_);
    Deployment deployment;
    deployment.span = reader.span();
    if (const auto name = reader.text("name")) deployment.name = name->value;
    const auto servers = reader.texts("servers");
    for (const Placed<std::string>& server : servers) {
      if (add_named_server(server, deployment)) continue;
      Subnet subnet;
      if (read_subnet(server, subnet, reporter_)) deployment.servers.push_back(subnet);
    }
    if (servers.empty()) {
      reporter_.error("no-servers", deployment.span, "a deployment without servers",
                      "servers = [\"10.0.0.1\", \"10.1.0.0/16\"]");
    }
    read_body(reader, deployment);
    reader.refuse_other_keys();
    if (deployment.name.empty()) {
      deployment.name = "deployment " + std::to_string(file_.deployments.size() + 1);
    }
    file_.deployments.push_back(std::move(deployment));
  }

  // A name of the tables of servers stands for all of its addresses.
  bool add_named_server(const Placed<std::string>& server, Deployment& deployment) const {
    const std::string name = to_lower(server.value);
    bool found = false;
    for (const NamedServer& known : servers_) {
      const bool is_short = known.name.starts_with(name + '.');
      if (known.name != name && !is_short) continue;
      deployment.servers.push_back({known.address, 128, server.span});
      found = true;
    }
    return found;
  }

  // The keys that may stand before the first deployment, too.
  void read_body(TomlTable& reader, Deployment& deployment) {
    for (Placed<std::string>& policy : reader.texts("policies")) {
      policy.value = path_of(policy.value);
      deployment.policies.push_back(std::move(policy));
    }
    deployment.target = reader.text("target");
    read_host_settings(reader, deployment.host);
    HostFacts& facts = deployment.facts;
    if (const auto sid = reader.text("domain_sid")) {
      facts.domain_sid = parse_trustee(sid->value);
      if (!facts.domain_sid.starts_with("S-1-5-21-")) {
        reporter_.error("bad-sid", sid->span, quoted(sid->value) + " is not the SID of a domain",
                        "write `S-1-5-21-...`");
        facts.domain_sid.clear();
      }
    }
    for (const toml::table* one : reader.tables("image")) read_image(*one, facts);
    for (const toml::table* one : reader.tables("user")) read_user(*one, facts);
    for (const toml::table* one : reader.tables("class")) read_class(*one, facts);
    for (const toml::table* one : reader.tables("client")) {
      read_client(*one, deployment.host, facts);
    }
    for (const Placed<std::string>& table : reader.texts("user_tables")) {
      read_table(table, facts, read_user_table);
    }
    for (const Placed<std::string>& table : reader.texts("class_tables")) {
      read_table(table, facts, read_class_table);
    }
    settle_users(facts);
  }

  [[nodiscard]] std::string path_of(const std::string& path) const {
    const bool is_elsewhere = path == "-" || path.starts_with('/') || path.starts_with("store:");
    return is_elsewhere ? path : std::string(folder_) + path;
  }

  template <typename Rows, typename ReadTable>
  void read_table(const Placed<std::string>& named, Rows& rows, ReadTable read_rows) {
    const std::string path = path_of(named.value);
    const NamedFile content = read_(path);
    if (!content.bytes) {
      return reporter_.error("unreadable-file", named.span,
                             quoted(path) + " cannot be read: " + content.problem);
    }
    file_.files.push_back(path);
    read_rows(*content.bytes, static_cast<std::uint32_t>(file_.files.size() - 1), rows, reporter_);
  }

  std::optional<Uuid> read_uuid_key(TomlTable& reader, std::string_view key) {
    const auto text = reader.text(key);
    if (!text) return std::nullopt;
    const std::optional<Uuid> uuid = read_uuid_text(text->value);
    if (!uuid) reporter_.error("bad-uuid", text->span, quoted(text->value) + " is no UUID");
    return uuid;
  }

  void read_image(const toml::table& table, HostFacts& facts) {
    TomlTable reader(table, number_, reporter_);
    ImageRow row;
    row.span = reader.span();
    const auto image = reader.text("image");
    if (image) row.image = image->value;
    if (const auto port = reader.number("port", 1, 0xffff)) {
      row.port = static_cast<std::uint16_t>(port->value);
    }
    if (const auto pipe = reader.text("pipe")) {
      const bool is_name = pipe->value.find('\\') == std::string::npos;
      row.pipe = to_lower((is_name ? "\\PIPE\\" : "") + pipe->value);
    }
    row.interface = read_uuid_key(reader, "interface");
    reader.refuse_other_keys();
    if (!image) return reporter_.error("no-image", row.span, "an image without `image`");
    if (!row.port && !row.pipe && !row.interface) {
      return reporter_.error("no-endpoint", row.span, "an image without an endpoint",
                             "give `port`, `pipe` or `interface`");
    }
    facts.images.push_back(std::move(row));
  }

  void read_user(const toml::table& table, HostFacts& facts) {
    TomlTable reader(table, number_, reporter_);
    CallerToken token;
    token.span = reader.span();
    const auto names = reader.texts("name");
    if (const auto sid = reader.text("sid")) add_sids(sid->value, sid->span, token, reporter_);
    for (const Placed<std::string>& group : reader.texts("groups")) {
      add_sids(group.value, group.span, token, reporter_);
    }
    reader.refuse_other_keys();
    if (names.empty()) return reporter_.error("no-user", token.span, "a user without `name`");
    for (const Placed<std::string>& name : names) {
      token.name = to_lower(name.value);
      facts.users.push_back(token);
    }
  }

  void read_class(const toml::table& table, HostFacts& facts) {
    TomlTable reader(table, number_, reporter_);
    const std::optional<Uuid> clsid = read_uuid_key(reader, "clsid");
    const std::optional<Uuid> app_id = read_uuid_key(reader, "app_id");
    reader.refuse_other_keys();
    if (reader.find("clsid") == nullptr || reader.find("app_id") == nullptr) {
      return reporter_.error("no-class", reader.span(), "a class needs `clsid` and `app_id`");
    }
    if (clsid && app_id) facts.classes.push_back({*clsid, *app_id, reader.span()});
  }

  void read_client(const toml::table& table, HostSettings& host, HostFacts& facts) {
    TomlTable reader(table, number_, reporter_);
    const auto addresses = reader.texts("addresses");
    const auto user = reader.text("user");
    ClientSettings client;
    client.enable_auth_ep_resolution = reader.truth("enable_auth_ep_resolution");
    if (const auto sending = reader.number("restrict_sending_ntlm", 0, 2)) {
      client.restrict_sending_ntlm = {static_cast<std::uint32_t>(sending->value), sending->span};
    }
    reader.refuse_other_keys();
    if (addresses.empty()) {
      return reporter_.error("no-addresses", reader.span(), "a client without `addresses`");
    }
    for (const Placed<std::string>& address : addresses) {
      Subnet subnet;
      if (!read_subnet(address, subnet, reporter_)) continue;
      client.address = subnet.address;
      client.prefix = subnet.prefix;
      if (client.enable_auth_ep_resolution || client.restrict_sending_ntlm) {
        host.clients.push_back(client);
      }
      if (user) facts.client_users.push_back({subnet, to_lower(user->value), user->span});
    }
  }

  void refuse_repeated_servers() {
    std::map<std::tuple<IpAddress, std::uint8_t>, std::size_t> seen;
    for (std::size_t i = 0; i < file_.deployments.size(); ++i) {
      for (const Subnet& server : file_.deployments[i].servers) {
        if (seen.size() == kServersMax) {
          return reporter_.error("too-many-servers", server.span,
                                 "more than " + std::to_string(kServersMax) + " servers");
        }
        const auto [other, is_new] = seen.emplace(std::tuple(server.address, server.prefix), i);
        if (is_new) continue;
        reporter_.error(
            "server-twice", server.span,
            "the server stands in " + quoted(file_.deployments[other->second].name) + ", too");
      }
    }
  }

  static bool has_user(const HostFacts& facts, const std::string& name) {
    return std::any_of(facts.users.begin(), facts.users.end(),
                       [&name](const CallerToken& token) { return token.name == name; });
  }

  void check_client_users() {
    const auto check = [this](const HostFacts& facts, std::string_view where) {
      for (const ClientUser& client : facts.client_users) {
        if (has_user(facts, client.user) || has_user(file_.common.facts, client.user)) continue;
        reporter_.error("unknown-user", client.span, "no user is called " + quoted(client.user),
                        "users stand in " + std::string(where) + " or a table of `user_tables`");
      }
    };
    // A client of all deployments needs a user of all of them.
    check(file_.common.facts, "[[user]], before the first deployment,");
    for (const Deployment& deployment : file_.deployments) {
      check(deployment.facts, "[[user]], [[deployment.user]]");
    }
  }

  std::vector<NamedServer> servers_;  // by name
  std::string_view folder_;           // of the deployment file, with its slash
  const ReadNamedFile& read_;
  DeploymentFile& file_;
  Reporter& reporter_;
  std::uint32_t number_;
};

}  // namespace

void read_deployment(std::string_view bytes, std::string_view name, const ReadNamedFile& read,
                     DeploymentFile& file, std::vector<Diagnostic>& diagnostics) {
  Reporter reporter(diagnostics);
  file.files.emplace_back(name);
  const auto number = static_cast<std::uint32_t>(file.files.size() - 1);
  const SourceText source = SourceText::decode(bytes.substr(0, kFileBytesMax));
  if (bytes.size() > kFileBytesMax || source.is_binary()) {
    return reporter.error("not-a-deployment", {number, 1, 1, 1}, "this is no TOML file");
  }
  const std::string text = as_utf8(source);
  if (const auto deep = find_deep_key(text, kKeyPartsMax, number)) {
    return reporter.error("bad-toml", *deep,
                          "a key of more than " + std::to_string(kKeyPartsMax) + " parts");
  }
  try {
    const toml::table table = toml::parse(text, name);
    DeploymentReader(name, read, file, reporter).read_root(table);
  } catch (const toml::parse_error& error) {
    reporter.error("bad-toml", span_of(error.source(), number),
                   std::string(printable(error.description())));
  }
  reporter.sort_by_line();
}

}  // namespace rpcaudit::policy
