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

Policy read_listing(const std::string& text, std::vector<Diagnostic>& diagnostics) {
  Policy policy;
  policy.files.emplace_back("input");
  const SourceText source = SourceText::decode(text);
  Reporter reporter(diagnostics);
  read_show_filter(source, 0, policy, reporter);
  for (const Diagnostic& diagnostic : diagnostics) {
    require(!diagnostic.code.empty() && !diagnostic.message.empty());
    require(diagnostic.span.line <= source.line_count());
    require(!format(diagnostic, policy, source).empty());
  }
  return policy;
}

}  // namespace

// What was understood of a listing can be listed and understood again.
extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  std::vector<Diagnostic> diagnostics;
  const Policy policy = read_listing(std::string(data, data + size), diagnostics);
  std::vector<Diagnostic> again_said;
  const Policy again = read_listing(print_show_filter(policy), again_said);
  require(again.filters.size() == policy.filters.size());
  diagnostics.clear();
  validate(policy, diagnostics);
  return 0;
}
