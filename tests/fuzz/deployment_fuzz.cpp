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
  policy::DeploymentFile file;
  std::vector<policy::Diagnostic> diagnostics;
  std::size_t tables = 0;
  const auto read = [&](const std::string&) -> rpcaudit::policy::NamedFile {
    if (++tables > 4) return {std::nullopt, "enough"};
    return {bytes, {}};
  };
  policy::read_deployment(bytes, "input.toml", read, file, diagnostics);
  policy::Policy policy;
  policy.files = file.files;
  for (const policy::Diagnostic& diagnostic : diagnostics) {
    require(!diagnostic.code.empty() && diagnostic.span.file < file.files.size());
    require(!policy::format(diagnostic, policy.files).empty());
  }
  for (std::size_t i = 0; i < file.deployments.size(); ++i) {
    const policy::Deployment deployment = policy::merged(file.common, file.deployments[i]);
    require(!deployment.name.empty());
    for (const policy::Subnet& server : deployment.servers) {
      require(server.contains(server.address));
      require(policy::find_deployment(file, server.address) != policy::kNoDeployment);
    }
  }
  return 0;
}
