#include <cstdint>
#include <cstdlib>
#include <string>
#include <vector>

#include "engine/policy/rpc_firewall_conf.h"
#include "engine/policy/validator.h"

namespace {

using namespace rpcaudit;

void require(bool holds) {
  if (!holds) std::abort();
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const SourceText source = SourceText::decode(std::string(data, data + size));
  Policy policy;
  policy.files.emplace_back("input");
  std::vector<Diagnostic> diagnostics;
  Reporter reporter(diagnostics);
  read_rpc_firewall_conf(source, 0, policy, reporter);
  validate(policy, diagnostics);
  for (const Diagnostic& diagnostic : diagnostics) {
    require(!diagnostic.code.empty() && !diagnostic.message.empty());
    require(diagnostic.span.line <= source.line_count());
    require(!format(diagnostic, policy, source).empty());
  }
  for (const Filter& filter : policy.filters) {
    require(filter.layer == Layer::um && filter.span.line != 0);
    for (const Condition& condition : filter.conditions) {
      require(legal_on(condition.field, filter.layer));
      require(legal_for(condition.match, info(condition.field).type));
    }
  }
  return 0;
}
