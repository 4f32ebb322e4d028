// The compiled IPsec rules and the slow evaluator agree on every policy and every connection, and
// so do the compiled policy and the reference with all controls.

#include <gtest/gtest.h>

#include <cstdlib>
#include <random>

#include "engine/evaluate/compiled_policy.h"
#include "engine/evaluate/controls/ipsec_rules.h"
#include "engine/evaluate/explain.h"

namespace rpcaudit {
namespace {

constexpr std::size_t kConnectionsPerPolicy = 8;

std::size_t case_count() {
  const char* wanted = std::getenv("RPCAUDIT_PROPERTY_CASES");
  return wanted == nullptr ? 100'000 : std::strtoull(wanted, nullptr, 10);
}

// Values come from small domains, so that filters often match and often tie.
class Generator {
 public:
  explicit Generator(std::uint64_t seed) : random_(seed) {}

  std::size_t up_to(std::size_t most) {
    return std::uniform_int_distribution<std::size_t>(0, most)(random_);
  }
  bool one_in(std::size_t count) { return up_to(count - 1) == 0; }

  policy::IpsecSettings settings() {
    policy::IpsecSettings settings;
    settings.domain_policy = one_in(8);
    settings.assume_assigned = one_in(8);
    const std::size_t policies = up_to(2);
    for (std::size_t i = 0; i < policies; ++i) {
      policy::IpsecPolicy& policy = settings.policies.emplace_back();
      policy.dynamic = one_in(3);
      policy.assigned = !one_in(3);
      const std::size_t rules = up_to(4);
      for (std::size_t r = 0; r < rules; ++r) policy.rules.push_back(rule());
    }
    return settings;
  }

  evaluate::IpsecConnection connection() {
    evaluate::IpsecConnection connection{{address(), port()}, {address(), port()}, protocol()};
    if (one_in(12)) connection.client.address = IpAddress{};  // IPv6
    return connection;
  }

  evaluate::ContextFacts context() {
    evaluate::ContextFacts facts;
    facts.protocol =
        static_cast<dissect::ProtocolSequence>(up_to(dissect::kProtocolSequenceCount - 1));
    if (!one_in(6)) facts.if_uuid = interface();
    facts.local_address = address();
    facts.remote_address = address();
    facts.local_port = port();
    facts.remote_port = port();
    facts.smb_caller = static_cast<evaluate::PipeOpener>(up_to(2));
    return facts;
  }

  evaluate::CallFacts call() {
    evaluate::CallFacts facts;
    facts.auth_level = static_cast<std::uint8_t>(up_to(6));
    facts.auth_level_other = facts.auth_level;
    facts.auth_unseen = one_in(8);
    facts.anonymous = static_cast<evaluate::Truth>(up_to(2));
    return facts;
  }

  policy::Policy policy() {
    policy::Policy policy;
    policy.files.emplace_back("generated");
    policy::HostSettings& host = policy.host;
    host.ipsec = settings();
    host.what_if_restrict_remote_clients = one_in(2);
    host.treat_loopback_as_remote = one_in(4);
    host.edition = static_cast<policy::Edition>(up_to(2));
    if (!one_in(3)) {
      host.restrict_remote_clients = {static_cast<policy::RestrictRemoteClients>(up_to(2)), {}};
    }
    const std::size_t registrations = up_to(3);
    for (std::size_t i = 0; i < registrations; ++i) {
      policy::InterfaceRegistration& one = host.registrations.emplace_back();
      one.interface = interface();
      one.flags = static_cast<std::uint32_t>(up_to(0x7f));
      if (!one_in(3)) one.has_callback = one_in(2);
    }
    if (!one_in(3)) policy.filters.push_back(filter());
    return policy;
  }

 private:
  Uuid interface() {
    Uuid uuid;
    uuid.bytes[15] = static_cast<std::uint8_t>(up_to(2));
    return uuid;
  }
  policy::Filter filter() {
    policy::Filter filter;
    filter.action = static_cast<policy::Action>(up_to(2));
    filter.audit = one_in(3);
    if (one_in(2)) {
      policy::Condition condition;
      condition.field = one_in(2) ? policy::Field::image_name : policy::Field::if_uuid;
      const Uuid wanted = interface();
      condition.data = policy::UuidRange{wanted, wanted};
      if (condition.field == policy::Field::image_name)
        condition.data = policy::TextRange{"a", "a"};
      filter.conditions.push_back(condition);
    }
    return filter;
  }
  IpAddress address() { return IpAddress::v4(0x0a00'0000 + static_cast<std::uint32_t>(up_to(3))); }
  std::uint16_t port() { return static_cast<std::uint16_t>(1 + up_to(2)); }
  std::uint8_t protocol() { return one_in(4) ? 17 : 6; }

  policy::IpsecAddress side() {
    policy::IpsecAddress side;
    side.port = one_in(2) ? port() : std::uint16_t{0};
    const std::size_t kind = up_to(3);
    if (kind == 0) return side;
    side.is_me = kind == 1;
    constexpr std::uint32_t kMasks[] = {0xffff'ffff, 0xffff'fffe, 0xffff'fffd, 0xff00'0000};
    side.mask = side.is_me ? 0 : kMasks[up_to(3)];
    side.value = address().v4_value() & side.mask;
    return side;
  }
  policy::IpsecRule rule() {
    policy::IpsecRule rule;
    rule.action = static_cast<policy::IpsecAction>(up_to(3));
    const std::size_t filters = 1 + up_to(2);
    for (std::size_t i = 0; i < filters; ++i) {
      policy::IpsecFilter filter;
      filter.source = side();
      filter.destination = side();
      filter.protocol = one_in(2) ? protocol() : std::uint8_t{0};
      filter.mirrored = one_in(2);
      rule.filters.push_back(filter);
    }
    return rule;
  }

  std::mt19937_64 random_;
};

TEST(IpsecProperty, CompiledRulesJudgeAsTheRulesAreWritten) {
  const std::size_t cases = case_count();
  std::array<std::size_t, 5> seen{};
  for (std::size_t i = 0; i < cases; ++i) {
    Generator generator(i);
    const policy::IpsecSettings settings = generator.settings();
    const evaluate::IpsecRules rules(settings);
    for (std::size_t k = 0; k < kConnectionsPerPolicy; ++k) {
      const evaluate::IpsecConnection connection = generator.connection();
      const evaluate::ControlVerdict fast = rules.judge(connection);
      const evaluate::IpsecFinding slow = evaluate::explain_ipsec(settings, connection);
      ASSERT_EQ(fast.action, slow.action) << "case " << i << ", connection " << k;
      ASSERT_EQ(fast.readings_differ, slow.is_ambiguous) << "case " << i << ", connection " << k;
      ASSERT_EQ(fast.item == evaluate::kNoItem, !slow.decided_by.has_value()) << "case " << i;
      if (slow.decided_by) {
        ASSERT_EQ(rules.place(fast.item), *slow.decided_by) << "case " << i << " connection " << k;
      }
      ++seen[static_cast<std::size_t>(fast.action)];
    }
  }
  for (const evaluate::ControlAction action :
       {evaluate::ControlAction::not_applicable, evaluate::ControlAction::would_permit,
        evaluate::ControlAction::would_block, evaluate::ControlAction::undecidable}) {
    EXPECT_GT(seen[static_cast<std::size_t>(action)], cases / 100) << to_string(action);
  }
}

TEST(ControlsProperty, CompiledPoliciesAndTheReferenceAgreeWithAllControls) {
  const std::size_t cases = case_count() / 4;
  for (std::size_t i = 0; i < cases; ++i) {
    Generator generator(i);
    const policy::Policy policy = generator.policy();
    const evaluate::CompiledPolicy compiled = evaluate::CompiledPolicy::compile(policy, {});
    const evaluate::ContextFacts context = generator.context();
    evaluate::NarrowedPolicy narrowed;
    compiled.narrow(context, narrowed);
    const evaluate::CallFacts call = generator.call();
    const evaluate::Verdict fast = compiled.evaluate(narrowed, call);
    const evaluate::Verdict slow = evaluate::explain(policy, {}, context, call).verdict;
    ASSERT_EQ(fast, slow) << "case " << i;
    // No control that would stop the call is ever outvoted.
    for (const evaluate::Control control : evaluate::kOtherControls) {
      if (fast.controls[control].action == evaluate::ControlAction::would_block) {
        ASSERT_EQ(fast.action, evaluate::VerdictAction::would_block) << "case " << i;
      }
    }
  }
}

}  // namespace
}  // namespace rpcaudit
