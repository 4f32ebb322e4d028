#include "engine/evaluate/field_sight.h"

#include <array>

namespace rpcaudit {
namespace {

using enum Sight;

struct SightRow {
  Field field;
  // In the order of ProtocolSequence: ncacn_ip_tcp, ncacn_np, ncadg_ip_udp, ncacn_http.
  std::array<Sight, kProtocolSequenceCount> sights;
};

// What a deployment says counts as seen. Whether calls over named pipes have addresses is up to the
// target. The endpoint of such a call is the pipe, so that it has no port, and only such a call has
// a pipe: by the name that the client opened, or by that of the server's endpoint. netsh has no
// value for the datagram protocol.
constexpr std::array<SightRow, kWeightFieldCount> kSights{{
    {Field::remote_user_token, {call, call, call, call}},
    {Field::if_uuid, {context, context, context, context}},
    {Field::if_version, {context, context, context, context}},
    {Field::if_flag, {call, call, call, call}},
    {Field::dcom_app_id, {call, call, call, call}},
    {Field::image_name, {context, context, context, context}},
    {Field::protocol, {context, context, absent, context}},
    {Field::auth_type, {call, call, call, call}},
    {Field::auth_level, {call, call, call, call}},
    {Field::sec_encrypt_alg, {unseen, unseen, unseen, unseen}},
    {Field::sec_key_size, {unseen, unseen, unseen, unseen}},
    {Field::local_addr_v4, {context, contested, context, context}},
    {Field::local_addr_v6, {context, contested, context, context}},
    {Field::local_port, {context, absent, context, context}},
    {Field::pipe, {absent, contested, absent, absent}},
    {Field::remote_addr_v4, {context, contested, context, context}},
    {Field::remote_addr_v6, {context, contested, context, context}},
    {Field::opnum, {call, call, call, call}},
}};

constexpr bool rows_are_in_order() {
  for (std::size_t i = 0; i < kSights.size(); ++i) {
    if (static_cast<std::size_t>(kSights[i].field) != i) return false;
  }
  return true;
}
static_assert(rows_are_in_order());

}  // namespace

Sight sight(Field field, ProtocolSequence protocol, const TargetProfile& profile) noexcept {
  const auto row = static_cast<std::size_t>(field);
  if (row >= kSights.size()) return unseen;
  const Sight seen = kSights[row].sights[static_cast<std::size_t>(protocol)];
  if (seen != contested || field == Field::pipe) return seen;
  switch (profile[Difference::pipe_addresses]) {
    case Behaviour::never: return absent;
    case Behaviour::applies: return context;
    default: return contested;
  }
}

}  // namespace rpcaudit
