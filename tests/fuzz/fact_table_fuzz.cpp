#include <algorithm>
#include <cstdint>
#include <cstdlib>
#include <string>
#include <vector>

#include "engine/policy/deployments/fact_table.h"
#include "engine/policy/text/source_text.h"

namespace {

using namespace rpcaudit;

void require(bool holds) {
  if (!holds) std::abort();
}

}  // namespace

// The tables of users and of classes that a deployment names.
extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string bytes(data, data + size);
  policy::HostFacts facts;
  std::vector<policy::Diagnostic> diagnostics;
  policy::Reporter reporter(diagnostics);
  policy::read_user_table(bytes, 0, facts, reporter);
  policy::read_class_table(bytes, 0, facts, reporter);
  std::vector<policy::NamedServer> servers;
  policy::read_server_table(bytes, 0, servers, reporter);
  for (const policy::NamedServer& server : servers) require(!server.name.empty());
  policy::settle_users(facts);
  const policy::SourceText source = policy::SourceText::decode(bytes);
  for (const policy::Diagnostic& diagnostic : diagnostics) {
    require(diagnostic.span.line <= source.line_count());
  }
  for (const policy::CallerToken& token : facts.users) {
    require(std::is_sorted(token.sids.begin(), token.sids.end()));
    for (const std::string& sid : token.sids) require(token.has(sid));
    require(policy::find_user(facts.users, token.name, {}) == &token);
  }
  return 0;
}
