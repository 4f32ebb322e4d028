#include <cstdint>
#include <cstdlib>
#include <string>
#include <vector>

#include "engine/policy/listings/endpoint_listing.h"

namespace {

using namespace rpcaudit;

void require(bool holds) {
  if (!holds) std::abort();
}

}  // namespace

// What tools that ask endpoint mappers print.
extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const policy::SourceText source = policy::SourceText::decode(std::string(data, data + size));
  std::vector<policy::Diagnostic> diagnostics;
  policy::Reporter reporter(diagnostics);
  const auto endpoints = policy::read_endpoint_listing(source, 0, reporter);
  for (const policy::ListedEndpoint& endpoint : endpoints) {
    require(!endpoint.protocol.empty());
    require((endpoint.port == 0) ==
            (endpoint.protocol == "ncacn_np" || endpoint.protocol == "ncalrpc"));
    require(endpoint.span.line >= 1 && endpoint.span.line <= source.line_count());
    require(endpoint.server != IpAddress::v4(0));
  }
  require(endpoints.empty() == (reporter.error_count() != 0));
  for (const policy::Diagnostic& diagnostic : diagnostics) {
    require(!policy::format(diagnostic, {{"input"}}, source).empty());
  }
  return 0;
}
