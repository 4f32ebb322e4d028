#include <cstddef>
#include <cstdint>

#include "engine/policy/documents/xml_policies.h"
#include "tests/fuzz/policy_checks.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace rpcaudit;
  fuzz::check_reader(
      data, size,
      [](const policy::SourceText& source, policy::Policy& policy, policy::Reporter& reporter) {
        policy::RegistryApplier values(policy, reporter);
        policy::read_xml_policies(source, 0, policy, values, reporter);
      });
  return 0;
}
