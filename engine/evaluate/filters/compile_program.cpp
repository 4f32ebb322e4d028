#include <algorithm>
#include <initializer_list>
#include <limits>
#include <optional>
#include <utility>

#include "engine/evaluate/field_visibility.h"
#include "engine/evaluate/filters/access_check.h"
#include "engine/evaluate/filters/condition_truth.h"
#include "engine/evaluate/filters/program.h"
#include "engine/evaluate/filters/reference.h"
#include "engine/policy/filter_weight.h"

namespace rpcaudit::evaluate {
namespace {

constexpr std::uint64_t kLargest = std::numeric_limits<std::uint64_t>::max();

constexpr std::optional<std::uint64_t> next(std::uint64_t value) noexcept {
  return value == kLargest ? std::nullopt : std::optional(value + 1);
}

constexpr std::optional<std::uint64_t> previous(std::uint64_t value) noexcept {
  return value == 0 ? std::nullopt : std::optional(value - 1);
}

constexpr std::optional<Uint128> next(const Uint128& value) noexcept {
  if (value.low != kLargest) return Uint128{value.high, value.low + 1};
  return value.high == kLargest ? std::nullopt : std::optional(Uint128{value.high + 1, 0});
}

constexpr std::optional<Uint128> previous(const Uint128& value) noexcept {
  if (value.low != 0) return Uint128{value.high, value.low - 1};
  return value.high == 0 ? std::nullopt : std::optional(Uint128{value.high - 1, kLargest});
}

template <typename T>
struct Closed {
  T low;
  T high;
};

// The values that an ordering match accepts, as a range with both ends; low > high when none.
template <typename T>
Closed<T> closed_range(policy::MatchType match, const T& low, const T& high, const T& max) {
  const Closed<T> none{max, T{}};
  switch (match) {
    case policy::MatchType::equal: return {low, low};
    case policy::MatchType::greater_or_equal: return {low, max};
    case policy::MatchType::less_or_equal: return {T{}, low};
    case policy::MatchType::range: return {low, high};
    case policy::MatchType::greater: {
      const std::optional<T> first = next(low);
      return first ? Closed<T>{*first, max} : none;
    }
    case policy::MatchType::less: {
      const std::optional<T> last = previous(low);
      return last ? Closed<T>{T{}, *last} : none;
    }
    default: return none;
  }
}

ValueTest number_test(policy::MatchType match, std::uint64_t low, std::uint64_t high) {
  ValueTest test;
  test.low = low;
  switch (match) {
    case policy::MatchType::all_set: test.kind = ValueTest::Kind::all_set; return test;
    case policy::MatchType::any_set: test.kind = ValueTest::Kind::any_set; return test;
    case policy::MatchType::none_set: test.kind = ValueTest::Kind::none_set; return test;
    default: break;
  }
  const Closed<std::uint64_t> range = closed_range(match, low, high, kLargest);
  test.kind = ValueTest::Kind::number;
  test.low = range.low;
  test.high = range.high;
  return test;
}

std::uint64_t caller_truths(const policy::SecurityDescriptor& descriptor) {
  constexpr Truth kTruths[] = {Truth::no, Truth::unknown, Truth::yes};
  std::uint64_t truths = 0;
  for (const Truth anonymous : kTruths) {
    for (const Truth authenticated : kTruths) {
      const auto truth =
          static_cast<std::uint64_t>(access_check(descriptor, {anonymous, authenticated, nullptr}));
      truths |= truth << (2 * caller_state(anonymous, authenticated));
    }
  }
  return truths;
}

// Whether a context fixes the field, on the transports that have it.
bool is_fixed_by_context(policy::Field field) noexcept {
  const Visibility seen = visibility_of(field, dissect::ProtocolSequence::ncacn_np, {});
  return seen == Visibility::context || seen == Visibility::contested || seen == Visibility::absent;
}

class ProgramBuilder {
 public:
  ProgramBuilder(const policy::Policy& policy, const EvaluationOptions& options) {
    program_.policy = &policy;
    program_.options = options;
  }

  Program build() && {
    const std::vector<std::uint32_t> order =
        policy::evaluation_order(*program_.policy, program_.options.layer);
    program_.rules.reserve(order.size());
    for (const std::uint32_t filter : order) add_rule(filter);
    program_.by_interface.build();
    program_.by_client.build();
    program_.unseen_interface_ranks = ranks_without_interface(program_);
    return std::move(program_);
  }

 private:
  static bool is_of_interface(policy::Field field) noexcept {
    return field == policy::Field::if_uuid || field == policy::Field::if_version ||
           field == policy::Field::protocol;
  }

  void add_rule(std::uint32_t index) {
    const policy::Filter& filter = program_.policy->filters[index];
    profile_ = profile_of(program_, filter.enforcer);
    if (is_refused_on(filter, profile_)) return;
    Rule rule;
    rule.filter = index;
    rule.action = filter.action;
    rule.audit = filter.audit;
    rule.enforcer = filter.enforcer;
    rule.first_run = static_cast<std::uint32_t>(program_.runs.size());
    rule.context_runs =
        add_runs(filter, [](policy::Field field) { return is_fixed_by_context(field); });
    rule.call_runs = add_runs(filter, [this](policy::Field field) {
      const bool ignored = field == policy::Field::opnum &&
                           profile_[policy::Difference::opnum] == policy::Behaviour::ignored;
      return !ignored &&
             visibility_of(field, dissect::ProtocolSequence::ncacn_np, {}) == Visibility::call;
    });
    for (const policy::Condition& condition : filter.conditions) {
      if (visibility_of(condition.field, dissect::ProtocolSequence::ncacn_np, {}) !=
          Visibility::unseen)
        continue;
      rule.known = Truth::unknown;
      rule.unseen |= field_bit(condition.field);
    }
    bound_opnum(rule);
    for (std::uint32_t i = 0; i < rule.context_runs; ++i) {
      if (!is_of_interface(program_.runs[rule.first_run + i].field)) rule.is_of_interface = false;
    }
    for (const Run& run : std::span(program_.runs).last(rule.call_runs)) {
      const bool is_security =
          run.field == policy::Field::auth_type || run.field == policy::Field::auth_level;
      rule.has_security = rule.has_security || is_security;
    }
    file(rule, static_cast<std::uint32_t>(program_.rules.size()));
    program_.sublayers |= static_cast<std::uint8_t>(1u << static_cast<unsigned>(rule.sublayer()));
    program_.rules.push_back(rule);
  }

  // Adds the runs on the fields that `belongs` picks; returns how many.
  template <typename Belongs>
  std::uint32_t add_runs(const policy::Filter& filter, Belongs belongs) {
    std::uint32_t count = 0;
    for (std::span<const policy::Condition> rest = filter.conditions; !rest.empty();) {
      const std::span<const policy::Condition> conditions = take_run(rest, profile_);
      if (!belongs(conditions.front().field)) continue;
      Run run;
      run.field = conditions.front().field;
      run.first_test = static_cast<std::uint32_t>(program_.tests.size());
      run.test_count = static_cast<std::uint32_t>(conditions.size());
      for (const policy::Condition& condition : conditions) add_test(condition);
      program_.runs.push_back(run);
      ++count;
    }
    return count;
  }

  void add_test(const policy::Condition& condition) {
    ValueTest test;  // unknown, where the data is not of the field's type
    const policy::FieldType type = policy::info(condition.field).type;
    if (!condition.unreadable && policy::legal_for(condition.match, type)) {
      if (const auto* number = std::get_if<policy::NumberRange>(&condition.data)) {
        if (policy::is_integer(type) && type != policy::FieldType::address_v4) {
          test = number_test(condition.match, number->low, number->high);
        }
      } else if (const auto* uuid = std::get_if<policy::UuidRange>(&condition.data)) {
        if (type == policy::FieldType::uuid) {
          test = wide_test(condition.match, uuid->low.bytes, uuid->high.bytes);
        }
      } else if (const auto* address = std::get_if<policy::AddressRange>(&condition.data)) {
        test = address_test(condition, *address);
      } else if (const auto* text = std::get_if<policy::TextRange>(&condition.data)) {
        if (type == policy::FieldType::blob) test = text_test(condition.match, *text);
      } else if (type == policy::FieldType::security_descriptor) {
        test.kind = ValueTest::Kind::caller;
        const auto& descriptor = std::get<policy::SecurityDescriptor>(condition.data);
        test.low = caller_truths(descriptor);
        test.index = static_cast<std::uint32_t>(program_.descriptors.size());
        program_.descriptors.push_back(&descriptor);
      }
    }
    program_.tests.push_back(test);
  }

  ValueTest address_test(const policy::Condition& condition, const policy::AddressRange& address) {
    const policy::FieldType type = policy::info(condition.field).type;
    const bool never = never_holds_on(condition, profile_);
    if (type == policy::FieldType::address_v4) {
      ValueTest test =
          never ? number_test(policy::MatchType::less, 0, 0)
                : number_test(condition.match, address.low.v4_value(), address.high.v4_value());
      test.swapped = is_swapped_on(condition, profile_);
      return test;
    }
    if (type != policy::FieldType::address_v6) return {};
    if (never) return wide_test(policy::MatchType::less, {}, {});
    return wide_test(condition.match, address.low.bytes, address.high.bytes);
  }

  ValueTest wide_test(policy::MatchType match, const std::array<std::uint8_t, 16>& low,
                      const std::array<std::uint8_t, 16>& high) {
    const Closed<Uint128> range =
        closed_range(match, to_uint128(low), to_uint128(high), Uint128{kLargest, kLargest});
    ValueTest test;
    test.kind = ValueTest::Kind::uint128;
    test.index = static_cast<std::uint32_t>(program_.uint128s.size());
    program_.uint128s.push_back(range.low);
    program_.uint128s.push_back(range.high);
    return test;
  }

  ValueTest text_test(policy::MatchType match, const policy::TextRange& text) {
    ValueTest test;
    test.kind = ValueTest::Kind::text;
    test.match = match;
    test.index = static_cast<std::uint32_t>(program_.texts.size());
    program_.texts.push_back(text.low);
    program_.texts.push_back(text.high);
    return test;
  }

  // The opnums between the lowest and the highest that every run on `opnum` accepts.
  void bound_opnum(Rule& rule) const {
    std::uint64_t low = 0;
    std::uint64_t high = rule.opnum_high;
    for (std::uint32_t i = 0; i < rule.call_runs; ++i) {
      const Run& run = program_.runs[rule.first_run + rule.context_runs + i];
      if (run.field != policy::Field::opnum) continue;
      std::uint64_t run_low = kLargest;
      std::uint64_t run_high = 0;
      for (const ValueTest& test : tests_of(run)) {
        const bool is_range = test.kind == ValueTest::Kind::number;
        run_low = std::min(run_low, is_range ? test.low : 0);
        run_high = std::max(run_high, is_range ? test.high : kLargest);
      }
      low = std::max(low, run_low);
      high = std::min(high, run_high);
    }
    const bool is_empty = low > high;  // then some run accepts nothing
    rule.opnum_low = static_cast<std::uint16_t>(is_empty ? 1 : low);
    rule.opnum_high = static_cast<std::uint16_t>(is_empty ? 0 : high);
  }

  // Files the rule by its first run of nothing but equalities on the interface, else on the client.
  void file(Rule& rule, std::uint32_t rank) {
    const std::span<const Run> runs =
        std::span(program_.runs).subspan(rule.first_run, rule.context_runs);
    const auto names = [this](const Run& run, std::initializer_list<policy::Field> fields) {
      return std::find(fields.begin(), fields.end(), run.field) != fields.end() && is_equality(run);
    };
    for (std::uint32_t i = 0; i < rule.context_runs; ++i) {
      if (!names(runs[i], {policy::Field::if_uuid})) continue;
      for (const ValueTest& test : tests_of(runs[i])) {
        program_.by_interface.file(program_.uint128s[test.index], rank);
      }
      rule.filed_run = i;
      return;
    }
    for (const Run& run : runs) {
      if (!names(run, {policy::Field::remote_addr_v4, policy::Field::remote_addr_v6})) continue;
      for (const ValueTest& test : tests_of(run)) file_client(test, rank);
      return;
    }
    program_.other_ranks.push_back(rank);
  }

  void file_client(const ValueTest& test, std::uint32_t rank) {
    if (test.kind == ValueTest::Kind::uint128) {
      program_.by_client.file(program_.uint128s[test.index], rank);
      return;
    }
    const auto value = static_cast<std::uint32_t>(test.low);
    program_.by_client.file(to_uint128(IpAddress::v4(value).bytes), rank);
    if (!test.swapped) return;  // else it is read either way
    program_.by_client.file(to_uint128(IpAddress::v4(byte_swapped(value)).bytes), rank);
  }

  std::span<const ValueTest> tests_of(const Run& run) const {
    return std::span(program_.tests).subspan(run.first_test, run.test_count);
  }

  bool is_equality(const Run& run) const {
    const std::span<const ValueTest> tests = tests_of(run);
    return std::all_of(tests.begin(), tests.end(), [this](const ValueTest& test) {
      if (test.kind == ValueTest::Kind::number) return test.low == test.high;
      return test.kind == ValueTest::Kind::uint128 &&
             program_.uint128s[test.index] == program_.uint128s[test.index + 1];
    });
  }

  Program program_;
  policy::TargetProfile profile_;  // of the filter at hand
};

}  // namespace

Program compile_program(const policy::Policy& policy, const EvaluationOptions& options) {
  return ProgramBuilder(policy, options_for(policy, options)).build();
}

}  // namespace rpcaudit::evaluate
