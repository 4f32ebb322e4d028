#include "tests/cost/step_counter.h"

namespace {

std::uint64_t steps = 0;

}  // namespace

// What the compiler calls at the begin of every basic block (-fsanitize-coverage=trace-pc).
extern "C" void __sanitizer_cov_trace_pc();
extern "C" void __sanitizer_cov_trace_pc() { ++steps; }

namespace rpcaudit::test {

std::uint64_t steps_taken() noexcept { return steps; }

}  // namespace rpcaudit::test
