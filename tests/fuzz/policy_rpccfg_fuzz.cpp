#include <cstddef>
#include <cstdint>

#include "engine/policy/host/rpccfg_command.h"
#include "tests/fuzz/policy_checks.h"

// Every line is the arguments of rpccfg, and of `netsh int`.
extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace rpcaudit;
  fuzz::check_reader(data, size, [](const SourceText& source, Policy& policy, Reporter& reporter) {
    ScriptReader reader(source, 0, reporter);
    ScriptLine line;
    while (!reporter.is_full() && reader.next(line)) {
      run_rpccfg(line.words, line.span, policy, reporter);
      run_dynamicport(line.words, line.span, policy, reporter);
    }
  });
  return 0;
}
