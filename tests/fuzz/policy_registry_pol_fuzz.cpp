#include <cstddef>
#include <cstdint>
#include <string>

#include "engine/policy/host/registry_dialects.h"
#include "tests/fuzz/policy_checks.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace rpcaudit;
  const std::string bytes(data, data + size);
  return fuzz::check_registry_reader(
      data, size,
      [&](const policy::SourceText&, std::uint32_t file, policy::RegistryApplier& values,
          policy::Reporter& reporter) {
        policy::read_registry_pol(bytes, file, values, reporter);
      });
}
