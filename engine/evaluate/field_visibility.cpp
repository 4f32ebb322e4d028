#include "engine/evaluate/field_visibility.h"

#include <array>

namespace rpcaudit::evaluate {
namespace {

using enum Visibility;

struct SightRow {
  policy::Field field;
  // In the order of ProtocolSequence: ncacn_ip_tcp, ncacn_np, ncadg_ip_udp, ncacn_http.
  std::array<Visibility, dissect::kProtocolSequenceCount> sights;
};

// What a deployment says counts as seen. Whether calls over named pipes have addresses is up to the
// target. The endpoint of such a call is the pipe, so that it has no port, and only such a call has
// a pipe: by the name that the client opened, or by that of the server's endpoint. netsh has no
// value for the datagram protocol.
constexpr std::array<SightRow, policy::kWeightFieldCount> kSights{{
    {policy::Field::remote_user_token, {call, call, call, call}},
    {policy::Field::if_uuid, {context, context, context, context}},
    {policy::Field::if_version, {context, context, context, context}},
    {policy::Field::if_flag, {call, call, call, call}},
    {policy::Field::dcom_app_id, {call, call, call, call}},
    {policy::Field::image_name, {context, context, context, context}},
    {policy::Field::protocol, {context, context, absent, context}},
    {policy::Field::auth_type, {call, call, call, call}},
    {policy::Field::auth_level, {call, call, call, call}},
    {policy::Field::sec_encrypt_alg, {unseen, unseen, unseen, unseen}},
    {policy::Field::sec_key_size, {unseen, unseen, unseen, unseen}},
    {policy::Field::local_addr_v4, {context, contested, context, context}},
    {policy::Field::local_addr_v6, {context, contested, context, context}},
    {policy::Field::local_port, {context, absent, context, context}},
    {policy::Field::pipe, {absent, contested, absent, absent}},
    {policy::Field::remote_addr_v4, {context, contested, context, context}},
    {policy::Field::remote_addr_v6, {context, contested, context, context}},
    {policy::Field::opnum, {call, call, call, call}},
}};

constexpr bool rows_are_in_order() {
  for (std::size_t i = 0; i < kSights.size(); ++i) {
    if (static_cast<std::size_t>(kSights[i].field) != i) return false;
  }
  return true;
}
static_assert(rows_are_in_order());

}  // namespace

Visibility visibility_of(policy::Field field, dissect::ProtocolSequence protocol,
                         const policy::TargetProfile& profile) noexcept {
  const auto row = static_cast<std::size_t>(field);
  if (row >= kSights.size()) return unseen;
  const Visibility seen = kSights[row].sights[static_cast<std::size_t>(protocol)];
  if (seen != contested || field == policy::Field::pipe) return seen;
  switch (profile[policy::Difference::pipe_addresses]) {
    case policy::Behaviour::never: return absent;
    case policy::Behaviour::applies: return context;
    default: return contested;
  }
}

}  // namespace rpcaudit::evaluate
