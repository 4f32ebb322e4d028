#include <cstdint>
#include <cstdlib>
#include <string>
#include <vector>

#include "engine/policy/check/validator.h"
#include "engine/policy/listings/show_filter.h"
#include "engine/policy/listings/show_filter_reader.h"
#include "engine/policy/text/reporter.h"

namespace {

using namespace rpcaudit;

void require(bool holds) {
  if (!holds) std::abort();
}

policy::Policy read_listing(const std::string& text, std::vector<policy::Diagnostic>& diagnostics) {
  policy::Policy policy;
  policy.files.emplace_back("input");
  const policy::SourceText source = policy::SourceText::decode(text);
  policy::Reporter reporter(diagnostics);
  policy::read_show_filter(source, 0, policy, reporter);
  for (const policy::Diagnostic& diagnostic : diagnostics) {
    require(!diagnostic.code.empty() && !diagnostic.message.empty());
    require(diagnostic.span.line <= source.line_count());
    require(!policy::format(diagnostic, policy.files, source).empty());
  }
  return policy;
}

}  // namespace

// What was understood of a listing can be listed and understood again.
extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  std::vector<policy::Diagnostic> diagnostics;
  const policy::Policy policy = read_listing(std::string(data, data + size), diagnostics);
  std::vector<policy::Diagnostic> again_said;
  const policy::Policy again = read_listing(policy::print_show_filter(policy), again_said);
  require(again.filters.size() == policy.filters.size());
  diagnostics.clear();
  policy::validate(policy, diagnostics);
  return 0;
}
