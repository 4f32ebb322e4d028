#include <cstddef>
#include <cstdint>

#include "engine/policy/host/ipsec_command.h"
#include "tests/fuzz/policy_checks.h"

// Every line is the arguments of one command of ipsecpol.
extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace rpcaudit;
  fuzz::check_reader(
      data, size,
      [](const policy::SourceText& source, policy::Policy& policy, policy::Reporter& reporter) {
        policy::IpsecCommands commands(policy, reporter);
        policy::ScriptReader reader(source, 0, reporter);
        policy::ScriptLine line;
        while (!reporter.is_full() && reader.next(line)) commands.run(line.words, line.span);
      });
  return 0;
}
