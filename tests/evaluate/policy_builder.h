#pragma once

#include <initializer_list>
#include <stdexcept>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "engine/evaluate/compiled_policy.h"
#include "engine/evaluate/explain.h"
#include "engine/policy/policy.h"

namespace rpcaudit::test {

// Policies made by hand, without the script reader.

inline constexpr Uuid kSamr = uuid("12345778-1234-abcd-ef00-0123456789ac");
inline constexpr Uuid kDrsuapi = uuid("e3514235-4b06-11d1-ab04-00c04fc2dcd2");
inline constexpr Uuid kSvcctl = uuid("367abb81-9844-35f1-ad32-98f038001003");

inline policy::Condition condition(policy::Field field, policy::MatchType match,
                                   policy::ConditionData data) {
  policy::Condition condition;
  condition.field = field;
  condition.match = match;
  condition.data = std::move(data);
  return condition;
}

inline policy::Condition number(policy::Field field, policy::MatchType match, std::uint64_t low,
                                std::uint64_t high) {
  return condition(field, match, policy::NumberRange{low, high});
}
inline policy::Condition number(policy::Field field, policy::MatchType match, std::uint64_t value) {
  return number(field, match, value, value);
}
inline policy::Condition number(policy::Field field, std::uint64_t value) {
  return number(field, policy::MatchType::equal, value);
}
inline policy::Condition interface(const Uuid& uuid) {
  return condition(policy::Field::if_uuid, policy::MatchType::equal, policy::UuidRange{uuid, uuid});
}
inline policy::Condition pipe(std::string_view name) {
  return condition(policy::Field::pipe, policy::MatchType::equal,
                   policy::TextRange{std::string(name), std::string(name)});
}
inline policy::Condition image(std::string_view name) {
  return condition(policy::Field::image_name, policy::MatchType::equal,
                   policy::TextRange{std::string(name), std::string(name)});
}
inline policy::Condition address(policy::Field field, policy::MatchType match, std::string_view low,
                                 std::string_view high) {
  return condition(field, match,
                   policy::AddressRange{parse_ip(low).value_or(IpAddress{}),
                                        parse_ip(high).value_or(IpAddress{})});
}
inline policy::Condition address(policy::Field field, std::string_view text) {
  return address(field, policy::MatchType::equal, text, text);
}
inline policy::Condition caller(std::string_view sddl) {
  const policy::SddlResult result = policy::parse_sddl(sddl);
  return condition(policy::Field::remote_user_token, policy::MatchType::equal, result.descriptor);
}

inline policy::Filter filter(policy::Action action, std::vector<policy::Condition> conditions) {
  policy::Filter filter;
  filter.layer = policy::Layer::um;
  filter.action = action;
  filter.conditions = std::move(conditions);
  return filter;
}
inline policy::Filter permit(std::vector<policy::Condition> conditions) {
  return filter(policy::Action::permit, std::move(conditions));
}
inline policy::Filter block(std::vector<policy::Condition> conditions) {
  return filter(policy::Action::block, std::move(conditions));
}
inline policy::Filter go_on(std::vector<policy::Condition> conditions) {
  return filter(policy::Action::continue_, std::move(conditions));
}
inline policy::Filter audited(policy::Filter filter) {
  filter.audit = true;
  return filter;
}
inline policy::Filter on_layer(policy::Layer layer, policy::Filter filter) {
  filter.layer = layer;
  return filter;
}

inline policy::Policy policy_of(std::vector<policy::Filter> filters) {
  policy::Policy policy;
  policy.files.emplace_back("policy.txt");
  policy.filters = std::move(filters);
  for (std::uint32_t i = 0; i < policy.filters.size(); ++i) {
    policy.filters[i].span = {0, i + 1, 1, 1};
  }
  return policy;
}

// A call of opnum 0 on SAMR over TCP, from 10.0.0.2 to 10.0.0.1 port 49152.
inline evaluate::ContextFacts samr_over_tcp() {
  evaluate::ContextFacts facts;
  facts.if_uuid = kSamr;
  facts.if_version = std::uint16_t{1};
  facts.local_address = IpAddress::v4(0x0a00'0001);
  facts.remote_address = IpAddress::v4(0x0a00'0002);
  facts.local_port = 49152;
  return facts;
}
inline evaluate::ContextFacts samr_over_pipe() {
  evaluate::ContextFacts facts = samr_over_tcp();
  facts.protocol = dissect::ProtocolSequence::ncacn_np;
  facts.local_port = 445;
  facts.pipe = "\\PIPE\\samr";
  return facts;
}
inline evaluate::ContextFacts samr_over(dissect::ProtocolSequence protocol) {
  evaluate::ContextFacts facts =
      protocol == dissect::ProtocolSequence::ncacn_np ? samr_over_pipe() : samr_over_tcp();
  facts.protocol = protocol;
  return facts;
}

// What the compiled policy says, which must be what the reference says.
inline evaluate::Verdict judge_for(const evaluate::EvaluationOptions& options,
                                   const policy::Policy& policy,
                                   const evaluate::ContextFacts& context,
                                   const evaluate::CallFacts& call) {
  const evaluate::CompiledPolicy compiled = evaluate::CompiledPolicy::compile(policy, options);
  evaluate::NarrowedPolicy narrowed;
  compiled.narrow(context, narrowed);
  const evaluate::Verdict verdict = compiled.evaluate(narrowed, call);
  if (verdict != evaluate::explain(policy, options, context, call).verdict) {
    throw std::logic_error("compiled and explained verdicts differ:\n" + compiled.dump());
  }
  return verdict;
}

inline evaluate::Verdict judge(const policy::Policy& policy, const evaluate::ContextFacts& context,
                               const evaluate::CallFacts& call) {
  return judge_for({}, policy, context, call);
}

// The verdict in one line: action, deciding filter, and what else is to be said.
inline std::string text(const evaluate::Verdict& verdict) {
  const evaluate::FilterVerdict& filters = verdict.deciding_filters();
  std::string text(to_string(verdict.action));
  if (filters.filter != evaluate::kNoFilter) text += " by " + std::to_string(filters.filter);
  for (std::size_t i = 0; i < policy::kFieldCount; ++i) {
    const auto field = static_cast<policy::Field>(i);
    if ((filters.unseen & evaluate::field_bit(field)) != 0)
      text += " ?" + std::string(to_string(field));
  }
  if (filters.undecidable_by_continue) text += " only-continue";
  if (filters.undecidable_by_datagram) text += " datagram";
  if (filters.by_audit_filter) text += " audit-only";
  if (verdict.readings_differ) text += " readings-differ";
  return text;
}

// The truth of one condition: a block on it permits, blocks or is undecidable.
inline evaluate::Truth truth(const policy::Condition& condition,
                             const evaluate::ContextFacts& context,
                             const evaluate::CallFacts& call) {
  switch (judge(policy_of({block({condition})}), context, call).action) {
    case evaluate::VerdictAction::would_permit: return evaluate::Truth::no;
    case evaluate::VerdictAction::would_block: return evaluate::Truth::yes;
    case evaluate::VerdictAction::undecidable: break;
  }
  return evaluate::Truth::unknown;
}

}  // namespace rpcaudit::test
