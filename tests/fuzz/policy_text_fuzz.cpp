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
  policy::Policy policy;
  std::vector<policy::Diagnostic> diagnostics;
  policy::read_policy(bytes, "input", policy, diagnostics);
  policy::validate(policy, diagnostics);
  fuzz::check_diagnostics(diagnostics, policy, policy::SourceText::decode(bytes));
  fuzz::check_settings(policy.host);
  return 0;
}
