#include "engine/evaluate/filters/condition_truth.h"

#include <array>
#include <vector>

#include "engine/evaluate/field_visibility.h"
#include "engine/evaluate/filters/access_check.h"
#include "engine/policy/text/spelling.h"

namespace rpcaudit::evaluate {
namespace {

constexpr std::string_view kNotOnTheWire = "not on the wire";

template <typename T>
bool holds(policy::MatchType match, const T& value, const T& low, const T& high) {
  switch (match) {
    case policy::MatchType::equal: return value == low;
    case policy::MatchType::greater: return value > low;
    case policy::MatchType::less: return value < low;
    case policy::MatchType::greater_or_equal: return value >= low;
    case policy::MatchType::less_or_equal: return value <= low;
    case policy::MatchType::range: return low <= value && value <= high;
    default: return false;
  }
}

bool number_holds(policy::MatchType match, std::uint64_t value, std::uint64_t low,
                  std::uint64_t high) {
  switch (match) {
    case policy::MatchType::all_set: return (value & low) == low;
    case policy::MatchType::any_set: return (value & low) != 0;
    case policy::MatchType::none_set: return (value & low) == 0;
    default: return holds(match, value, low, high);
  }
}

// One known value, several possible ones, or none known (empty).
using Numbers = std::vector<std::uint64_t>;

Numbers auth_types(const CallFacts& call, const Reading& reading) {
  if (call.auth_unseen) return {};
  if (reading.other_security) return {call.auth_type_other};
  if (call.auth_type == kNegotiateType) return {kNegotiableTypes.begin(), kNegotiableTypes.end()};
  return {call.auth_type};
}

Numbers auth_levels(const CallFacts& call, const Reading& reading) {
  if (call.auth_unseen) return {};
  return {reading.other_security ? call.auth_level_other : call.auth_level};
}

Numbers interface_flags(const CallFacts& call) {
  switch (call.dcom) {
    case Truth::no: return {0};
    case Truth::yes: return {1};
    case Truth::unknown: break;
  }
  return {0, 1};
}

Numbers numbers(policy::Field field, const ContextFacts& context, const CallFacts& call,
                const Reading& reading) {
  switch (field) {
    case policy::Field::if_version:
      return context.if_version ? Numbers{*context.if_version} : Numbers{};
    case policy::Field::if_flag: return interface_flags(call);
    case policy::Field::protocol: return {protocol_number(context.protocol)};
    case policy::Field::auth_type: return auth_types(call, reading);
    case policy::Field::auth_level: return auth_levels(call, reading);
    case policy::Field::local_port: return {context.local_port};
    case policy::Field::opnum: return call.opnum ? Numbers{*call.opnum} : Numbers{};
    default: return {};
  }
}

Truth number_truth(const policy::Condition& condition, const Numbers& values) {
  const auto* data = std::get_if<policy::NumberRange>(&condition.data);
  if (data == nullptr || values.empty()) return Truth::unknown;
  bool some = false;
  bool all = true;
  for (const std::uint64_t value : values) {
    const bool meets = number_holds(condition.match, value, data->low, data->high);
    some = some || meets;
    all = all && meets;
  }
  return some == all ? truth_of(all) : Truth::unknown;
}

// An address of the other family is known not to match.
Truth address_truth(const policy::Condition& condition, const IpAddress& address, bool swapped) {
  const auto* data = std::get_if<policy::AddressRange>(&condition.data);
  if (data == nullptr) return Truth::unknown;
  const bool wants_v4 = policy::info(condition.field).type == policy::FieldType::address_v4;
  if (address.is_v4() != wants_v4) return Truth::no;
  if (!wants_v4) return truth_of(holds(condition.match, address, data->low, data->high));
  const std::uint32_t value = swapped ? byte_swapped(address.v4_value()) : address.v4_value();
  return truth_of(
      number_holds(condition.match, value, data->low.v4_value(), data->high.v4_value()));
}

Truth uuid_truth(const policy::Condition& condition, const std::optional<Uuid>& uuid) {
  const auto* data = std::get_if<policy::UuidRange>(&condition.data);
  if (data == nullptr || !uuid) return Truth::unknown;
  return truth_of(holds(condition.match, *uuid, data->low, data->high));
}

Truth text_truth(const policy::Condition& condition, const std::optional<std::string_view>& text) {
  const auto* data = std::get_if<policy::TextRange>(&condition.data);
  if (data == nullptr || !text) return Truth::unknown;
  return truth_of(holds<std::string_view>(condition.match, *text, data->low, data->high));
}

// Which of its names the engine compares is not documented, so that either may match.
Truth pipe_truth(const policy::Condition& condition, const ContextFacts& context,
                 const Reading& reading) {
  if (!context.pipe_of_server) return text_truth(condition, context.pipe);
  const Truth by_server = text_truth(condition, context.pipe_of_server);
  if (reading.other_endpoints || !context.pipe) return by_server;
  return truth_or(by_server, text_truth(condition, context.pipe));
}

std::string pipe_text(const ContextFacts& context) {
  if (!context.pipe_of_server) return policy::printable(*context.pipe);
  const std::string server = policy::printable(*context.pipe_of_server);
  if (!context.pipe) return server;
  if (*context.pipe == *context.pipe_of_server) return server;
  return policy::printable(*context.pipe) + ", to the server " + server;
}

Truth app_id_truth(const policy::Condition& condition, const CallFacts& call) {
  const bool is_none = call.app_id == nullptr && call.dcom == Truth::no;
  if (is_none && std::holds_alternative<policy::UuidRange>(condition.data)) return Truth::no;
  return uuid_truth(condition, call.app_id ? std::optional(*call.app_id) : std::nullopt);
}

Truth token_truth(const policy::Condition& condition, const CallFacts& call) {
  const auto* data = std::get_if<policy::SecurityDescriptor>(&condition.data);
  if (data == nullptr) return Truth::unknown;
  return access_check(*data, {call.anonymous, call.authenticated, call.token});
}

std::string app_id_text(const CallFacts& call) {
  if (call.app_id != nullptr) return to_string(*call.app_id) + ", as the deployment has it";
  return call.dcom == Truth::no ? "none: no call of DCOM" : std::string(kNotOnTheWire);
}

std::string caller_text(const CallFacts& call) {
  if (call.anonymous == Truth::yes) return "an anonymous caller";
  if (call.token != nullptr)
    return policy::printable(call.token->name) + ", as the deployment has it";
  return call.authenticated == Truth::yes ? "an authenticated caller, groups not on the wire"
                                          : std::string(kNotOnTheWire);
}

std::string flag_text(Truth dcom) {
  if (dcom == Truth::unknown) return "DCOM or not: not on the wire";
  return dcom == Truth::yes ? "0x00000001 (DCOM)" : "0x00000000";
}

std::string security_text(std::uint8_t value, const CallFacts& call) {
  return call.auth_unseen ? std::string(kNotOnTheWire) : std::to_string(value);
}

}  // namespace

Truth condition_truth(const policy::Condition& condition, const ContextFacts& context,
                      const CallFacts& call, const policy::TargetProfile& profile,
                      const Reading& reading) {
  const bool ignored = condition.field == policy::Field::opnum &&
                       profile[policy::Difference::opnum] == policy::Behaviour::ignored;
  if (ignored) return Truth::yes;
  switch (visibility_of(condition.field, context.protocol, profile)) {
    case Visibility::absent: return Truth::no;
    case Visibility::unseen: return Truth::unknown;
    case Visibility::contested:
      if (reading.other_endpoints && condition.field != policy::Field::pipe) return Truth::no;
      break;
    case Visibility::context:
    case Visibility::call: break;
  }
  const bool comparable = policy::legal_for(condition.match, policy::info(condition.field).type);
  if (condition.unreadable || !comparable) return Truth::unknown;
  if (never_holds_on(condition, profile)) return Truth::no;
  const bool swapped = is_swapped_on(condition, profile) && !reading.other_endpoints;
  switch (condition.field) {
    case policy::Field::remote_user_token: return token_truth(condition, call);
    case policy::Field::if_uuid: return uuid_truth(condition, context.if_uuid);
    case policy::Field::dcom_app_id: return app_id_truth(condition, call);
    case policy::Field::image_name: return text_truth(condition, context.image_name);
    case policy::Field::pipe: return pipe_truth(condition, context, reading);
    case policy::Field::local_addr_v4:
    case policy::Field::local_addr_v6:
      return address_truth(condition, context.local_address, swapped);
    case policy::Field::remote_addr_v4:
    case policy::Field::remote_addr_v6:
      return address_truth(condition, context.remote_address, swapped);
    default: return number_truth(condition, numbers(condition.field, context, call, reading));
  }
}

bool never_holds_on(const policy::Condition& condition,
                    const policy::TargetProfile& profile) noexcept {
  const policy::FieldType type = policy::info(condition.field).type;
  const bool is_address =
      type == policy::FieldType::address_v4 || type == policy::FieldType::address_v6;
  return is_address && condition.match != policy::MatchType::equal &&
         profile[policy::Difference::address_order] == policy::Behaviour::never;
}

bool is_swapped_on(const policy::Condition& condition,
                   const policy::TargetProfile& profile) noexcept {
  return policy::info(condition.field).type == policy::FieldType::address_v4 &&
         !condition.in_network_order &&
         profile[policy::Difference::v4_byte_order] == policy::Behaviour::swapped;
}

std::string seen_text(policy::Field field, const ContextFacts& context, const CallFacts& call,
                      const policy::TargetProfile& profile) {
  const Visibility seen = visibility_of(field, context.protocol, profile);
  if (seen == Visibility::absent && field != policy::Field::protocol) {
    return "none on " + std::string(to_string(context.protocol));
  }
  if (seen == Visibility::unseen) return std::string(kNotOnTheWire);
  std::string unseen(kNotOnTheWire);
  switch (field) {
    case policy::Field::remote_user_token: return caller_text(call);
    case policy::Field::if_uuid: return context.if_uuid ? to_string(*context.if_uuid) : unseen;
    case policy::Field::if_version:
      return context.if_version ? std::to_string(*context.if_version) : unseen;
    case policy::Field::if_flag: return flag_text(call.dcom);
    case policy::Field::dcom_app_id: return app_id_text(call);
    case policy::Field::image_name:
      return context.image_name ? policy::printable(*context.image_name) : unseen;
    case policy::Field::protocol: return std::string(to_string(context.protocol));
    case policy::Field::auth_type: return security_text(call.auth_type, call);
    case policy::Field::auth_level: return security_text(call.auth_level, call);
    case policy::Field::local_addr_v4:
    case policy::Field::local_addr_v6: return to_string(context.local_address);
    case policy::Field::local_port: return std::to_string(context.local_port);
    case policy::Field::pipe:
      return context.pipe || context.pipe_of_server ? pipe_text(context) : unseen;
    case policy::Field::remote_addr_v4:
    case policy::Field::remote_addr_v6: return to_string(context.remote_address);
    case policy::Field::opnum: return call.opnum ? std::to_string(*call.opnum) : unseen;
    default: return unseen;
  }
}

std::uint8_t protocol_number(dissect::ProtocolSequence protocol) noexcept {
  switch (protocol) {  // RPC_PROTSEQ_* of rpcasync.h
    case dissect::ProtocolSequence::ncacn_ip_tcp: return 1;
    case dissect::ProtocolSequence::ncacn_np: return 2;
    case dissect::ProtocolSequence::ncacn_http: return 4;
    case dissect::ProtocolSequence::ncadg_ip_udp: break;
  }
  return 0;
}

std::span<const policy::Condition> take_run(std::span<const policy::Condition>& conditions,
                                            const policy::TargetProfile& profile) noexcept {
  const bool joins = profile[policy::Difference::alternatives] == policy::Behaviour::applies;
  std::size_t size = 1;
  while (joins && size < conditions.size() && conditions[size].field == conditions[0].field) ++size;
  const std::span<const policy::Condition> run = conditions.first(size);
  conditions = conditions.subspan(size);
  return run;
}

}  // namespace rpcaudit::evaluate
