#include <cstddef>
#include <cstdint>

#include "engine/policy/host/rpccfg_command.h"
#include "tests/fuzz/policy_checks.h"

// Every line is the arguments of rpccfg, and of `netsh int`.
extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace rpcaudit;
  fuzz::check_reader(
      data, size,
      [](const policy::SourceText& source, policy::Policy& policy, policy::Reporter& reporter) {
        policy::ScriptReader reader(source, 0, reporter);
        policy::ScriptLine line;
        while (!reporter.is_full() && reader.next(line)) {
          policy::run_rpccfg(line.words, line.span, policy, reporter);
          policy::run_dynamicport(line.words, line.span, policy, reporter);
        }
      });
  return 0;
}
