// Any order, loss, repetition and overlap of segments, with acknowledgments and pauses: the stream
// must tell each position once, in order, as a byte or as a gap. Every byte of the stream is a
// function of its position, so a byte told at the wrong place is seen.

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <cstdlib>

#include "dissect/tcp_stream.h"

namespace {

using namespace rpcaudit;

constexpr std::uint32_t kFirst = 0xffff'f000;  // so that sequence numbers wrap
constexpr std::size_t kStreamBytes = 16384;

std::byte byte_at(std::uint32_t sequence) {
  return static_cast<std::byte>(sequence * 2654435761u >> 24);
}

struct Checker {
  std::uint32_t position = kFirst;

  void on_bytes(Bytes bytes, const FrameReference&) {
    if (bytes.empty()) std::abort();
    for (const std::byte byte : bytes) {
      if (byte != byte_at(position++)) std::abort();
    }
  }
  void on_gap(std::uint64_t missing, StreamGap, const FrameReference&) {
    if (missing == 0) std::abort();
    position += static_cast<std::uint32_t>(missing);
  }
};

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  Limits limits;
  limits.reorder_segments_per_stream = 8;
  limits.reorder_bytes_per_stream = 9000;
  limits.reorder_bytes = 6 * kPieceBytesMax;
  SegmentPool pool(limits);
  TcpStream stream;
  stream.begin_at(kFirst);
  Checker checker;
  FrameReference frame;
  std::array<std::byte, 4096> payload;

  for (std::size_t at = 0; at + 6 <= size; at += 6) {
    frame.sequence = ++frame.number;
    const unsigned command = data[at];
    frame.timestamp.nanoseconds += std::int64_t{data[at + 1]} * 20'000'000;
    std::uint32_t offset = static_cast<std::uint32_t>(data[at + 2]) << 8 | data[at + 3];
    if ((command & 0x60) != 0x60) offset %= kStreamBytes;
    const std::uint32_t length = (static_cast<std::uint32_t>(data[at + 4]) << 4) % 4096;
    TcpSegment segment;
    segment.header.sequence = kFirst + ((command & 0xe0) == 0xe0 ? offset << 16 : offset);
    segment.header.flags = kTcpAck | kTcpPsh;
    if ((command & 1) != 0) {
      stream.acknowledged(segment.header.sequence, frame, pool, checker);
      continue;
    }
    if ((command & 0x1e) == 0x02) segment.header.flags |= kTcpFin;
    if ((command & 0x1e) == 0x04) segment.header.flags |= kTcpRst;
    if ((command & 0x1e) == 0x06) segment.header.flags |= kTcpSyn;
    const std::uint32_t first = segment.header.sequence + (segment.header.has_syn() ? 1 : 0);
    for (std::uint32_t i = 0; i < length; ++i) payload[i] = byte_at(first + i);
    const std::size_t captured = (command & 0x1e) == 0x08 ? length / 2 : length;
    segment.payload = Bytes(payload).first(captured);
    segment.payload_length = length;
    stream.add(segment, frame, pool, checker);
    if (checker.position != stream.next_sequence()) std::abort();
    if (stream.holds_segments() && stream.held_since() > frame.sequence) std::abort();
  }
  stream.finish(frame, pool, checker);
  if (checker.position != stream.next_sequence() || stream.holds_segments()) std::abort();
  stream.reset(pool);
  if (pool.pieces.size() != 0) std::abort();
  return 0;
}
