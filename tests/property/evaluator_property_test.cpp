// The compiled policy and the reference evaluator agree on every policy and every call.

#include <gtest/gtest.h>

#include <algorithm>
#include <array>
#include <cstdlib>
#include <random>
#include <span>
#include <string>

#include "engine/evaluate/compiled_policy.h"
#include "engine/evaluate/explain.h"
#include "engine/evaluate/filters/reference.h"
#include "engine/evaluate/sublayers.h"
#include "engine/policy/filter_weight.h"
#include "engine/policy/netsh/printer.h"

namespace rpcaudit {
namespace {

constexpr std::size_t kCallsPerContext = 5;
constexpr std::size_t kContextsPerPolicy = 4;

std::size_t case_count() {
  const char* wanted = std::getenv("RPCAUDIT_PROPERTY_CASES");
  return wanted == nullptr ? 100'000 : std::strtoull(wanted, nullptr, 10);
}

constexpr std::array<std::string_view, 4> kPipes{"\\PIPE\\lsarpc", "\\PIPE\\LSARPC",
                                                 "\\pipe\\lsass", "\\PIPE\\a"};
constexpr std::array<std::string_view, 7> kTrustees{
    "WD", "AN", "AU", "BA", "DA", "S-1-5-21-1-2-3-4", "S-1-5-21-1-2-3-512"};

// Values come from small domains, so that conditions often hold and often just miss.
class Generator {
 public:
  explicit Generator(std::uint64_t seed) : random_(seed) {
    tokens_[1].sids = {"BA", "S-1-5-21-1-2-3-512"};
    tokens_[2].sids = {"DA", "S-1-5-21-1-2-3-4"};
    tokens_[3].sids = {"DA", "S-1-5-21-1-2-3-512"};
    tokens_[3].domain_known = true;
    for (Uuid& app_id : app_ids_) app_id = small_uuid();
  }

  // Mostly of one layer, a few filters of others between.
  policy::Policy policy(policy::Layer layer, std::size_t filters_max) {
    policy::Policy policy;
    policy.files.emplace_back("generated");
    const std::size_t count = up_to(filters_max);
    for (std::size_t i = 0; i < count; ++i) {
      policy.filters.push_back(filter(one_in(12) ? any_layer() : layer));
    }
    return policy;
  }

  policy::Layer any_layer() { return static_cast<policy::Layer>(up_to(policy::kLayerCount - 1)); }

  // A target, sometimes with a row that no target has so.
  policy::TargetProfile profile() {
    policy::TargetProfile profile(static_cast<policy::Target>(up_to(policy::kTargetCount - 1)));
    if (one_in(3)) {
      const policy::DifferenceRow& row =
          policy::target_table()[up_to(policy::kDifferenceCount - 1)];
      profile.set(row.difference, row.behaviours[up_to(policy::kTargetCount - 1)]);
    }
    return profile;
  }

  evaluate::ContextFacts context() {
    evaluate::ContextFacts facts;
    facts.protocol =
        static_cast<dissect::ProtocolSequence>(up_to(dissect::kProtocolSequenceCount - 1));
    if (!one_in(6)) facts.if_uuid = small_uuid();
    if (!one_in(6)) facts.if_version = static_cast<std::uint16_t>(up_to(2));
    facts.local_address = address(one_in(3));
    facts.remote_address = address(one_in(3));
    facts.local_port = static_cast<std::uint16_t>(up_to(2));
    if (one_in(2)) facts.image_name = pipe();
    if (facts.protocol != dissect::ProtocolSequence::ncacn_np) return facts;
    if (!one_in(4)) facts.pipe = pipe();
    if (one_in(2)) facts.pipe_of_server = pipe();
    return facts;
  }

  evaluate::CallFacts call() {
    evaluate::CallFacts facts;
    facts.opnum = static_cast<std::uint16_t>(up_to(3));
    if (one_in(8)) facts.opnum.reset();
    facts.auth_type = auth_type();
    facts.auth_level = static_cast<std::uint8_t>(up_to(6));
    facts.auth_type_other = one_in(4) ? auth_type() : facts.auth_type;
    facts.auth_level_other = one_in(4) ? static_cast<std::uint8_t>(up_to(6)) : facts.auth_level;
    facts.auth_unseen = one_in(8);
    facts.dcom = truth();
    facts.anonymous = truth();
    facts.authenticated = truth();
    if (one_in(2)) facts.token = &tokens_[up_to(tokens_.size() - 1)];
    if (one_in(2)) facts.app_id = &app_ids_[up_to(app_ids_.size() - 1)];
    return facts;
  }

  std::size_t up_to(std::size_t most) {
    return std::uniform_int_distribution<std::size_t>(0, most)(random_);
  }
  bool one_in(std::size_t count) { return up_to(count - 1) == 0; }

 private:
  evaluate::Truth truth() { return static_cast<evaluate::Truth>(up_to(2)); }

  std::uint8_t auth_type() {
    constexpr std::array<std::uint8_t, 4> kTypes{0, 9, 10, 16};
    return kTypes[up_to(3)];
  }

  Uuid small_uuid() {
    Uuid uuid;
    uuid.bytes[up_to(1) * 15] = static_cast<std::uint8_t>(up_to(2));
    if (one_in(8)) uuid.bytes.fill(0xff);
    return uuid;
  }

  IpAddress address(bool v6) {
    if (!v6) return IpAddress::v4(one_in(8) ? 0xffff'ffff : static_cast<std::uint32_t>(up_to(3)));
    IpAddress address;
    address.bytes[0] = 0xfe;
    address.bytes[15] = static_cast<std::uint8_t>(up_to(2));
    return address;
  }

  std::string_view pipe() { return kPipes[up_to(kPipes.size() - 1)]; }

  policy::Filter filter(policy::Layer layer) {
    constexpr std::array<policy::Action, 7> kActions{
        policy::Action::permit,   policy::Action::permit, policy::Action::permit,
        policy::Action::block,    policy::Action::block,  policy::Action::block,
        policy::Action::continue_};
    policy::Filter filter;
    filter.layer = layer;
    filter.action = kActions[up_to(kActions.size() - 1)];
    filter.audit = one_in(5);
    filter.by_api = one_in(4);
    filter.by_separate_processes = one_in(8);
    filter.audit_parameters = filter.audit && one_in(4);
    if (one_in(8)) filter.enforcer = policy::Enforcer::rpc_firewall;
    if (one_in(8)) filter.weight = one_in(2) ? up_to(3) : std::uint64_t{1} << up_to(63);
    const std::span<const policy::Field> fields = policy::fields_by_weight(layer);
    const std::size_t runs = one_in(8) ? 0 : 1 + up_to(2);
    for (std::size_t i = 0; i < runs; ++i) {
      const auto field = policy::legal_on(policy::Field::if_uuid, layer) && one_in(3)
                             ? policy::Field::if_uuid
                             : fields[up_to(fields.size() - 1)];
      const std::size_t alternatives = one_in(3) ? 2 + up_to(1) : 1;
      for (std::size_t j = 0; j < alternatives; ++j) filter.conditions.push_back(condition(field));
    }
    return filter;
  }

  policy::Condition condition(policy::Field field) {
    policy::Condition condition;
    condition.field = field;
    do {
      condition.match = one_in(2)
                            ? policy::MatchType::equal
                            : static_cast<policy::MatchType>(up_to(policy::kMatchTypeCount - 1));
    } while (!policy::legal_for(condition.match, policy::info(field).type));
    condition.data = data(field);
    condition.unreadable = one_in(16);
    condition.in_network_order =
        policy::info(field).type == policy::FieldType::address_v4 && one_in(4);
    if (condition.match == policy::MatchType::range) sort_ends(condition.data);
    return condition;
  }

  std::uint64_t number(policy::Field field) {
    switch (field) {
      case policy::Field::protocol: return up_to(4);
      case policy::Field::auth_type: return auth_type();
      case policy::Field::auth_level: return up_to(7);
      case policy::Field::opnum: return one_in(16) ? 0xffff : up_to(4);
      default: return up_to(3);
    }
  }

  policy::ConditionData data(policy::Field field) {
    switch (policy::info(field).type) {
      case policy::FieldType::uuid: return policy::UuidRange{small_uuid(), small_uuid()};
      case policy::FieldType::address_v4:
        return policy::AddressRange{address(false), address(false)};
      case policy::FieldType::address_v6: return policy::AddressRange{address(true), address(true)};
      case policy::FieldType::blob:
        return policy::TextRange{std::string(pipe()), std::string(pipe())};
      case policy::FieldType::security_descriptor: return descriptor();
      default: return policy::NumberRange{number(field), number(field)};
    }
  }

  static void sort_ends(policy::ConditionData& data) {
    std::visit(
        [](auto& range) {
          if constexpr (requires { range.high; }) {
            if (range.high < range.low) std::swap(range.low, range.high);
          }
        },
        data);
  }

  policy::SecurityDescriptor descriptor() {
    policy::SecurityDescriptor descriptor;
    descriptor.has_dacl = !one_in(12);
    const std::size_t count = up_to(3);
    descriptor.text = descriptor.has_dacl ? "D:" : "D:NO_ACCESS_CONTROL";
    for (std::size_t i = 0; i < count && descriptor.has_dacl; ++i) {
      policy::AccessEntry entry;
      entry.allow = !one_in(3);
      entry.mask = one_in(6) ? 0x20000 : policy::kMatchFilterRight;
      entry.trustee = kTrustees[up_to(kTrustees.size() - 1)];
      entry.conditional = one_in(8);
      descriptor.text += std::string(entry.conditional ? "(X" : "(") + (entry.allow ? "A" : "D");
      descriptor.text += entry.mask == policy::kMatchFilterRight ? ";;CC;;;" : ";;RC;;;";
      descriptor.text += entry.trustee + ')';
      descriptor.entries.push_back(std::move(entry));
    }
    return descriptor;
  }

  std::mt19937_64 random_;
  std::array<policy::CallerToken, 4> tokens_;
  std::array<Uuid, 4> app_ids_;
};

std::string text(const evaluate::FilterVerdict& verdict) {
  std::string text(to_string(verdict.action));
  text += " filter=" + std::to_string(verdict.filter);
  text += " unseen=" + std::to_string(verdict.unseen);
  if (verdict.undecidable_by_continue) text += " by_continue";
  if (verdict.undecidable_by_datagram) text += " by_datagram";
  if (verdict.by_audit_filter) text += " audit_only";
  if (verdict.readings_differ) text += " readings_differ";
  return text;
}

std::string text(const evaluate::ContextFacts& context, const evaluate::CallFacts& call) {
  std::string text(to_string(context.protocol));
  text += " if_uuid=" + (context.if_uuid ? to_string(*context.if_uuid) : "?");
  text += " if_version=" + (context.if_version ? std::to_string(*context.if_version) : "?");
  text += " local=" + to_string(context.local_address) + '#' + std::to_string(context.local_port);
  text += " remote=" + to_string(context.remote_address);
  text += " pipe=" + std::string(context.pipe.value_or("?"));
  text += " pipe_of_server=" + std::string(context.pipe_of_server.value_or("?"));
  text += " opnum=" + (call.opnum ? std::to_string(*call.opnum) : "?");
  text += " auth=" + std::to_string(call.auth_type) + '/' + std::to_string(call.auth_level);
  text += " other=" + std::to_string(call.auth_type_other) + '/' +
          std::to_string(call.auth_level_other);
  if (call.auth_unseen) text += " auth_unseen";
  for (const evaluate::Truth truth : {call.dcom, call.anonymous, call.authenticated}) {
    text += ' ' + std::to_string(static_cast<int>(truth));
  }
  text += " image=" + std::string(context.image_name.value_or("?"));
  text += " app_id=" + (call.app_id != nullptr ? to_string(*call.app_id) : "?");
  text += " token=";
  if (call.token != nullptr) {
    for (const std::string& sid : call.token->sids) text += sid + ',';
  }
  return text + "  (dcom, anonymous, authenticated: 0 no, 1 unknown, 2 yes)";
}

std::string text(const evaluate::EvaluationOptions& options) {
  std::string text = "layer " + std::string(to_string(options.layer));
  for (std::size_t i = 0; i < policy::kDifferenceCount; ++i) {
    const auto difference = static_cast<policy::Difference>(i);
    text += ", " + std::string(to_string(difference)) + ": ";
    text += to_string(options.profile[difference]);
  }
  return text + '\n';
}

std::string text(const policy::Policy& policy) {
  std::string text;
  for (std::size_t i = 0; i < policy.filters.size(); ++i) {
    const policy::Filter& filter = policy.filters[i];
    text += std::to_string(i) + ": " + policy::describe(filter);
    if (filter.enforcer == policy::Enforcer::rpc_firewall) text += " rpc_firewall";
    if (filter.weight) text += " weight=" + std::to_string(*filter.weight);
    if (filter.audit_parameters) text += " auditparameters";
    text += '\n';
  }
  return text;
}

// Over all layers and targets.
TEST(EvaluatorProperty, CompiledPoliciesMeanWhatTheReferenceSays) {
  const std::size_t cases = case_count();
  Generator generator(1);
  evaluate::NarrowedPolicy narrowed;
  std::array<std::size_t, 3> seen{};
  std::size_t alike = 0;
  for (std::size_t done = 0; done < cases;) {
    const evaluate::EvaluationOptions options{
        generator.one_in(2) ? policy::Layer::um : generator.any_layer(), generator.profile()};
    const policy::Policy policy = generator.policy(options.layer, generator.one_in(20) ? 60 : 7);
    const evaluate::CompiledPolicy compiled = evaluate::CompiledPolicy::compile(policy, options);
    for (std::size_t i = 0; i < kContextsPerPolicy; ++i) {
      const evaluate::ContextFacts context = generator.context();
      compiled.narrow(context, narrowed);
      for (std::size_t j = 0; j < kCallsPerContext; ++j, ++done) {
        const evaluate::CallFacts call = generator.call();
        const evaluate::FilterVerdict verdict = compiled.evaluate(narrowed, call).filters;
        const evaluate::FilterVerdict expected =
            evaluate::reference_verdict(policy, options, context, call);
        ++seen[static_cast<std::size_t>(expected.action)];
        ASSERT_EQ(text(verdict), text(expected))
            << text(options) << text(policy) << text(context, call) << '\n'
            << compiled.dump();
        evaluate::CallFacts other = call;
        other.opnum = generator.call().opnum;
        if (!call.opnum || !other.opnum) continue;
        evaluate::OpnumRange range(*call.opnum);
        compiled.split(narrowed, range);
        if (!range.contains(*other.opnum)) continue;
        ++alike;
        ASSERT_EQ(text(compiled.evaluate(narrowed, other).filters), text(verdict))
            << text(policy) << text(context, call) << "\nand opnum " << *other.opnum;
      }
    }
  }
  EXPECT_GT(alike, cases / 4);
  EXPECT_LT(alike, cases);
  // A generator that stopped producing one kind of verdict would prove little.
  for (const std::size_t count : seen) EXPECT_GT(count, cases / 50);
}

// A filter of the policy without its conditions, in a world where it matches.
policy::Filter without_conditions(const policy::Filter& filter, bool by_api) {
  policy::Filter bare;
  bare.action = filter.action;
  bare.audit = filter.audit;
  bare.enforcer = filter.enforcer;
  bare.by_api = by_api;
  return bare;
}

// The verdict in one of the worlds in which every unknown filter is known to match or not: bit i
// of `world` is for the i-th unknown one. Filters without conditions weigh the same, so that the
// newest decides; put in from the last to the first, they keep their order of evaluation.
evaluate::Verdict verdict_in_world(const policy::Policy& policy,
                                   const evaluate::Explanation& explanation, std::size_t world) {
  // Which reading of audit=enable holds is up to all filters.
  const bool by_api = evaluate::options_for(policy, {}).profile[policy::Difference::audit] !=
                      policy::Behaviour::logs_only;
  policy::Policy certain;
  for (const evaluate::FilterFinding& finding : explanation.filters) {
    const policy::Filter& filter = policy.filters[finding.filter];
    if (filter.layer != policy::Layer::um) continue;
    bool matches = finding.truth == evaluate::Truth::yes;
    if (finding.truth == evaluate::Truth::unknown) {
      matches = (world & 1) != 0;
      world >>= 1;
    }
    if (matches) certain.filters.push_back(without_conditions(filter, by_api));
  }
  std::reverse(certain.filters.begin(), certain.filters.end());
  return evaluate::explain(certain, {}, evaluate::ContextFacts{}, evaluate::CallFacts{}).verdict;
}

std::size_t count_unknown(const policy::Policy& policy, const evaluate::Explanation& explanation) {
  return static_cast<std::size_t>(
      std::count_if(explanation.filters.begin(), explanation.filters.end(),
                    [&](const evaluate::FilterFinding& finding) {
                      return finding.truth == evaluate::Truth::unknown &&
                             policy.filters[finding.filter].layer == policy::Layer::um;
                    }));
}

// From first principles: a verdict is decided if, and only if, all worlds agree on the action and
// on whether it is only logged.
TEST(EvaluatorProperty, UndecidableMeansThatUnknownFiltersCouldChangeTheVerdict) {
  const std::size_t cases = case_count() / 20;
  Generator generator(2);
  for (std::size_t done = 0; done < cases; ++done) {
    const policy::Policy policy = generator.policy(policy::Layer::um, 7);
    const evaluate::ContextFacts context = generator.context();
    const evaluate::CallFacts call = generator.call();
    const evaluate::Explanation explanation = evaluate::explain(policy, {}, context, call);
    const evaluate::Verdict first = verdict_in_world(policy, explanation, 0);
    bool agree = true;
    const std::size_t worlds = std::size_t{1} << count_unknown(policy, explanation);
    for (std::size_t world = 1; world < worlds && agree; ++world) {
      const evaluate::Verdict other = verdict_in_world(policy, explanation, world);
      agree = other.action == first.action &&
              other.filters.by_audit_filter == first.filters.by_audit_filter;
    }
    const evaluate::VerdictAction expected =
        agree ? first.action : evaluate::VerdictAction::undecidable;
    ASSERT_EQ(to_string(explanation.verdict.action), to_string(expected))
        << text(policy) << text(context, call);
    if (agree) {
      ASSERT_EQ(explanation.verdict.filters.by_audit_filter, first.filters.by_audit_filter)
          << text(policy) << text(context, call);
    }
  }
}

}  // namespace
}  // namespace rpcaudit
