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

inline Condition condition(Field field, MatchType match, ConditionData data) {
  Condition condition;
  condition.field = field;
  condition.match = match;
  condition.data = std::move(data);
  return condition;
}

inline Condition number(Field field, MatchType match, std::uint64_t low, std::uint64_t high) {
  return condition(field, match, NumberRange{low, high});
}
inline Condition number(Field field, MatchType match, std::uint64_t value) {
  return number(field, match, value, value);
}
inline Condition number(Field field, std::uint64_t value) {
  return number(field, MatchType::equal, value);
}
inline Condition interface(const Uuid& uuid) {
  return condition(Field::if_uuid, MatchType::equal, UuidRange{uuid, uuid});
}
inline Condition pipe(std::string_view name) {
  return condition(Field::pipe, MatchType::equal, TextRange{std::string(name), std::string(name)});
}
inline Condition image(std::string_view name) {
  return condition(Field::image_name, MatchType::equal,
                   TextRange{std::string(name), std::string(name)});
}
inline Condition address(Field field, MatchType match, std::string_view low,
                         std::string_view high) {
  return condition(
      field, match,
      AddressRange{parse_ip(low).value_or(IpAddress{}), parse_ip(high).value_or(IpAddress{})});
}
inline Condition address(Field field, std::string_view text) {
  return address(field, MatchType::equal, text, text);
}
inline Condition caller(std::string_view sddl) {
  const SddlResult result = parse_sddl(sddl);
  return condition(Field::remote_user_token, MatchType::equal, result.descriptor);
}

inline Filter filter(Action action, std::vector<Condition> conditions) {
  Filter filter;
  filter.layer = Layer::um;
  filter.action = action;
  filter.conditions = std::move(conditions);
  return filter;
}
inline Filter permit(std::vector<Condition> conditions) {
  return filter(Action::permit, std::move(conditions));
}
inline Filter block(std::vector<Condition> conditions) {
  return filter(Action::block, std::move(conditions));
}
inline Filter go_on(std::vector<Condition> conditions) {
  return filter(Action::continue_, std::move(conditions));
}
inline Filter audited(Filter filter) {
  filter.audit = true;
  return filter;
}
inline Filter on_layer(Layer layer, Filter filter) {
  filter.layer = layer;
  return filter;
}

inline Policy policy(std::vector<Filter> filters) {
  Policy policy;
  policy.files.emplace_back("policy.txt");
  policy.filters = std::move(filters);
  for (std::uint32_t i = 0; i < policy.filters.size(); ++i) {
    policy.filters[i].span = {0, i + 1, 1, 1};
  }
  return policy;
}

// A call of opnum 0 on SAMR over TCP, from 10.0.0.2 to 10.0.0.1 port 49152.
inline ContextFacts samr_over_tcp() {
  ContextFacts facts;
  facts.if_uuid = kSamr;
  facts.if_version = std::uint16_t{1};
  facts.local_address = IpAddress::v4(0x0a00'0001);
  facts.remote_address = IpAddress::v4(0x0a00'0002);
  facts.local_port = 49152;
  return facts;
}
inline ContextFacts samr_over_pipe() {
  ContextFacts facts = samr_over_tcp();
  facts.protocol = ProtocolSequence::ncacn_np;
  facts.local_port = 445;
  facts.pipe = "\\PIPE\\samr";
  return facts;
}
inline ContextFacts samr_over(ProtocolSequence protocol) {
  ContextFacts facts = protocol == ProtocolSequence::ncacn_np ? samr_over_pipe() : samr_over_tcp();
  facts.protocol = protocol;
  return facts;
}

// What the compiled policy says, which must be what the reference says.
inline Verdict judge_for(const EvaluationOptions& options, const Policy& policy,
                         const ContextFacts& context, const CallFacts& call) {
  const CompiledPolicy compiled = CompiledPolicy::compile(policy, options);
  NarrowedPolicy narrowed;
  compiled.narrow(context, narrowed);
  const Verdict verdict = compiled.evaluate(narrowed, call);
  if (verdict != explain(policy, options, context, call).verdict) {
    throw std::logic_error("compiled and explained verdicts differ:\n" + compiled.dump());
  }
  return verdict;
}

inline Verdict judge(const Policy& policy, const ContextFacts& context, const CallFacts& call) {
  return judge_for({}, policy, context, call);
}

// The verdict in one line: action, deciding filter, and what else is to be said.
inline std::string text(const Verdict& verdict) {
  std::string text(to_string(verdict.action));
  if (verdict.filter != kNoFilter) text += " by " + std::to_string(verdict.filter);
  for (std::size_t i = 0; i < kFieldCount; ++i) {
    const auto field = static_cast<Field>(i);
    if ((verdict.unseen & field_bit(field)) != 0) text += " ?" + std::string(to_string(field));
  }
  if (verdict.undecidable_by_continue) text += " only-continue";
  if (verdict.undecidable_by_datagram) text += " datagram";
  if (verdict.audit_only) text += " audit-only";
  if (verdict.readings_differ) text += " readings-differ";
  return text;
}

// The truth of one condition: a block on it permits, blocks or is undecidable.
inline Truth truth(const Condition& condition, const ContextFacts& context, const CallFacts& call) {
  switch (judge(policy({block({condition})}), context, call).action) {
    case VerdictAction::would_permit: return Truth::no;
    case VerdictAction::would_block: return Truth::yes;
    case VerdictAction::undecidable: break;
  }
  return Truth::unknown;
}

}  // namespace rpcaudit::test
