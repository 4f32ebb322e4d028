#include <cstdint>
#include <cstdlib>
#include <string>
#include <vector>

#include "engine/policy/deployment.h"
#include "engine/policy/policy.h"

namespace {

using namespace rpcaudit;

void require(bool holds) {
  if (!holds) std::abort();
}

}  // namespace

// A deployment file, and its own bytes again as every table that it names.
extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string bytes(data, data + size);
  DeploymentFile file;
  std::vector<Diagnostic> diagnostics;
  std::size_t tables = 0;
  const auto read = [&](const std::string&) -> NamedFile {
    if (++tables > 4) return {std::nullopt, "enough"};
    return {bytes, {}};
  };
  read_deployment(bytes, "input.toml", read, file, diagnostics);
  Policy policy;
  policy.files = file.files;
  for (const Diagnostic& diagnostic : diagnostics) {
    require(!diagnostic.code.empty() && diagnostic.span.file < file.files.size());
    require(!format(diagnostic, policy).empty());
  }
  for (std::size_t i = 0; i < file.deployments.size(); ++i) {
    const Deployment deployment = merged(file.common, file.deployments[i]);
    require(!deployment.name.empty());
    for (const Subnet& server : deployment.servers) {
      require(server.contains(server.address));
      require(find_deployment(file, server.address) != kNoDeployment);
    }
  }
  return 0;
}
