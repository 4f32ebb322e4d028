#include "engine/evaluate/filters/run_truth.h"

#include "engine/evaluate/field_visibility.h"

namespace rpcaudit::evaluate {
namespace {

bool holds(const ValueTest& test, std::uint64_t value) noexcept {
  switch (test.kind) {
    case ValueTest::Kind::number: return test.low <= value && value <= test.high;
    case ValueTest::Kind::all_set: return (value & test.low) == test.low;
    case ValueTest::Kind::any_set: return (value & test.low) != 0;
    case ValueTest::Kind::none_set: return (value & test.low) == 0;
    default: return false;
  }
}

Truth number_truth(const ValueTest& test, std::span<const std::uint64_t> values) noexcept {
  if (values.empty() || test.kind == ValueTest::Kind::unknown) return Truth::unknown;
  const bool first = holds(test, values.front());
  for (const std::uint64_t value : values.subspan(1)) {
    if (holds(test, value) != first) return Truth::unknown;
  }
  return truth_of(first);
}

Truth uint128_truth(const Program& program, const ValueTest& test, const Uint128& value) noexcept {
  if (test.kind == ValueTest::Kind::unknown) return Truth::unknown;
  return truth_of(program.uint128s[test.index] <= value &&
                  value <= program.uint128s[test.index + 1]);
}

Truth text_truth(const Program& program, const ValueTest& test, std::string_view value) noexcept {
  if (test.kind == ValueTest::Kind::unknown) return Truth::unknown;
  const std::string_view low = program.texts[test.index];
  switch (test.match) {
    case policy::MatchType::equal: return truth_of(value == low);
    case policy::MatchType::greater: return truth_of(value > low);
    case policy::MatchType::less: return truth_of(value < low);
    case policy::MatchType::greater_or_equal: return truth_of(value >= low);
    case policy::MatchType::less_or_equal: return truth_of(value <= low);
    default: return truth_of(low <= value && value <= program.texts[test.index + 1]);
  }
}

// The other family never matches; IPv4 addresses are tested as numbers.
Truth address_truth(const Program& program, policy::Field field, const ValueTest& test,
                    const IpAddress& address, const Uint128& wide, bool other_endpoints) noexcept {
  if (test.kind == ValueTest::Kind::unknown) return Truth::unknown;
  const bool wants_v4 =
      field == policy::Field::local_addr_v4 || field == policy::Field::remote_addr_v4;
  if (address.is_v4() != wants_v4) return Truth::no;
  if (!wants_v4) return uint128_truth(program, test, wide);
  const std::uint32_t value = address.v4_value();
  return truth_of(holds(test, test.swapped && !other_endpoints ? byte_swapped(value) : value));
}

std::span<const ValueTest> tests_of(const Program& program, const Run& run) noexcept {
  return std::span(program.tests).subspan(run.first_test, run.test_count);
}

}  // namespace

CallValues::CallValues(const CallFacts& call, bool other_security) noexcept
    : opnum_(call.opnum ? Candidates(*call.opnum) : Candidates()),
      caller_{call.anonymous, call.authenticated, call.token},
      caller_state_(caller_state(call.anonymous, call.authenticated)),
      app_id_(call.app_id),
      may_have_app_id_(call.dcom != Truth::no) {
  if (!call.auth_unseen) {
    auth_type_ = Candidates(other_security ? call.auth_type_other : call.auth_type);
    auth_level_ = Candidates(other_security ? call.auth_level_other : call.auth_level);
    if (!other_security && call.auth_type == kNegotiateType) {
      auth_type_ = Candidates(kNegotiableTypes);
    }
  }
  if_flag_ = call.dcom == Truth::unknown ? Candidates(std::array<std::uint8_t, 2>{0, 1})
                                         : Candidates(call.dcom == Truth::yes ? 1 : 0);
}

const Candidates& CallValues::numbers(policy::Field field) const noexcept {
  switch (field) {
    case policy::Field::auth_type: return auth_type_;
    case policy::Field::auth_level: return auth_level_;
    case policy::Field::if_flag: return if_flag_;
    default: return opnum_;
  }
}

Truth CallValues::test_caller(const Program& program, const ValueTest& test) const noexcept {
  if (test.kind != ValueTest::Kind::caller) return Truth::unknown;
  if (caller_.token == nullptr) return caller_truth(test.low, caller_state_);
  return access_check(*program.descriptors[test.index], caller_);
}

Truth CallValues::test_app_id(const Program& program, const ValueTest& test) const noexcept {
  if (test.kind != ValueTest::Kind::uint128) return Truth::unknown;
  if (app_id_ != nullptr) return uint128_truth(program, test, to_uint128(app_id_->bytes));
  return may_have_app_id_ ? Truth::unknown : Truth::no;
}

Truth CallValues::truth(const Program& program, const Run& run) const noexcept {
  Truth truth = Truth::no;
  if (run.field == policy::Field::remote_user_token) {
    for (const ValueTest& test : tests_of(program, run)) {
      truth = truth_or(truth, test_caller(program, test));
    }
    return truth;
  }
  if (run.field == policy::Field::dcom_app_id) {
    for (const ValueTest& test : tests_of(program, run)) {
      truth = truth_or(truth, test_app_id(program, test));
    }
    return truth;
  }
  const std::span<const std::uint64_t> values = numbers(run.field).values();
  for (const ValueTest& test : tests_of(program, run)) {
    truth = truth_or(truth, number_truth(test, values));
  }
  return truth;
}

ContextValues::ContextValues(const ContextFacts& context) noexcept
    : context_(context),
      local_address_(to_uint128(context.local_address.bytes)),
      remote_address_(to_uint128(context.remote_address.bytes)) {
  if (context.if_uuid) interface_ = to_uint128(context.if_uuid->bytes);
}

Truth ContextValues::pipe_truth(const Program& program, const ValueTest& test,
                                bool other_endpoints) const noexcept {
  const std::optional<std::string_view>& server = context_.pipe_of_server;
  if (server && (other_endpoints || !context_.pipe)) return text_truth(program, test, *server);
  if (!context_.pipe) return Truth::unknown;
  const Truth truth = text_truth(program, test, *context_.pipe);
  return server ? truth_or(truth, text_truth(program, test, *server)) : truth;
}

Truth ContextValues::test(const Program& program, policy::Field field, const ValueTest& test,
                          bool other_endpoints) const noexcept {
  const auto number = [&test](std::uint64_t value) { return number_truth(test, {&value, 1}); };
  switch (field) {
    case policy::Field::if_uuid:
      return has_interface() ? uint128_truth(program, test, interface_) : Truth::unknown;
    case policy::Field::if_version:
      return context_.if_version ? number(*context_.if_version) : Truth::unknown;
    case policy::Field::protocol: return number(protocol_number(context_.protocol));
    case policy::Field::local_port: return number(context_.local_port);
    case policy::Field::image_name:
      return context_.image_name ? text_truth(program, test, *context_.image_name) : Truth::unknown;
    case policy::Field::pipe: return pipe_truth(program, test, other_endpoints);
    case policy::Field::local_addr_v4:
    case policy::Field::local_addr_v6:
      return address_truth(program, field, test, context_.local_address, local_address_,
                           other_endpoints);
    case policy::Field::remote_addr_v4:
    case policy::Field::remote_addr_v6:
      return address_truth(program, field, test, context_.remote_address, remote_address_,
                           other_endpoints);
    default: return Truth::unknown;
  }
}

bool ContextValues::depends_on_endpoints(policy::Field field) noexcept {
  switch (field) {
    case policy::Field::if_uuid:
    case policy::Field::if_version:
    case policy::Field::protocol: return false;
    default: return true;
  }
}

Truth ContextValues::truth(const Program& program, const policy::TargetProfile& profile,
                           const Run& run, bool other_endpoints) const noexcept {
  const Visibility seen = visibility_of(run.field, context_.protocol, profile);
  if (seen == Visibility::absent) return Truth::no;
  if (seen == Visibility::contested && other_endpoints && run.field != policy::Field::pipe)
    return Truth::no;
  Truth truth = Truth::no;
  for (const ValueTest& one : tests_of(program, run)) {
    truth = truth_or(truth, test(program, run.field, one, other_endpoints));
    if (truth == Truth::yes) break;
  }
  return truth;
}

}  // namespace rpcaudit::evaluate
