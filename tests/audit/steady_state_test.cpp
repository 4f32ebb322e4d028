// In the steady state the auditor and the JSON sink allocate nothing, however many calls pass.

#include <gtest/gtest.h>

#include "engine/policy/netsh/netsh_script.h"
#include "tests/audit/audit_feed.h"
#include "tests/support/allocation_counter.h"

namespace rpcaudit::test {
namespace {

// Takes everything, keeps nothing.
class NullTarget : public audit::OutputTarget {
 public:
  [[nodiscard]] bool write(std::string_view) override { return true; }
  [[nodiscard]] const std::string& error() const override { return error_; }

 private:
  std::string error_;
};

constexpr std::string_view kPolicy =
    "add rule layer=um actiontype=block\n"
    "add condition field=if_uuid matchtype=equal data=e3514235-4b06-11d1-ab04-00c04fc2dcd2\n"
    "add condition field=opnum matchtype=equal data=3\n"
    "add filter\n"
    "add rule layer=um actiontype=permit\n"
    "add condition field=remote_addr_v4 matchtype=equal data=0x0A4D0002\n"
    "add filter\n";

constexpr std::uint32_t kContexts = 64;
constexpr std::uint32_t kCallsPerContext = 8;

// One round: contexts come, make calls, are answered in another order, and go.
void feed_round(audit::Auditor& auditor, std::uint64_t round) {
  std::uint64_t sequence = round * 10'000 + 1;
  std::uint32_t call_slot = 0;
  for (std::uint32_t i = 0; i < kContexts; ++i) {
    dissect::RpcContext context = drsuapi_context();
    context.key = {i, static_cast<std::uint32_t>(round)};
    context.frame = frame_at(sequence++, 0);
    context.client.port = static_cast<std::uint16_t>(1024 + i);
    context.pipe = "\\PIPE\\a name that no short string holds";
    auditor.on_context(context);
    context.result = dissect::ContextResult::accepted;
    auditor.on_context_result(context);
    const std::uint32_t first = call_slot;
    for (std::uint32_t k = 0; k < kCallsPerContext; ++k) {
      dissect::RpcCall call = call_in(sequence++, static_cast<std::uint16_t>(k % 5), call_slot++);
      call.identity.user = "a user whose name no short string holds";
      call.identity.domain = k % 2 == 0 ? "LAB77" : "a domain that no short string holds";
      call.auth = dissect::AuthNumbers{10, 6, 0};
      auditor.on_call(context, call);
    }
    for (std::uint32_t slot = call_slot; slot-- > first;) {
      auditor.on_outcome({{slot, 1}, dissect::Outcome::response, 0, frame_at(sequence, 1000)});
    }
    auditor.on_context_closed(context.key);
  }
  auditor.on_watermark(sequence);
}

void expect_no_allocation(const audit::AuditOptions& options,
                          const evaluate::ServerPolicies& policies) {
  NullTarget target;
  audit::OutputBuffer buffer(target, false);
  const dissect::Limits limits;
  audit::JsonSink sink(
      buffer, &policies, [](std::uint32_t) { return std::string_view("a.pcap"); },
      limits.context_slots() + options.records_waiting_max);
  audit::Auditor auditor(limits, options, sink);
  for (std::uint64_t round = 0; round < 3; ++round) feed_round(auditor, round);  // warm
  const std::uint64_t before = allocations();
  constexpr std::uint64_t kRounds = 100;
  for (std::uint64_t round = 3; round < 3 + kRounds; ++round) feed_round(auditor, round);
  EXPECT_EQ(allocations() - before, 0u);
  auditor.on_watermark(kEnd);
  buffer.flush();
  EXPECT_EQ(auditor.tally().records_given_up, 0u);
}

TEST(SteadyState, AllocatesNothing) {
  policy::Policy policy;
  std::vector<policy::Diagnostic> diagnostics;
  policy::read_netsh_script(kPolicy, "policy.txt", policy, diagnostics);
  ASSERT_EQ(policy.filters.size(), 2u);
  const evaluate::ServerPolicies policies(std::move(policy), evaluate::EvaluationOptions{});

  audit::AuditOptions log;
  log.write_all = true;
  expect_no_allocation(log, policies);
  audit::AuditOptions findings;
  findings.policies = &policies;
  findings.mark_findings = true;
  expect_no_allocation(findings, policies);
  audit::AuditOptions both = findings;
  both.write_all = true;
  expect_no_allocation(both, policies);
}

}  // namespace
}  // namespace rpcaudit::test
