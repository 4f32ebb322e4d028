#include "engine/evaluate/filters/near_match.h"

#include <algorithm>
#include <array>
#include <string_view>

#include "engine/evaluate/field_visibility.h"
#include "engine/evaluate/filters/condition_truth.h"
#include "engine/policy/text/spelling.h"

namespace rpcaudit::evaluate {
namespace {

// Pipes that one process serves: which of the names the engine compares is not documented.
constexpr std::array<std::string_view, 4> kLsassPipes{"\\pipe\\lsass", "\\pipe\\lsarpc",
                                                      "\\pipe\\samr", "\\pipe\\netlogon"};

bool is_lsass_pipe(std::string_view pipe) noexcept {
  return std::any_of(kLsassPipes.begin(), kLsassPipes.end(), [pipe](std::string_view name) {
    return policy::equal_ignoring_case(name, pipe);
  });
}

std::string pipe_match_note(const policy::Condition& condition, const ContextFacts& context,
                            const CallFacts& call, const policy::TargetProfile& profile) {
  const Reading strict{.other_endpoints = true};
  if (condition_truth(condition, context, call, profile, strict) == Truth::yes) return {};
  return "by the name that the client opened; the server calls it " +
         policy::printable(*context.pipe_of_server);
}

std::string pipe_miss_note(const policy::Condition& condition, const ContextFacts& context) {
  const auto* text = std::get_if<policy::TextRange>(&condition.data);
  if (text == nullptr || condition.match != policy::MatchType::equal) return {};
  for (const std::optional<std::string_view>& pipe : {context.pipe, context.pipe_of_server}) {
    if (pipe && policy::equal_ignoring_case(text->low, *pipe)) {
      return "differs in case only: pipe names are compared byte by byte";
    }
  }
  for (const std::optional<std::string_view>& pipe : {context.pipe, context.pipe_of_server}) {
    if (pipe && is_lsass_pipe(text->low) && is_lsass_pipe(*pipe)) {
      return "another name of the same server process: which one Windows compares is not "
             "documented";
    }
  }
  return {};
}

std::string pipe_note(const policy::Condition& condition, Truth truth, const ContextFacts& context,
                      const CallFacts& call, const policy::TargetProfile& profile) {
  if (truth == Truth::unknown) return {};
  return truth == Truth::yes ? pipe_match_note(condition, context, call, profile)
                             : pipe_miss_note(condition, context);
}

// Tools that set such conditions on Windows hand the address over in network order.
std::string v4_note(const policy::Condition& condition, Truth truth, const ContextFacts& context,
                    const CallFacts& call, const policy::TargetProfile& profile) {
  if (condition.in_network_order) return {};
  ContextFacts swapped = context;
  for (IpAddress* address : {&swapped.local_address, &swapped.remote_address}) {
    if (address->is_v4()) *address = IpAddress::v4(byte_swapped(address->v4_value()));
  }
  const Truth other = condition_truth(condition, swapped, call, profile, {});
  if (other == truth) return {};
  if (profile[policy::Difference::v4_byte_order] == policy::Behaviour::swapped) {
    return truth == Truth::yes ? "in network order, as Windows is believed to compare; as "
                                 "documented it would not match"
                               : "compared in network order; as documented it would match";
  }
  return truth == Truth::yes
             ? "as documented; Windows is believed to compare the bytes in reverse and not to match"
             : "Windows is believed to compare the bytes in reverse, which would match";
}

std::string address_note(const policy::Condition& condition, Truth truth,
                         const ContextFacts& context, const CallFacts& call,
                         const policy::TargetProfile& profile) {
  if (never_holds_on(condition, profile)) {
    return "on this target ranges and orders of addresses never match";
  }
  if (visibility_of(condition.field, context.protocol, profile) == Visibility::contested) {
    return truth == Truth::yes ? "before Windows 11 25H2 a call over a named pipe has no address"
                               : std::string();
  }
  if (policy::info(condition.field).type != policy::FieldType::address_v4) return {};
  return v4_note(condition, truth, context, call, profile);
}

std::string security_note(const policy::Condition& condition, Truth truth,
                          const ContextFacts& context, const CallFacts& call,
                          const policy::TargetProfile& profile) {
  if (call.auth_unseen) return "the security trailer was not captured";
  const bool is_type = condition.field == policy::Field::auth_type;
  const Truth other = condition_truth(condition, context, call, profile, {.other_security = true});
  if (other == truth) return {};
  const std::uint8_t value = is_type ? call.auth_type_other : call.auth_level_other;
  std::string note = "other sources give the engine ";
  note += std::to_string(value);
  return note + (other == Truth::yes ? ", which matches" : ", which does not match");
}

std::string absence_note(policy::Field field, const ContextFacts& context) {
  if (field == policy::Field::protocol) return "netsh has no value for datagram RPC";
  if (field == policy::Field::local_port) {
    return "the endpoint of the call is its pipe, not port " + std::to_string(context.local_port) +
           " of the file server";
  }
  if (field != policy::Field::pipe) return "on this target calls over named pipes have no address";
  return {};
}

std::string describe_unnamed_trustees(const policy::Condition& condition) {
  const auto* descriptor = std::get_if<policy::SecurityDescriptor>(&condition.data);
  if (descriptor == nullptr) return {};
  for (const policy::AccessEntry& entry : descriptor->entries) {
    const bool known = entry.trustee == "WD" || entry.trustee == "AN" || entry.trustee == "AU";
    if (known || (entry.mask & policy::kMatchFilterRight) == 0) continue;
    return "whether the caller is " + policy::quoted(entry.trustee) + " is not on the wire";
  }
  return {};
}

}  // namespace

std::string condition_note(const policy::Condition& condition, Truth truth,
                           const ContextFacts& context, const CallFacts& call,
                           const policy::TargetProfile& profile) {
  if (visibility_of(condition.field, context.protocol, profile) == Visibility::absent) {
    return absence_note(condition.field, context);
  }
  if (condition.unreadable) return "the source of the policy does not tell what it asks for";
  switch (condition.field) {
    case policy::Field::pipe: return pipe_note(condition, truth, context, call, profile);
    case policy::Field::local_addr_v4:
    case policy::Field::local_addr_v6:
    case policy::Field::remote_addr_v4:
    case policy::Field::remote_addr_v6:
      return address_note(condition, truth, context, call, profile);
    case policy::Field::auth_type:
    case policy::Field::auth_level: return security_note(condition, truth, context, call, profile);
    case policy::Field::opnum:
      return profile[policy::Difference::opnum] == policy::Behaviour::ignored
                 ? "the target ignores conditions on `opnum`"
                 : std::string();
    case policy::Field::remote_user_token:
      return truth == Truth::unknown ? describe_unnamed_trustees(condition) : std::string();
    default: return {};
  }
}

}  // namespace rpcaudit::evaluate
