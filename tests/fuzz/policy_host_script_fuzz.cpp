#include <cstddef>
#include <cstdint>

#include "engine/policy/host/host_script.h"
#include "tests/fuzz/policy_checks.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace rpcaudit;
  fuzz::check_reader(
      data, size,
      [](const policy::SourceText& source, policy::Policy& policy, policy::Reporter& reporter) {
        policy::read_host_script(source, 0, policy, reporter);
      });
  return 0;
}
