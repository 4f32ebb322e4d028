#pragma once

#include <cstdint>
#include <utility>

#include "dissect/rpc/pdus/rpc_connectionless.h"
#include "tests/support/rpc_bytes.h"
#include "tests/support/tcp_frames.h"

namespace rpcaudit::test {

inline constexpr Uuid kActivity = uuid("a264f672-e55c-1111-8573-a6f0ec7a8c25");
inline constexpr dissect::SyntaxId kEcho{uuid("5ab2e9b4-3d48-11d2-9ea4-80c5140aaa77"), 1, 0};
inline constexpr dissect::SyntaxId kConv{uuid("333a2276-0000-0000-0d00-00809c000000"), 3, 0};

// A connectionless PDU to be (C706 12.5.2).
struct DatagramShape {
  dissect::DatagramType type = dissect::DatagramType::request;
  dissect::SyntaxId interface = kEcho;
  Uuid activity = kActivity;
  std::uint32_t sequence = 0;
  std::uint16_t opnum = 0;
  unsigned flags1 = 0;
  unsigned flags2 = 0;
  unsigned fragment = 0;
  Uuid object = {};
  unsigned auth_protocol = 0;
  std::endian order = std::endian::little;
};

inline ByteVector make_datagram(const DatagramShape& shape, const ByteVector& body = {},
                                const ByteVector& verifier = {}) {
  ByteWriter writer(shape.order);
  writer.u8(4).u8(static_cast<unsigned>(shape.type)).u8(shape.flags1).u8(shape.flags2);
  writer.u8(shape.order == std::endian::little ? 0x10 : 0x00).zeros(3);
  writer.uuid(shape.object).uuid(shape.interface.uuid).uuid(shape.activity).u32(0);
  writer.u32(std::uint32_t{shape.interface.version_minor} << 16 | shape.interface.version_major);
  writer.u32(shape.sequence).u16(shape.opnum).u16(0xffff).u16(0xffff);
  writer.u16(static_cast<unsigned>(body.size())).u16(shape.fragment).u8(shape.auth_protocol).u8(0);
  return writer.bytes(body).bytes(verifier).take();
}

// One UDP datagram to be.
struct UdpDatagram {
  std::uint32_t source = 0x0a4d0002;
  std::uint32_t destination = 0x0a4d0001;
  std::uint16_t source_port = 40000;
  std::uint16_t destination_port = 49664;
  ByteVector payload = {};
};

inline UdpDatagram answer_to(const UdpDatagram& question, ByteVector payload) {
  return {question.destination, question.source, question.destination_port, question.source_port,
          std::move(payload)};
}

inline ByteVector make_udp_frame(const UdpDatagram& datagram) {
  const auto length = static_cast<unsigned>(datagram.payload.size());
  ByteWriter writer(std::endian::big);
  writer.zeros(12).u16(0x0800).u8(0x45).u8(0).u16(28 + length).u16(1).u16(0).u8(64).u8(17).u16(0);
  writer.u32(datagram.source).u32(datagram.destination);
  writer.u16(datagram.source_port).u16(datagram.destination_port).u16(8 + length).u16(0);
  return writer.bytes(datagram.payload).take();
}

}  // namespace rpcaudit::test
