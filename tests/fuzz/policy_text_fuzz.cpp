#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

#include "engine/policy/policy_text.h"
#include "tests/fuzz/policy_checks.h"

// Which form the bytes have, and whatever reader that leads to; each has a target of its own, too.
extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace rpcaudit;
  const std::string bytes(data, data + size);
  Policy policy;
  std::vector<Diagnostic> diagnostics;
  read_policy(bytes, "input", policy, diagnostics);
  validate(policy, diagnostics);
  fuzz::check_diagnostics(diagnostics, policy, SourceText::decode(bytes));
  fuzz::check_settings(policy.host);
  return 0;
}
