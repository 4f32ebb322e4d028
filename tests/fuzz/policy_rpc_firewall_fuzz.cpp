#include <cstddef>
#include <cstdint>

#include "engine/policy/listings/rpc_firewall_conf.h"
#include "tests/fuzz/policy_checks.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace rpcaudit;
  const auto read = [](const policy::SourceText& source, policy::Policy& policy,
                       policy::Reporter& reporter) {
    policy::read_rpc_firewall_conf(source, 0, policy, reporter);
  };
  fuzz::check_filters(fuzz::check_reader(data, size, read));
  return 0;
}
