#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "dissect/endpoint.h"
#include "dissect/uuid.h"
#include "engine/policy/caller_token.h"
#include "engine/policy/host_settings.h"
#include "engine/policy/text/diagnostic.h"

namespace rpcaudit::policy {

// Addresses that begin with the same bits.
struct Subnet {
  IpAddress address;          // bits past the prefix are zero
  std::uint8_t prefix = 128;  // of the IPv6 or v4-mapped form: an IPv4 host has 128, a /24 has 120
  SourceSpan span;

  [[nodiscard]] bool contains(const IpAddress& other) const noexcept;
};

// Which program serves an endpoint. What is empty does not restrict; one thing at least is given.
struct ImageRow {
  std::string image;  // as conditions on image_name compare it, byte by byte
  std::optional<std::uint16_t> port;
  std::optional<std::string> pipe;  // \PIPE\name, in lower case
  std::optional<Uuid> interface;
  SourceSpan span;
};

// The application that a COM class belongs to.
struct ClassRow {
  Uuid clsid;
  Uuid app_id;
  SourceSpan span;
};

// Who calls from some hosts where the wire shows that a caller authenticates, but not as whom.
struct ClientUser {
  Subnet client;
  std::string user;  // names one of the users
  SourceSpan span;
};

// What the wire cannot show of a server and its callers.
struct HostFacts {
  std::vector<ImageRow> images;  // the first that fits an endpoint counts
  std::vector<CallerToken> users;
  std::vector<ClassRow> classes;  // the first of a class counts
  std::vector<ClientUser> client_users;
  std::string domain_sid;  // of the server's domain; empty: not given
};

// What holds for some servers. An empty member was not written.
struct Deployment {
  std::string name;
  std::vector<Subnet> servers;
  std::vector<Placed<std::string>> policies;  // files, relative ones as seen from the deployment's
  std::optional<Placed<std::string>> target;
  HostSettings host;
  HostFacts facts;
  SourceSpan span;
};

// A deployment file: which policies hold on which servers, and what is known of them besides.
struct DeploymentFile {
  std::vector<std::string> files;  // the file itself, then the tables it names; spans index them
  Deployment common;               // written before the first [[deployment]]: holds everywhere
  std::vector<Deployment> deployments;
};

inline constexpr std::size_t kNoDeployment = static_cast<std::size_t>(-1);

// The deployment with the longest prefix that contains the server, kNoDeployment without one.
[[nodiscard]] std::size_t find_deployment(const DeploymentFile& file,
                                          const IpAddress& server) noexcept;

// A deployment with what it has in common with the others: its own word comes first, lists add up.
[[nodiscard]] Deployment merged(const Deployment& common, const Deployment& own);

// The bytes of a file that a deployment names; when it cannot be read, nothing and the reason.
struct NamedFile {
  std::optional<std::string> bytes;
  std::string problem;
};
using ReadNamedFile = std::function<NamedFile(const std::string& path)>;

// Reads a deployment file (TOML 1.0; deployments/README.md lists the keys) and the tables of
// users and classes that it names. Never throws; everything to say is in `diagnostics`, in the
// order of files and lines, and unknown keys are errors. `read` is called once for each table, in
// the order in which the tables are appended to DeploymentFile::files; policies are left to the
// caller.
void read_deployment(std::string_view bytes, std::string_view name, const ReadNamedFile& read,
                     DeploymentFile& file, std::vector<Diagnostic>& diagnostics);

}  // namespace rpcaudit::policy
