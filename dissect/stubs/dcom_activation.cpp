#include "dissect/stubs/dcom_activation.h"

#include <array>
#include <optional>

#include "dissect/byte_cursor.h"

namespace rpcaudit::dissect {
namespace {

// [MS-DCOM] 1.9.
constexpr Uuid kActivation = uuid("4d9f4ab8-7d1c-11cf-861e-0020af6e7c57");
constexpr Uuid kRemoteScmActivator = uuid("000001a0-0000-0000-c000-000000000046");
constexpr Uuid kPropertiesIn = uuid("00000338-0000-0000-c000-000000000046");
constexpr Uuid kInstantiationInfo = uuid("000001ab-0000-0000-c000-000000000046");

constexpr std::uint32_t kObjrefSignature = 0x574f'454d;  // `MEOW`, [MS-DCOM] 2.2.18
constexpr std::uint32_t kObjrefCustom = 4;               // 2.2.18.1
constexpr std::uint32_t kPropertiesMax = 10;             // 2.2.22.1: MAX_ACTPROP_LIMIT
constexpr std::uint32_t kExtentsMax = 16;                // far more than any client sends
constexpr std::size_t kTypeHeadersSize = 16;             // [MS-RPCE] 2.2.6.1, 2.2.6.2

// Reads past an ORPCTHIS (2.2.13.3) and the extensions that it may carry (2.2.21).
ParseStatus skip_orpcthis(ByteCursor& cursor) noexcept {
  cursor.skip(2 + 2 + 4 + 4 + 16);  // version, flags, reserved, causality
  const bool has_extensions = cursor.u32() != 0;
  if (!has_extensions) return cursor.ok() ? ParseStatus::ok : ParseStatus::truncated;
  cursor.skip(4 + 4);  // size, reserved
  if (cursor.u32() == 0) return cursor.ok() ? ParseStatus::ok : ParseStatus::truncated;
  const std::uint32_t count = cursor.u32();
  if (count > kExtentsMax) return ParseStatus::bad_length;
  std::uint32_t present = 0;
  for (std::uint32_t i = 0; i < count; ++i) present += cursor.u32() != 0 ? 1u : 0u;
  for (std::uint32_t i = 0; i < present && cursor.ok(); ++i) {
    const std::size_t size = cursor.u32();
    cursor.skip(16 + 4);                                     // identifier, size again
    cursor.skip((size + 3) & ~static_cast<std::size_t>(3));  // what follows is aligned
  }
  return cursor.ok() ? ParseStatus::ok : ParseStatus::truncated;
}

// The byte order that a common header of type serialization states ([MS-RPCE] 2.2.6.1).
std::optional<std::endian> serialized_order(Bytes serialized) noexcept {
  ByteCursor cursor(serialized, std::endian::little);
  const std::uint8_t version = cursor.u8();
  const std::uint8_t order = cursor.u8();
  if (!cursor.ok() || version != 1) return std::nullopt;
  return order == 0 ? std::endian::big : std::endian::little;
}

// `properties` begins with the CustomHeader (2.2.22.1), which says what follows it and how long
// each is. The class is the first field of the InstantiationInfoData (2.2.22.2.1).
ParseStatus parse_properties(Bytes properties, Uuid& class_id) noexcept {
  if (properties.size() < kTypeHeadersSize) return ParseStatus::truncated;
  const std::optional<std::endian> order = serialized_order(properties);
  if (!order) return ParseStatus::bad_version;
  ByteCursor cursor(properties.subspan(kTypeHeadersSize), *order);
  cursor.skip(4);  // total size
  const std::uint32_t header_size = cursor.u32();
  cursor.skip(4 + 4);  // reserved, context
  const std::uint32_t count = cursor.u32();
  cursor.skip(16 + 4 + 4 + 4);  // class of the header's reader, three pointers
  if (!cursor.ok()) return ParseStatus::truncated;
  if (count > kPropertiesMax) return ParseStatus::bad_length;
  std::array<Uuid, kPropertiesMax> kinds;
  cursor.skip(4);  // the count again, of each array
  for (std::uint32_t i = 0; i < count; ++i) kinds[i] = read_uuid(cursor);
  cursor.skip(4);
  std::uint64_t offset = header_size;
  for (std::uint32_t i = 0; i < count; ++i) {
    const std::uint32_t size = cursor.u32();
    if (!cursor.ok()) return ParseStatus::truncated;
    if (kinds[i] != kInstantiationInfo) {
      offset += size;
      continue;
    }
    if (offset + kTypeHeadersSize > properties.size()) return ParseStatus::truncated;
    const Bytes info = properties.subspan(static_cast<std::size_t>(offset));
    const std::optional<std::endian> info_order = serialized_order(info);
    if (!info_order) return ParseStatus::bad_version;
    ByteCursor fields(info, *info_order);
    fields.skip(kTypeHeadersSize);
    class_id = read_uuid(fields);
    return fields.ok() ? ParseStatus::ok : ParseStatus::truncated;
  }
  return ParseStatus::bad_type;  // an activation of nothing
}

// An OBJREF_CUSTOM (2.2.18.6) of activation properties, little-endian whatever the PDU is.
ParseStatus parse_objref(Bytes objref, Uuid& class_id) noexcept {
  ByteCursor cursor(objref, std::endian::little);
  const std::uint32_t signature = cursor.u32();
  const std::uint32_t flags = cursor.u32();
  cursor.skip(16);  // interface
  const Uuid unmarshaler = read_uuid(cursor);
  cursor.skip(4 + 4 + 4 + 4);  // extension, reserved; size and reserved of the properties
  if (!cursor.ok()) return ParseStatus::truncated;
  const bool is_properties =
      signature == kObjrefSignature && flags == kObjrefCustom && unmarshaler == kPropertiesIn;
  if (!is_properties) return ParseStatus::bad_type;
  return parse_properties(cursor.take(cursor.remaining()), class_id);
}

}  // namespace

bool is_activation(const Uuid& interface) noexcept {
  return interface == kActivation || interface == kRemoteScmActivator;
}

ActivationCall activation_call(const Uuid& interface, std::uint16_t opnum) noexcept {
  if (interface == kActivation && opnum == 0) return ActivationCall::remote_activation;
  if (interface != kRemoteScmActivator) return ActivationCall::none;
  if (opnum == 3) return ActivationCall::remote_get_class_object;
  return opnum == 4 ? ActivationCall::remote_create_instance : ActivationCall::none;
}

ParseStatus parse_activated_class(ActivationCall call, Bytes stub, std::endian order,
                                  Uuid& class_id) noexcept {
  if (call == ActivationCall::none) return ParseStatus::bad_type;
  ByteCursor cursor(stub, order);
  const ParseStatus status = skip_orpcthis(cursor);
  if (status != ParseStatus::ok) return status;
  if (call == ActivationCall::remote_activation) {
    class_id = read_uuid(cursor);
    return cursor.ok() ? ParseStatus::ok : ParseStatus::truncated;
  }
  const bool has_outer = call == ActivationCall::remote_create_instance && cursor.u32() != 0;
  const bool has_properties = cursor.u32() != 0;
  cursor.skip(4 + 4);  // the size of the interface pointer, twice
  if (!cursor.ok()) return ParseStatus::truncated;
  if (has_outer || !has_properties) return ParseStatus::bad_type;
  return parse_objref(cursor.take(cursor.remaining()), class_id);
}

std::optional<Uuid> find_activated_class(const RpcContext& context, const RpcCall& call,
                                         std::endian order) noexcept {
  constexpr Uuid kNdr = uuid("8a885d04-1ceb-11c9-9fe8-08002b104860");  // C706 14
  if (!context.abstract_syntax || !context.transfer_syntax) return std::nullopt;
  if (context.result == ContextResult::rejected || context.transfer_syntax->uuid != kNdr) {
    return std::nullopt;
  }
  const ActivationCall activation = activation_call(context.abstract_syntax->uuid, call.opnum);
  if (activation == ActivationCall::none) return std::nullopt;
  Uuid class_id;
  const ParseStatus status = parse_activated_class(activation, call.body, order, class_id);
  return status == ParseStatus::ok ? std::optional(class_id) : std::nullopt;
}

}  // namespace rpcaudit::dissect
