// What do the controls besides the RPC filters add to judging: to a call, and to a connection with
// its first call?

#include <benchmark/benchmark.h>

#include <cstdint>
#include <cstdlib>
#include <string>
#include <vector>

#include "bench/bench_policies.h"
#include "engine/audit/call_judge.h"
#include "engine/audit/tally/control_monitor.h"
#include "engine/policy/policy_text.h"

namespace rpcaudit::bench {
namespace {

constexpr std::size_t kContexts = 1024;

// The range of Microsoft's article, each port blocked for all and passed for a subnet.
std::string ipsec_script() {
  std::string script = "rpccfg.exe -pe 5001-5021 -d 0\n";
  const auto add = [&](unsigned port) {
    const std::string number = std::to_string(port);
    script += "ipseccmd -w REG -p P -r \"Block " + number + "\" -f *=0:" + number +
              ":TCP -n BLOCK\nipseccmd -w REG -p P -r \"Allow " + number +
              "\" -f 10.77.0.0/255.255.0.0=0:" + number + ":TCP -n PASS\n";
  };
  add(135);
  for (unsigned port = 5001; port <= 5021; ++port) add(port);
  return script + "ipseccmd -w REG -p P -x\n";
}

evaluate::ServerPolicies policies_with(bool all_controls) {
  policy::Policy policy;
  std::vector<policy::Diagnostic> diagnostics;
  policy::read_policy(thousand_filters(), "filters", policy, diagnostics);
  if (all_controls) {
    policy::read_policy(ipsec_script(), "ports", policy, diagnostics);
    policy::read_policy(
        "REGEDIT4\n[HKEY_LOCAL_MACHINE\\SOFTWARE\\Policies\\Microsoft\\Windows NT\\Rpc]\n"
        "\"RestrictRemoteClients\"=dword:1\n",
        "registry", policy, diagnostics);
    policy.host.use_observed_registrations = true;
  }
  for (const policy::Diagnostic& diagnostic : diagnostics) {
    if (diagnostic.severity == policy::Severity::error) std::abort();
  }
  return {std::move(policy), {}};
}

dissect::RpcContext context_of(std::uint32_t slot) {
  dissect::RpcContext context;
  context.key = {slot, 1};
  context.client = {IpAddress::v4(0x0a4d'0100 + slot % 256),
                    static_cast<std::uint16_t>(50'000 + slot)};
  context.server = {IpAddress::v4(0x0a4d'0001), static_cast<std::uint16_t>(5001 + slot % 21)};
  context.abstract_syntax = dissect::SyntaxId{uuid("e3514235-4b06-11d1-ab04-00c04fc2dcd2"), 4, 0};
  context.result = dissect::ContextResult::accepted;
  context.auth = dissect::AuthNumbers{10, 6, 0};
  return context;
}

dissect::RpcCall call_of(std::uint16_t opnum) {
  dissect::RpcCall call;
  call.opnum = opnum;
  call.auth = dissect::AuthNumbers{10, 6, 0};
  return call;
}

// As the auditor does it, call after call on connections that are known.
void judge_calls(benchmark::State& state) {
  const evaluate::ServerPolicies policies = policies_with(state.range(0) != 0);
  audit::CallJudge judge(policies);
  audit::CallJudge::ContextState known;
  audit::ControlTally tally;
  audit::ControlMonitor monitor(tally);
  const dissect::RpcContext context = context_of(0);
  std::uint16_t opnum = 0;
  for ([[maybe_unused]] auto _ : state) {
    opnum = static_cast<std::uint16_t>((opnum + 1) % 28);
    const dissect::RpcCall call = call_of(opnum);
    std::optional<audit::Judgement> judgement = judge.judge(context, call, known).judgement;
    monitor.note_call(policies.compiled(judgement->policy).controls(), context, call,
                      judgement->verdict);
    benchmark::DoNotOptimize(judgement);
  }
}
BENCHMARK(judge_calls)->ArgName("all_controls")->Arg(0)->Arg(1);

// Connections with as many calls each, every one new.
void judge_connections(benchmark::State& state) {
  const evaluate::ServerPolicies policies = policies_with(state.range(0) != 0);
  audit::CallJudge judge(policies);
  std::vector<audit::CallJudge::ContextState> known(kContexts);
  audit::ControlTally tally;
  audit::ControlMonitor monitor(tally);
  std::uint32_t generation = 1;
  std::uint32_t slot = 0;
  for ([[maybe_unused]] auto _ : state) {
    slot = (slot + 1) % kContexts;
    if (slot == 0) ++generation;
    dissect::RpcContext context = context_of(slot);
    context.key.generation = generation;
    monitor.note_context(context);
    for (std::uint16_t opnum = 0; opnum < state.range(1); ++opnum) {
      const dissect::RpcCall call = call_of(opnum);
      std::optional<audit::Judgement> judgement = judge.judge(context, call, known[slot]).judgement;
      monitor.note_call(policies.compiled(judgement->policy).controls(), context, call,
                        judgement->verdict);
      benchmark::DoNotOptimize(judgement);
    }
  }
  state.SetItemsProcessed(state.iterations() * state.range(1));
}
BENCHMARK(judge_connections)->ArgNames({"all_controls", "calls"})->ArgsProduct({{0, 1}, {1, 8}});

}  // namespace
}  // namespace rpcaudit::bench

BENCHMARK_MAIN();
