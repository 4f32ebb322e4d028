#include <cstdint>
#include <cstdlib>
#include <string>
#include <string_view>
#include <vector>

#include "engine/policy/check/validator.h"
#include "engine/policy/netsh/netsh_script.h"
#include "engine/policy/netsh/printer.h"
#include "engine/policy/text/source_text.h"

namespace {

using namespace rpcaudit;

void require(bool holds) {
  if (!holds) std::abort();
}

// Every place lies in the file, and every message can be shown.
void check_diagnostics(const policy::Policy& policy, std::string_view bytes,
                       const std::vector<policy::Diagnostic>& diagnostics) {
  const policy::SourceText source = policy::SourceText::decode(bytes);
  for (const policy::Diagnostic& diagnostic : diagnostics) {
    require(!diagnostic.code.empty() && !diagnostic.message.empty());
    require(diagnostic.span.line <= source.line_count());
    require(!policy::format(diagnostic, policy.files, source).empty());
  }
}

// What was understood can be written down and understood again.
void check_round_trip(const policy::Policy& policy) {
  policy::Policy again;
  std::vector<policy::Diagnostic> diagnostics;
  policy::read_netsh_script(policy::print_netsh_script(policy), "printed", again, diagnostics);
  require(again.filters.size() == policy.filters.size());
  for (std::size_t i = 0; i < policy.filters.size(); ++i) {
    require(policy::same_meaning(policy.filters[i], again.filters[i]));
  }
  for (const policy::Diagnostic& diagnostic : diagnostics) {
    require(diagnostic.severity != policy::Severity::error);
  }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string bytes(data, data + size);
  policy::Policy policy;
  std::vector<policy::Diagnostic> diagnostics;
  policy::read_netsh_script(bytes, "input", policy, diagnostics);
  policy::validate(policy, diagnostics);
  check_diagnostics(policy, bytes, diagnostics);
  check_round_trip(policy);
  return 0;
}
