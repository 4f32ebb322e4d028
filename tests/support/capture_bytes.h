#pragma once

#include <cstdint>
#include <string_view>
#include <vector>

#include "tests/support/rpc_bytes.h"

namespace rpcaudit::test {

// One record of a capture to be.
struct CaptureRecord {
  std::uint32_t seconds = 0;
  std::uint32_t fraction = 0;         // in the file's unit
  std::string_view text;              // stands for the frame's bytes
  std::uint32_t original_length = 0;  // 0: as long as captured
};

struct PcapShape {
  std::uint32_t magic = 0xa1b2c3d4;
  std::endian order = std::endian::little;
  std::uint32_t link = 1;
};

inline ByteVector make_pcap(const std::vector<CaptureRecord>& records,
                            const PcapShape& shape = {}) {
  ByteWriter writer(shape.order);
  writer.u32(shape.magic).u16(2).u16(4).u32(0).u32(0).u32(65535).u32(shape.link);
  for (const CaptureRecord& record : records) {
    const auto captured = static_cast<std::uint32_t>(record.text.size());
    writer.u32(record.seconds).u32(record.fraction).u32(captured);
    writer.u32(record.original_length == 0 ? captured : record.original_length);
    writer.text(record.text);
  }
  return writer.take();
}

// A pcapng block of any type.
inline ByteVector make_block(std::uint32_t type, const ByteVector& body, std::endian order) {
  ByteWriter writer(order);
  const std::size_t pad = (4 - body.size() % 4) % 4;
  const auto length = static_cast<std::uint32_t>(12 + body.size() + pad);
  return writer.u32(type).u32(length).bytes(body).zeros(pad).u32(length).take();
}

inline ByteVector make_section(std::endian order = std::endian::little) {
  ByteWriter body(order);
  body.u32(0x1a2b3c4d).u16(1).u16(0).u32(0xffffffff).u32(0xffffffff);
  return make_block(0x0a0d0d0a, body.take(), order);
}

// An interface with an optional time resolution and offset.
inline ByteVector make_interface(unsigned link, int resolution = -1, std::int64_t offset = 0,
                                 std::endian order = std::endian::little,
                                 std::uint32_t snap_length = 0) {
  ByteWriter body(order);
  body.u16(link).u16(0).u32(snap_length);
  if (resolution >= 0) body.u16(9).u16(1).u8(static_cast<unsigned>(resolution)).zeros(3);
  if (offset != 0) body.u16(14).u16(8).number(offset);
  return make_block(1, body.u16(0).u16(0).take(), order);
}

inline ByteVector make_packet_block(std::uint32_t interface, std::uint64_t units,
                                    std::string_view text,
                                    std::endian order = std::endian::little) {
  ByteWriter body(order);
  body.u32(interface).u32(static_cast<std::uint32_t>(units >> 32));
  body.u32(static_cast<std::uint32_t>(units)).u32(static_cast<std::uint32_t>(text.size()));
  body.u32(static_cast<std::uint32_t>(text.size())).text(text);
  return make_block(6, body.take(), order);
}

}  // namespace rpcaudit::test
