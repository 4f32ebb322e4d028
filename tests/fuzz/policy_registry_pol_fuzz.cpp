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
      [&](const SourceText&, std::uint32_t file, RegistryApplier& values, Reporter& reporter) {
        read_registry_pol(bytes, file, values, reporter);
      });
}
