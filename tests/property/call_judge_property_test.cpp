// What is remembered of earlier calls and contexts changes no verdict: policies narrowed for other
// contexts of an interface, verdicts by their places, kinds of call that are known.

#include <gtest/gtest.h>

#include <cstdlib>
#include <random>
#include <string>
#include <vector>

#include "engine/audit/call_judge.h"
#include "engine/policy/netsh/netsh_script.h"

namespace rpcaudit {
namespace {

class Generator {
 public:
  explicit Generator(std::uint64_t seed) : random_(seed) {}

  std::size_t up_to(std::size_t most) { return random_() % (most + 1); }

  // A script of a few filters, most of which name an interface.
  std::string script() {
    std::string script = "rpc filter\n";
    for (std::size_t filters = 1 + up_to(12); filters != 0; --filters) {
      const char* const actions[] = {"block", "permit", "continue", "block audit=enable"};
      script += std::string("add rule layer=um actiontype=") + actions[up_to(3)] + "\n";
      if (up_to(3) != 0) script += add("if_uuid", interface_text(up_to(2)));
      for (std::size_t more = up_to(2); more != 0; --more) script += condition();
      script += "add filter\n";
    }
    return script;
  }

  // A context of slot `slot`: another one than any before.
  dissect::RpcContext context(std::uint32_t slot) {
    dissect::RpcContext context;
    context.key = {slot, ++generation_};
    const bool is_pipe = up_to(3) == 0;
    context.protocol =
        is_pipe ? dissect::ProtocolSequence::ncacn_np : dissect::ProtocolSequence::ncacn_ip_tcp;
    if (is_pipe && up_to(1) == 0) context.pipe = "\\PIPE\\samr";
    context.client = {IpAddress::v4(0x0a4d'0002 + static_cast<std::uint32_t>(up_to(3))), 40000};
    context.server = {IpAddress::v4(0x0a4d'0001), static_cast<std::uint16_t>(5000 + up_to(1))};
    context.result =
        up_to(7) == 0 ? dissect::ContextResult::rejected : dissect::ContextResult::accepted;
    if (up_to(7) != 0) {
      context.abstract_syntax = dissect::SyntaxId{*parse_uuid(interface_text(up_to(3))),
                                                  static_cast<std::uint16_t>(1 + up_to(1)), 0};
    }
    return context;
  }

  dissect::RpcCall call() {
    dissect::RpcCall call;
    call.opnum = static_cast<std::uint16_t>(up_to(4));
    if (up_to(1) == 0) {
      call.auth = dissect::AuthNumbers{10, static_cast<std::uint8_t>(2 + up_to(4)), 0};
    }
    call.auth_unseen = !call.auth && up_to(5) == 0;
    return call;
  }

 private:
  static std::string add(const std::string& field, const std::string& data,
                         const std::string& match = "equal") {
    return "add condition field=" + field + " matchtype=" + match + " data=" + data + "\n";
  }
  static std::string interface_text(std::size_t which) {
    return "12345778-1234-abcd-ef00-0123456789a" + std::to_string(which);
  }
  std::string condition() {
    const std::string number = std::to_string(1 + up_to(3));
    const std::string match = up_to(1) == 0 ? "equal" : "greater";
    switch (up_to(6)) {
      case 0: return add("remote_addr_v4", "10.77.0." + number);
      case 1: return add("local_port", std::to_string(5000 + up_to(1)));
      case 2: return add("if_version", number, match);
      case 3: return add("protocol", up_to(1) == 0 ? "ncacn_np" : "ncacn_ip_tcp");
      case 4: return add("auth_level", number, match);
      case 5: return add("pipe", "\\PIPE\\samr");
      default: return add("opnum", number, match);
    }
  }

  std::mt19937_64 random_;
  std::uint32_t generation_ = 0;
};

evaluate::ServerPolicies policies_of(const std::string& script) {
  policy::Policy policy;
  std::vector<policy::Diagnostic> diagnostics;
  policy::read_netsh_script(script, "policy.txt", policy, diagnostics);
  return {std::move(policy), {}};
}

TEST(CallJudgeProperty, JudgesAsIfItRememberedNothing) {
  const char* const wanted = std::getenv("RPCAUDIT_PROPERTY_CASES");
  const std::size_t cases = wanted == nullptr ? 100'000 : std::strtoull(wanted, nullptr, 10);
  constexpr std::size_t kContexts = 40;
  constexpr std::size_t kCalls = 10;
  std::size_t blocked = 0;
  std::size_t shared = 0;
  for (std::size_t done = 0; done < cases;) {
    Generator generator(done);
    const std::string script = generator.script();
    const evaluate::ServerPolicies policies = policies_of(script);
    audit::CallJudge judge(policies);
    std::vector<audit::CallJudge::ContextState> states(4);
    for (std::size_t i = 0; i < kContexts; ++i) {
      const dissect::RpcContext context = generator.context(static_cast<std::uint32_t>(i % 4));
      for (std::size_t j = 0; j < kCalls; ++j, ++done) {
        const dissect::RpcCall call = generator.call();
        const audit::JudgeResult result = judge.judge(context, call, states[i % 4]);
        audit::CallJudge fresh(policies);
        audit::CallJudge::ContextState nothing;
        const audit::JudgeResult expected = fresh.judge(context, call, nothing);
        ASSERT_TRUE(result.judgement && expected.judgement);
        ASSERT_EQ(result.judgement->verdict, expected.judgement->verdict)
            << script << "context " << i << ", opnum " << call.opnum;
        if (expected.judgement->verdict.action == evaluate::VerdictAction::would_block) ++blocked;
      }
      evaluate::NarrowedPolicy narrow;
      policies.compiled(0).narrow(policies.context_facts_of(0, context), narrow);
      if (narrow.is_of_interface()) ++shared;
    }
  }
  EXPECT_GT(blocked, cases / 20);
  EXPECT_GT(shared, cases / kCalls / 20) << "few contexts share what is remembered";
  EXPECT_LT(shared, cases / kCalls * 19 / 20);
}

}  // namespace
}  // namespace rpcaudit
