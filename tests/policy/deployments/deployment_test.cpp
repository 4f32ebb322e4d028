#include "engine/policy/deployment.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <map>
#include <string>
#include <utility>
#include <vector>

#include "engine/policy/policy.h"

namespace rpcaudit::policy {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;

// A deployment file read on its own, beside files that only the test knows.
struct ReadDeployment {
  DeploymentFile file;
  std::vector<Diagnostic> diagnostics;

  // `file:line:column code`, in order.
  [[nodiscard]] std::vector<std::string> places() const {
    std::vector<std::string> places;
    for (const Diagnostic& one : diagnostics) {
      places.push_back(file.files[one.span.file] + ':' + std::to_string(one.span.line) + ':' +
                       std::to_string(one.span.column) + ' ' + one.code);
    }
    return places;
  }
};

ReadDeployment read(std::string_view text, const std::map<std::string, std::string>& files = {}) {
  ReadDeployment result;
  const auto named = [&files](const std::string& path) -> NamedFile {
    const auto found = files.find(path);
    if (found == files.end()) return {std::nullopt, "No such file or directory"};
    return {found->second, {}};
  };
  read_deployment(text, "etc/rpcaudit.toml", named, result.file, result.diagnostics);
  return result;
}

IpAddress ip(std::string_view text) { return parse_ip(text).value(); }

constexpr std::string_view kTwoServers = R"(
policies = ["common.netsh.txt"]
sku = "server"
domain_sid = "S-1-5-21-1-2-3"

[registry]
restrict_remote_clients = 1

[[interface]]
uuid = "12345678-1234-abcd-ef00-01234567cffb"
flags = ["RPC_IF_ALLOW_CALLBACKS_WITH_NO_AUTH", "allow_secure_only"]
security_callback = true

[[deployment]]
name = "domain controllers"
servers = ["10.77.0.1", "fd00:77::/64"]
policies = ["/srv/dc.netsh.txt"]
target = "ws2022"

[deployment.registry]
restrict_remote_clients = "Authenticated without exceptions"
enable_auth_ep_resolution = true

[deployment.ports]
ranges = ["5001-5021", 6000]
ports_internet_available = true

[[deployment.static_port]]
service = "NTDS"
port = 38901

[[deployment.image]]
pipe = "lsarpc"
image = "lsass.exe"

[[deployment.user]]
name = ['CORP\Alice', "alice@corp.example"]
sid = "S-1-5-21-1-2-3-1104"
groups = ["S-1-5-21-1-2-3-512", "BA"]

[[deployment.class]]
clsid = "{4991d34b-80a1-4291-83b6-3328366b9097}"
app_id = "69ad4aee-51be-439b-a92c-86ae490e8b30"

[[deployment]]
servers = "10.77.0.0/24"
sku = "client"
)";

TEST(Deployment, IsReadKeyByKey) {
  const ReadDeployment read_file = read(kTwoServers);
  ASSERT_THAT(read_file.places(), IsEmpty());
  ASSERT_EQ(read_file.file.deployments.size(), 2u);

  const Deployment& common = read_file.file.common;
  EXPECT_EQ(common.policies.at(0).value, "etc/common.netsh.txt");
  EXPECT_EQ(common.host.edition, Edition::server);
  EXPECT_EQ(common.host.restrict_remote_clients->value, RestrictRemoteClients::authenticated);
  EXPECT_EQ(common.host.registrations.at(0).flags, kAllowCallbacksWithNoAuth | kAllowSecureOnly);
  EXPECT_EQ(common.host.registrations.at(0).has_callback, true);
  EXPECT_EQ(common.facts.domain_sid, "S-1-5-21-1-2-3");

  const Deployment& controllers = read_file.file.deployments[0];
  EXPECT_EQ(controllers.name, "domain controllers");
  EXPECT_EQ(controllers.policies.at(0).value, "/srv/dc.netsh.txt");
  EXPECT_EQ(controllers.target->value, "ws2022");
  EXPECT_EQ(controllers.host.restrict_remote_clients->value,
            RestrictRemoteClients::without_exceptions);
  EXPECT_EQ(controllers.host.restrict_remote_clients->span.line, 21u);
  EXPECT_TRUE(controllers.host.enable_auth_ep_resolution->value);
  EXPECT_EQ(controllers.host.ports.ranges.at(0).value, (PortRange{5001, 5021}));
  EXPECT_EQ(controllers.host.ports.ranges.at(1).value, (PortRange{6000, 6000}));
  EXPECT_EQ(controllers.host.ports.static_ports.at(0).port, 38901);
  EXPECT_EQ(controllers.facts.images.at(0).pipe, "\\pipe\\lsarpc");
  ASSERT_EQ(controllers.facts.users.size(), 2u);
  EXPECT_EQ(controllers.facts.users[1].name, "corp\\alice");
  EXPECT_THAT(controllers.facts.users[1].sids,
              ElementsAre("BA", "S-1-5-21-1-2-3-1104", "S-1-5-21-1-2-3-512"));
  EXPECT_EQ(controllers.facts.classes.at(0).app_id, uuid("69ad4aee-51be-439b-a92c-86ae490e8b30"));

  EXPECT_EQ(read_file.file.deployments[1].name, "deployment 2");
}

TEST(Deployment, TakesLevelsOfNtlmByTheirNames) {
  DeploymentFile file;
  std::vector<Diagnostic> diagnostics;
  read_deployment(
      "[registry]\nrestrict_receiving_ntlm = 'deny all accounts'\n"
      "restrict_sending_ntlm = 'Audit all'\n",
      "d.toml", [](const std::string&) { return NamedFile(); }, file, diagnostics);
  EXPECT_TRUE(diagnostics.empty());
  ASSERT_TRUE(file.common.host.restrict_receiving_ntlm && file.common.host.restrict_sending_ntlm);
  EXPECT_EQ(file.common.host.restrict_receiving_ntlm->value, 2u);
  EXPECT_EQ(file.common.host.restrict_sending_ntlm->value, 1u);
}

TEST(Deployment, OfTheLongestPrefixApplies) {
  const DeploymentFile file = read(kTwoServers).file;
  EXPECT_EQ(find_deployment(file, ip("10.77.0.1")), 0u);
  EXPECT_EQ(find_deployment(file, ip("10.77.0.2")), 1u);
  EXPECT_EQ(find_deployment(file, ip("fd00:77::9")), 0u);
  EXPECT_EQ(find_deployment(file, ip("10.78.0.2")), kNoDeployment);
  EXPECT_EQ(find_deployment(file, ip("fd00:78::9")), kNoDeployment);
}

TEST(Deployment, ThatContainsEveryAddressIsWrittenAsAStar) {
  const DeploymentFile file = read("[[deployment]]\nservers = '*'\n").file;
  EXPECT_EQ(find_deployment(file, ip("10.0.0.1")), 0u);
  EXPECT_EQ(find_deployment(file, ip("fe80::1")), 0u);
}

TEST(Deployment, HasItsOwnWordBeforeTheCommonOne) {
  const DeploymentFile file = read(kTwoServers).file;
  const Deployment controllers = merged(file.common, file.deployments[0]);
  EXPECT_EQ(controllers.policies.size(), 2u);
  EXPECT_EQ(controllers.policies[0].value, "etc/common.netsh.txt");
  EXPECT_EQ(controllers.host.edition, Edition::server);
  EXPECT_EQ(controllers.host.restrict_remote_clients->value,
            RestrictRemoteClients::without_exceptions);
  EXPECT_EQ(controllers.host.registrations.size(), 1u);
  EXPECT_EQ(controllers.facts.domain_sid, "S-1-5-21-1-2-3");

  const Deployment others = merged(file.common, file.deployments[1]);
  EXPECT_EQ(others.host.edition, Edition::client);
  EXPECT_EQ(others.host.restrict_remote_clients->value, RestrictRemoteClients::authenticated);
}

TEST(Deployment, ReplacesACommonUserOfTheSameName) {
  const DeploymentFile file = read(
                                  "[[user]]\nname = 'corp\\a'\ngroups = 'BA'\n"
                                  "[[deployment]]\nservers = '*'\n"
                                  "[[deployment.user]]\nname = 'CORP\\A'\ngroups = 'BU'\n")
                                  .file;
  const Deployment deployment = merged(file.common, file.deployments[0]);
  ASSERT_EQ(deployment.facts.users.size(), 1u);
  EXPECT_THAT(deployment.facts.users[0].sids, ElementsAre("BU"));
}

struct FaultCase {
  const char* text;
  const char* place;
  const char* words;  // in the message or the hint
};

constexpr FaultCase kFaults[] = {
    {"polices = 'a'\n", "1:1 unknown-key", "did you mean `policies`?"},
    {"[[deployment]]\nservers = '*'\nserver = 1\n", "3:1 unknown-key", "did you mean `servers`?"},
    {"[registry]\nRestrictRemoteClient = 1\n", "2:1 unknown-key", "`restrict_remote_clients`"},
    {"[ports]\nrange = '1-2'\n", "2:1 unknown-key", "`ranges`"},
    {"[[user]]\nname = 'a'\ngroup = 'BA'\n", "3:1 unknown-key", "`groups`"},
    {"[[client]]\naddresses = '10.0.0.1'\naddress = 1\n", "3:1 unknown-key", "`addresses`"},
    {"[[image]]\nimage = 'a.exe'\nport = 1\npip = 'x'\n", "4:1 unknown-key", "`pipe`"},
    {"[[class]]\nclsid = 1\napp_id = '69ad4aee-51be-439b-a92c-86ae490e8b30'\n", "2:9 bad-value",
     "`clsid` is to be a string"},
    {"sku = 'workstation'\n", "1:7 bad-value", "`server` or `client`"},
    {"policies = 7\n", "1:12 bad-value", "list of strings"},
    {"policies = ['a', '']\n", "1:18 bad-value", "not empty"},
    {"image = 'x'\n", "1:9 bad-value", "[[image]]"},
    {"[registry]\nrestrict_remote_clients = 3\n", "2:27 bad-value", "0, 1 or 2"},
    {"[registry]\nrestrict_receiving_ntlm = 3\n", "2:27 bad-value", "0 to 2"},
    {"[registry]\nrestrict_sending_ntlm = 'deny'\n", "2:25 bad-value", "`Audit all`"},
    {"[registry]\nenable_auth_ep_resolution = 2\n", "2:29 bad-value", "`true` or `false`"},
    {"[ports]\nranges = '9-1'\n", "2:10 bad-port", "no range of ports"},
    {"[ports]\nranges = '70000'\n", "2:10 bad-port", "`70000`"},
    {"[[static_port]]\nservice = 'NTDS'\n", "1:1 no-port", "`port`"},
    {"[[interface]]\nuuid = 'x'\nflags = 0\n", "2:8 bad-uuid", "`x`"},
    {"[[interface]]\nflags = 0\n", "1:1 no-registration", "`uuid`"},
    {"[[interface]]\nuuid = '12345678-1234-abcd-ef00-01234567cffb'\nflags = 'ALOW_SECURE_ONLY'\n",
     "3:9 unknown-flag", "`ALLOW_SECURE_ONLY`"},
    {"[[deployment]]\nname = 'x'\n", "1:1 no-servers", "servers = "},
    {"[[deployment]]\nservers = ['10.0.0.300']\n", "2:12 bad-address", "`10.0.0.300`"},
    {"[[deployment]]\nservers = ['10.0.0.1/24']\n", "2:12 bad-address", "10.0.0.0/24"},
    {"[[deployment]]\nservers = ['10.0.0.0/33']\n", "2:12 bad-address", "10.0.0.0/33"},
    {"[[deployment]]\nservers = '::/0'\n[[deployment]]\nservers = '*'\n", "4:11 server-twice",
     "`deployment 1`"},
    {"[[image]]\nimage = 'a.exe'\n", "1:1 no-endpoint", "`interface`"},
    {"[[image]]\nport = 135\n", "1:1 no-image", "`image`"},
    {"[[user]]\nsid = 'BA'\n", "1:1 no-user", "`name`"},
    {"[[user]]\nname = 'a'\ngroups = ['Domain Admins']\n", "3:11 bad-sid", "S-1-5-21"},
    {"[[client]]\nuser = 'a'\n", "1:1 no-addresses", "`addresses`"},
    {"[[client]]\naddresses = '10.0.0.1'\nuser = 'bob'\n", "3:8 unknown-user", "`bob`"},
    {"domain_sid = 'BA'\n", "1:14 bad-sid", "a domain"},
    {"user_tables = 'no.csv'\n", "1:15 unreadable-file", "No such file"},
    {"a = 1\na = 2\n", "2:5 bad-toml", "a"},
    {"a = [\n", "1:7 bad-toml", ""},
};

// Each part of a key is a table within the one before: the parser nests as deep as they do.
TEST(Deployment, BoundsThePartsOfAKey) {
  std::string deep = "a";
  for (int i = 0; i < 100'000; ++i) deep += ".a";
  EXPECT_THAT(read("# one line\n" + deep + " = 1\n").places(),
              ElementsAre("etc/rpcaudit.toml:2:1 bad-toml"));
  EXPECT_THAT(read("[" + deep + "]\n").places(), ElementsAre("etc/rpcaudit.toml:1:1 bad-toml"));
  for (const std::string& text :
       {"domain_sid = 'S-1-5-21-1-2-3' # " + deep + "\n", "policies = [\"" + deep + "\"]\n",
        "policies = [\"\"\"\n" + deep + "\"\"\"]\n"}) {
    for (const std::string& place : read(text).places()) {
      EXPECT_EQ(place.find("bad-toml"), std::string::npos) << place;
    }
  }
}

TEST(Deployment, WithAFaultIsRefusedAtItsPlace) {
  for (const FaultCase& fault : kFaults) {
    const ReadDeployment read_file = read(fault.text);
    ASSERT_FALSE(read_file.diagnostics.empty()) << fault.text;
    const Diagnostic& first = read_file.diagnostics[0];
    EXPECT_EQ(first.severity, Severity::error) << fault.text;
    EXPECT_EQ(read_file.places()[0], std::string("etc/rpcaudit.toml:") + fault.place) << fault.text;
    EXPECT_NE((first.message + ' ' + first.hint).find(fault.words), std::string::npos)
        << first.message << " / " << first.hint;
  }
}

TEST(Deployment, ThatIsNoTextIsRefused) {
  EXPECT_THAT(read(std::string_view("\0\1\2", 3)).places(),
              ElementsAre("etc/rpcaudit.toml:1:1 not-a-deployment"));
}

TEST(Deployment, MayBeWrittenInUtf16) {
  std::string bytes = "\xff\xfe";
  for (const char c : std::string_view("sku = 'client'\r\n")) bytes.append({c, '\0'});
  const ReadDeployment read_file = read(bytes);
  EXPECT_THAT(read_file.places(), IsEmpty());
  EXPECT_EQ(read_file.file.common.host.edition, Edition::client);
}

struct UserTableCase {
  const char* text;
  std::vector<std::string> users;   // `name: sids`
  std::vector<std::string> places;  // of diagnostics in the table
};

std::vector<std::string> users_of(const DeploymentFile& file) {
  std::vector<std::string> users;
  for (const CallerToken& token : file.common.facts.users) {
    std::string text = token.name + ':';
    for (const std::string& sid : token.sids) text += ' ' + sid;
    users.push_back(text);
  }
  return users;
}

TEST(UserTable, IsReadAsSpreadsheetsWriteIt) {
  const UserTableCase cases[] = {
      {"user,sid,groups\nCORP\\a,S-1-5-21-1-2-3-9,BA BU\n",
       {"corp\\a: BA BU S-1-5-21-1-2-3-9"},
       {}},
      {"\"User\";\"Groups\"\r\n\"a\";\"S-1-5-32-544;S-1-5-11\"\r\n", {"a: AU BA"}, {}},
      {"groups\tuser\nBA\ta\nBU\tA\n", {"a: BA BU"}, {}},
      {"#TYPE Selected\nuser,groups\n\n\"say \"\"a\"\"\",BA\n", {"say \"a\": BA"}, {}},
      {"user,group\na,BA\n", {}, {"etc/u.csv:1:6 unknown-column"}},
      {"sid\nBA\n", {}, {"etc/u.csv:1:1 no-column"}},
      {"user,user\n", {}, {"etc/u.csv:1:6 column-twice"}},
      {"", {}, {"etc/u.csv:1:1 no-columns"}},
      {"user,sid\na,x\nb,BA,7\n\"c,BA\n,BA\n",
       {"a:"},
       {"etc/u.csv:2:3 bad-sid", "etc/u.csv:3:1 too-many-values", "etc/u.csv:4:1 unclosed-quote",
        "etc/u.csv:5:1 no-user"}},
  };
  for (const UserTableCase& row : cases) {
    const ReadDeployment read_file = read("user_tables = 'u.csv'\n", {{"etc/u.csv", row.text}});
    EXPECT_EQ(users_of(read_file.file), row.users) << row.text;
    EXPECT_EQ(read_file.places(), row.places) << row.text;
  }
}

TEST(ClassTable, MapsClassesToApplications) {
  const ReadDeployment read_file = read(
      "class_tables = ['c.csv']\n",
      {{"etc/c.csv",
        "CLSID,AppID\n{4991d34b-80a1-4291-83b6-3328366b9097},69ad4aee-51be-439b-a92c-86ae490e8b30\n"
        "x,69ad4aee-51be-439b-a92c-86ae490e8b30\n"}});
  ASSERT_EQ(read_file.file.common.facts.classes.size(), 1u);
  EXPECT_THAT(read_file.places(), ElementsAre("etc/c.csv:3:1 bad-uuid"));
}

TEST(FindUser, PrefersTheNameWithItsDomain) {
  const DeploymentFile file =
      read("[[user]]\nname = ['corp\\a', 'b@corp.example', 'a', 'c']\ngroups = 'BA'\n").file;
  const auto name = [&file](std::string_view user, std::string_view domain) {
    const CallerToken* found = find_user(file.common.facts.users, user, domain);
    return found == nullptr ? std::string("-") : found->name;
  };
  EXPECT_EQ(name("A", "Corp"), "corp\\a");
  EXPECT_EQ(name("A", "OTHER"), "a");
  EXPECT_EQ(name("B", "corp.example"), "b@corp.example");
  EXPECT_EQ(name("b@corp.example", ""), "b@corp.example");
  EXPECT_EQ(name("C", ""), "c");
  EXPECT_EQ(name("d", "corp"), "-");
  EXPECT_EQ(name("", "corp"), "-");
}

TEST(Deployment, TellsWhereTheUserOfAClientHasToStand) {
  const std::string user = "[[deployment.user]]\nname = 'a'\nsid = 'S-1-5-21-1-2-3-1000'\n";
  const std::string deployment = "[[deployment]]\nservers = ['10.0.0.1']\npolicies = ['p']\n";
  const ReadDeployment common =
      read("[[client]]\naddresses = ['10.0.0.5']\nuser = 'a'\n" + deployment + user);
  ASSERT_THAT(common.places(), ElementsAre("etc/rpcaudit.toml:3:8 unknown-user"));
  EXPECT_EQ(common.diagnostics[0].hint.find("deployment.user"), std::string::npos);
  EXPECT_THAT(
      read(deployment + user + "[[deployment.client]]\naddresses = ['10.0.0.5']\nuser = 'a'\n")
          .places(),
      IsEmpty());
}

// The program asks no name server: names come from an inventory.
TEST(Deployment, NamesServersByAnInventory) {
  const std::map<std::string, std::string> files = {
      {"etc/servers.csv",
       "Name,Address\ndc1.corp.example,10.0.0.1\nDC1.corp.example,fd00::1\ndc2,10.0.0.2\n"}};
  const ReadDeployment named = read(
      "server_tables = ['servers.csv']\n[[deployment]]\nname = 'a'\n"
      "servers = ['dc1', 'DC2', '10.0.0.9']\npolicies = ['p.txt']\n",
      files);
  EXPECT_THAT(named.places(), IsEmpty());
  std::vector<IpAddress> addresses;
  for (const Subnet& server : named.file.deployments.at(0).servers) {
    EXPECT_EQ(server.prefix, 128);
    addresses.push_back(server.address);
  }
  EXPECT_THAT(addresses,
              ElementsAre(ip("10.0.0.1"), ip("fd00::1"), ip("10.0.0.2"), ip("10.0.0.9")));
  EXPECT_THAT(read("[[deployment]]\nservers = ['dc3']\npolicies = ['p.txt']\n", files).places(),
              ElementsAre("etc/rpcaudit.toml:2:12 bad-address"));
  EXPECT_THAT(read("server_tables = ['servers.csv']\n[[deployment]]\nservers = ['dc1']\n",
                   {{"etc/servers.csv", "name,address\ndc1,x\n"}})
                  .places(),
              testing::Contains("etc/servers.csv:2:5 bad-address"));
}

}  // namespace
}  // namespace rpcaudit::policy
