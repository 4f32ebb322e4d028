// What does a policy cost: to read, to narrow for a context, to judge a call, by its size?

#include <benchmark/benchmark.h>

#include <cstdint>
#include <string>
#include <vector>

#include "bench/bench_policies.h"
#include "engine/evaluate/compiled_policy.h"
#include "engine/evaluate/facts.h"
#include "engine/policy/netsh/netsh_script.h"
#include "engine/policy/policy.h"
#include "engine/policy/text/diagnostic.h"

namespace rpcaudit::bench {
namespace {

policy::Policy read_policy(std::int64_t count) {
  policy::Policy policy;
  std::vector<policy::Diagnostic> diagnostics;
  policy::read_netsh_script(many_filters(static_cast<unsigned>(count)), "bench", policy,
                            diagnostics);
  return policy;
}

// An interface that one filter in twenty names.
evaluate::ContextFacts drsuapi_context() {
  evaluate::ContextFacts facts;
  facts.if_uuid = uuid("e3514235-4b06-11d1-ab04-00c04fc2dcd2");
  facts.if_version = 4;
  facts.local_port = 49664;
  return facts;
}

void read_script(benchmark::State& state) {
  const std::string script = thousand_filters();
  for ([[maybe_unused]] auto _ : state) {
    policy::Policy policy;
    std::vector<policy::Diagnostic> diagnostics;
    policy::read_netsh_script(script, "bench", policy, diagnostics);
    benchmark::DoNotOptimize(policy.filters.data());
  }
  state.SetBytesProcessed(static_cast<std::int64_t>(script.size()) * state.iterations());
}
BENCHMARK(read_script)->Unit(benchmark::kMillisecond);

void compile_policy(benchmark::State& state) {
  const policy::Policy policy = read_policy(state.range(0));
  for ([[maybe_unused]] auto _ : state) {
    const evaluate::CompiledPolicy compiled = evaluate::CompiledPolicy::compile(policy, {});
    benchmark::DoNotOptimize(&compiled);
  }
}
BENCHMARK(compile_policy)->Arg(10)->Arg(100)->Arg(1000)->Arg(10'000)->Arg(100'000);

void narrow_context(benchmark::State& state) {
  const policy::Policy policy = read_policy(state.range(0));
  const evaluate::CompiledPolicy compiled = evaluate::CompiledPolicy::compile(policy, {});
  const evaluate::ContextFacts context = drsuapi_context();
  evaluate::NarrowedPolicy narrowed;
  for ([[maybe_unused]] auto _ : state) {
    compiled.narrow(context, narrowed);
    benchmark::DoNotOptimize(narrowed.is_constant());
  }
}
BENCHMARK(narrow_context)->Arg(10)->Arg(100)->Arg(1000)->Arg(10'000);

void judge_call(benchmark::State& state) {
  const policy::Policy policy = read_policy(state.range(0));
  const evaluate::CompiledPolicy compiled = evaluate::CompiledPolicy::compile(policy, {});
  evaluate::NarrowedPolicy narrowed;
  compiled.narrow(drsuapi_context(), narrowed);
  evaluate::CallFacts call;
  for ([[maybe_unused]] auto _ : state) {
    call.opnum = static_cast<std::uint16_t>((*call.opnum + 1) % 28);
    benchmark::DoNotOptimize(compiled.evaluate(narrowed, call));
  }
}
BENCHMARK(judge_call)->Arg(10)->Arg(100)->Arg(1000)->Arg(10'000);

}  // namespace
}  // namespace rpcaudit::bench

BENCHMARK_MAIN();
