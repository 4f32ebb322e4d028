#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <string_view>

#include "engine/policy/layer.h"

namespace rpcaudit::policy {

// The fields a condition can name. The first eighteen stand in the filtering engine's own order,
// which is also the order of significance of automatic filter weights; do not reorder them.
enum class Field : std::uint8_t {
  remote_user_token,
  if_uuid,
  if_version,
  if_flag,
  dcom_app_id,
  image_name,
  protocol,
  auth_type,
  auth_level,
  sec_encrypt_alg,
  sec_key_size,
  local_addr_v4,
  local_addr_v6,
  local_port,
  pipe,
  remote_addr_v4,
  remote_addr_v6,
  opnum,
  // ep_add only
  process_with_if_uuid,
  ep_value,
  ep_flags,
  // proxy layers only
  client_token,
  server_name,
  server_port,
  proxy_auth_type,
  client_cert_key_length,
  client_cert_oid,
};

inline constexpr std::size_t kFieldCount = static_cast<std::size_t>(Field::client_cert_oid) + 1;
inline constexpr std::size_t kWeightFieldCount = 18;  // remote_user_token .. opnum

// The data type of a field, which decides how its text is read and which match types are legal.
enum class FieldType : std::uint8_t {
  uint8,
  uint16,
  uint32,
  uuid,                 // BYTE_ARRAY16
  address_v4,           // UINT32, host order
  address_v6,           // BYTE_ARRAY16
  blob,                 // BYTE_BLOB: text compared byte by byte
  security_descriptor,  // SDDL
  protocol,             // UINT8 written as a protocol sequence
};

// Whether the platform holds the type in an unsigned integer, IPv4 addresses and protocols too.
constexpr bool is_integer(FieldType type) noexcept {
  return type == FieldType::uint8 || type == FieldType::uint16 || type == FieldType::uint32 ||
         type == FieldType::address_v4 || type == FieldType::protocol;
}

// The largest number of the type; of types that are no integers, of a 32-bit one.
constexpr std::uint64_t value_max(FieldType type) noexcept {
  switch (type) {
    case FieldType::uint8:
    case FieldType::protocol: return 0xff;
    case FieldType::uint16: return 0xffff;
    default: return 0xffff'ffff;
  }
}

// One row per field: its netsh token, its type and the layers it is legal on.
struct FieldInfo {
  Field field;
  std::string_view name;
  FieldType type;
  std::uint8_t layers;  // bit `1 << Layer`
};

[[nodiscard]] const FieldInfo& info(Field field) noexcept;
// Whether its values are IPv4 or IPv6 addresses.
[[nodiscard]] bool is_address(Field field) noexcept;
[[nodiscard]] std::string_view to_string(Field field) noexcept;
[[nodiscard]] bool legal_on(Field field, Layer layer) noexcept;

}  // namespace rpcaudit::policy
