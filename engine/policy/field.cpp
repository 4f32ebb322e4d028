#include "engine/policy/field.h"

namespace rpcaudit::policy {
namespace {

constexpr std::uint8_t on(Layer layer) {
  return static_cast<std::uint8_t>(1u << static_cast<unsigned>(layer));
}

constexpr std::uint8_t kOnUm = on(Layer::um);
constexpr std::uint8_t kOnEpAdd = on(Layer::ep_add);
constexpr std::uint8_t kOnProxyIf = on(Layer::proxy_if);
constexpr std::uint8_t kOnCalls = kOnUm | on(Layer::epmap);
constexpr std::uint8_t kOnProxy = on(Layer::proxy_conn) | kOnProxyIf;

// In the order of `Field`. Types are those of the filtering platform; `ep_value` is read as the
// port that the netsh documentation makes of the platform's reserved blob.
constexpr std::array<FieldInfo, kFieldCount> kFields{{
    {Field::remote_user_token, "remote_user_token", FieldType::security_descriptor, kOnCalls},
    {Field::if_uuid, "if_uuid", FieldType::uuid, kOnCalls | kOnProxyIf},
    {Field::if_version, "if_version", FieldType::uint16, kOnCalls | kOnProxyIf},
    {Field::if_flag, "if_flag", FieldType::uint32, kOnUm},
    {Field::dcom_app_id, "dcom_app_id", FieldType::uuid, kOnUm},
    {Field::image_name, "image_name", FieldType::blob, kOnUm},
    {Field::protocol, "protocol", FieldType::protocol, kOnCalls | kOnEpAdd},
    {Field::auth_type, "auth_type", FieldType::uint8, kOnCalls},
    {Field::auth_level, "auth_level", FieldType::uint8, kOnCalls},
    {Field::sec_encrypt_alg, "sec_encrypt_alg", FieldType::uint32, kOnCalls},
    {Field::sec_key_size, "sec_key_size", FieldType::uint32, kOnCalls},
    {Field::local_addr_v4, "local_addr_v4", FieldType::address_v4, kOnCalls},
    {Field::local_addr_v6, "local_addr_v6", FieldType::address_v6, kOnCalls},
    {Field::local_port, "local_port", FieldType::uint16, kOnCalls},
    {Field::pipe, "pipe", FieldType::blob, kOnCalls},
    {Field::remote_addr_v4, "remote_addr_v4", FieldType::address_v4, kOnCalls},
    {Field::remote_addr_v6, "remote_addr_v6", FieldType::address_v6, kOnCalls},
    {Field::opnum, "opnum", FieldType::uint16, kOnUm},
    {Field::process_with_if_uuid, "process_with_if_uuid", FieldType::uuid, kOnEpAdd},
    {Field::ep_value, "ep_value", FieldType::uint16, kOnEpAdd},
    {Field::ep_flags, "ep_flags", FieldType::uint32, kOnEpAdd},
    {Field::client_token, "client_token", FieldType::security_descriptor, kOnProxy},
    {Field::server_name, "server_name", FieldType::blob, kOnProxy},
    {Field::server_port, "server_port", FieldType::uint16, kOnProxy},
    {Field::proxy_auth_type, "proxy_auth_type", FieldType::blob, kOnProxy},
    {Field::client_cert_key_length, "client_cert_key_length", FieldType::uint32, kOnProxy},
    {Field::client_cert_oid, "client_cert_oid", FieldType::blob, kOnProxy},
}};

constexpr bool rows_are_in_order() {
  for (std::size_t i = 0; i < kFields.size(); ++i) {
    if (static_cast<std::size_t>(kFields[i].field) != i) return false;
  }
  return true;
}
static_assert(rows_are_in_order());

}  // namespace

const FieldInfo& info(Field field) noexcept { return kFields[static_cast<std::size_t>(field)]; }

bool is_address(Field field) noexcept {
  const FieldType type = info(field).type;
  return type == FieldType::address_v4 || type == FieldType::address_v6;
}

std::string_view to_string(Field field) noexcept { return info(field).name; }

bool legal_on(Field field, Layer layer) noexcept { return (info(field).layers & on(layer)) != 0; }

}  // namespace rpcaudit::policy
