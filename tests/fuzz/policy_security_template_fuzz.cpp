#include <cstddef>
#include <cstdint>

#include "engine/policy/host/registry_dialects.h"
#include "tests/fuzz/policy_checks.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  return rpcaudit::fuzz::check_registry_reader(data, size,
                                               rpcaudit::policy::read_security_template);
}
