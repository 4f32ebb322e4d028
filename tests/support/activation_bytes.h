#pragma once

#include <vector>

#include "tests/support/rpc_bytes.h"

namespace rpcaudit::test {

inline constexpr Uuid kInstantiationInfo = uuid("000001ab-0000-0000-c000-000000000046");
inline constexpr Uuid kSpecialProperties = uuid("000001b9-0000-0000-c000-000000000046");
inline constexpr dissect::SyntaxId kRemoteScmActivator{uuid("000001a0-0000-0000-c000-000000000046"),
                                                       0, 0};

// What differs from one activation to the next.
struct ActivationShape {
  Uuid class_id;
  std::endian order = std::endian::little;  // of the PDU; what is serialized is little-endian
  std::vector<std::size_t> extents = {};    // sizes of the ORPCTHIS's extensions
  bool create_instance = true;
  std::uint32_t objref_flags = 4;
  std::vector<Uuid> properties = {kSpecialProperties, kInstantiationInfo};
};

// The headers of type serialization version 1 ([MS-RPCE] 2.2.6).
inline void put_type_headers(ByteWriter& writer, std::size_t size) {
  writer.u8(1).u8(0x10).u16(8).u32(0xcccccccc).u32(static_cast<std::uint32_t>(size)).u32(0);
}

inline void put_orpcthis(ByteWriter& writer, const std::vector<std::size_t>& extents) {
  writer.u16(5).u16(7).u32(1).u32(0).zeros(16).u32(extents.empty() ? 0 : 0x20000);
  if (extents.empty()) return;
  const std::size_t count = (extents.size() + 1) & ~std::size_t{1};
  writer.u32(static_cast<std::uint32_t>(extents.size())).u32(0).u32(0x20004);
  writer.u32(static_cast<std::uint32_t>(count));
  for (std::size_t i = 0; i < count; ++i) writer.u32(i < extents.size() ? 0x20008 : 0);
  for (const std::size_t size : extents) {
    const auto written = static_cast<std::uint32_t>(size);
    writer.u32(written).zeros(16).u32(written).zeros((size + 3) & ~std::size_t{3});
  }
}

// Activation properties ([MS-DCOM] 2.2.22): each of 64 bytes, of which the InstantiationInfoData
// begins with the class.
inline ByteVector make_properties(const ActivationShape& shape) {
  constexpr std::uint32_t kPropertySize = 64;
  const std::size_t count = shape.properties.size();
  const std::size_t header_size = 16 + 20 + 28 + 4 + count * 16 + 4 + count * 4;
  ByteWriter writer;
  writer.u32(static_cast<std::uint32_t>(header_size + count * kPropertySize)).u32(0);
  put_type_headers(writer, header_size - 16);
  writer.u32(static_cast<std::uint32_t>(header_size + count * kPropertySize));
  writer.u32(static_cast<std::uint32_t>(header_size)).u32(0).u32(2);
  writer.u32(static_cast<std::uint32_t>(count)).zeros(16).u32(0x20000).u32(0x20004).u32(0);
  writer.u32(static_cast<std::uint32_t>(count));
  for (const Uuid& kind : shape.properties) writer.uuid(kind);
  writer.u32(static_cast<std::uint32_t>(count));
  for (std::size_t i = 0; i < count; ++i) writer.u32(kPropertySize);
  for (const Uuid& kind : shape.properties) {
    put_type_headers(writer, kPropertySize - 16);
    if (kind == kInstantiationInfo) {
      writer.uuid(shape.class_id).zeros(kPropertySize - 32);
    } else {
      writer.zeros(kPropertySize - 16);
    }
  }
  return writer.take();
}

// The stub of RemoteCreateInstance or RemoteGetClassObject.
inline ByteVector make_activation(const ActivationShape& shape) {
  ByteWriter objref;
  objref.u32(0x574f454d).u32(shape.objref_flags);
  objref.uuid(uuid("000001a2-0000-0000-c000-000000000046"));
  objref.uuid(uuid("00000338-0000-0000-c000-000000000046")).u32(0).u32(0);
  const ByteVector custom = objref.bytes(make_properties(shape)).take();
  ByteWriter writer(shape.order);
  put_orpcthis(writer, shape.extents);
  if (shape.create_instance) writer.u32(0);  // no outer object
  const auto size = static_cast<std::uint32_t>(custom.size());
  return writer.u32(0x20010).u32(size).u32(size).bytes(custom).take();
}

}  // namespace rpcaudit::test
