#include <cstddef>
#include <cstdint>

#include "engine/policy/documents/setting_pairs.h"
#include "tests/fuzz/policy_checks.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace rpcaudit;
  const auto read = [](auto reader) {
    return [reader](const policy::SourceText& source, policy::Policy& policy,
                    policy::Reporter& reporter) {
      policy::RegistryApplier values(policy, reporter);
      reader(source, 0, values, reporter);
    };
  };
  fuzz::check_reader(data, size, read(policy::read_setting_pairs));
  fuzz::check_reader(data, size, read(policy::read_device_policies));
  return 0;
}
