#include <cstdint>
#include <cstdlib>
#include <string>
#include <string_view>
#include <vector>

#include "engine/policy/policy_text.h"
#include "engine/policy/source_text.h"
#include "engine/policy/validator.h"

namespace {

using namespace rpcaudit;

void require(bool holds) {
  if (!holds) std::abort();
}

// Settings of every dialect but the netsh script's, which has a target of its own.
void check_settings(const HostSettings& host) {
  for (const Placed<PortRange>& range : host.ports.ranges) {
    require(range.value.low <= range.value.high);
  }
  std::size_t assigned = 0;
  for (const IpsecPolicy& policy : host.ipsec.policies) {
    assigned += policy.assigned ? 1u : 0u;
    for (const IpsecRule& rule : policy.rules) {
      require(!rule.filters.empty());
      for (const IpsecFilter& filter : rule.filters) {
        require((filter.source.value & ~filter.source.mask) == 0);
        require((filter.destination.value & ~filter.destination.mask) == 0);
      }
    }
  }
  require(assigned <= 1);
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string bytes(data, data + size);
  const SourceText source = SourceText::decode(bytes);
  Policy policy;
  std::vector<Diagnostic> diagnostics;
  read_policy(bytes, "input", policy, diagnostics);
  validate(policy, diagnostics);
  for (const Diagnostic& diagnostic : diagnostics) {
    require(!diagnostic.code.empty() && !diagnostic.message.empty());
    require(diagnostic.span.line <= source.line_count());
    require(!format(diagnostic, policy, source).empty());
  }
  check_settings(policy.host);
  return 0;
}
