#pragma once

#include <cstdint>
#include <deque>
#include <vector>

#include "capture/frame.h"
#include "tests/support/rpc_bytes.h"

namespace rpcaudit::test {

// One TCP segment to be, before it is made a frame.
struct Segment {
  std::uint32_t source = 0x0a4d0002;
  std::uint32_t destination = 0x0a4d0001;
  std::uint16_t source_port = 40000;
  std::uint16_t destination_port = 49664;
  std::uint32_t sequence = 0;
  std::uint32_t acknowledgment = 0;
  unsigned flags = 0x18;  // PSH ACK
  ByteVector payload = {};
};

inline ByteVector make_tcp(const Segment& segment) {
  ByteWriter writer(std::endian::big);
  writer.u16(segment.source_port).u16(segment.destination_port);
  writer.u32(segment.sequence).u32(segment.acknowledgment);
  writer.u8(0x50).u8(segment.flags).u16(65535).u16(0).u16(0);
  return writer.bytes(segment.payload).take();
}

// The IPv4 packets of a segment: one, or fragments of `fragment_size` bytes (a multiple of 8).
inline std::vector<ByteVector> make_ethernet(const Segment& segment, unsigned identification = 1,
                                             std::size_t fragment_size = 0) {
  const ByteVector tcp = make_tcp(segment);
  std::vector<ByteVector> frames;
  const std::size_t step = fragment_size == 0 ? tcp.size() : fragment_size;
  for (std::size_t at = 0; at < tcp.size(); at += step) {
    const Bytes part = Bytes(tcp).subspan(at, std::min(step, tcp.size() - at));
    const bool more = at + part.size() < tcp.size();
    ByteWriter writer(std::endian::big);
    writer.zeros(12).u16(0x0800).u8(0x45).u8(0);
    writer.u16(static_cast<unsigned>(20 + part.size())).u16(identification);
    writer.u16(static_cast<unsigned>((more ? 0x2000u : 0u) | at / 8)).u8(64).u8(6).u16(0);
    writer.u32(segment.source).u32(segment.destination).bytes(part);
    frames.push_back(writer.take());
  }
  return frames;
}

// Frames that own their bytes, numbered and a millisecond apart.
class FrameList {
 public:
  void add(ByteVector bytes, std::size_t snap_length = SIZE_MAX) {
    storage_.push_back(std::move(bytes));
    const ByteVector& stored = storage_.back();
    Frame frame;
    frame.bytes = Bytes(stored).first(std::min(stored.size(), snap_length));
    frame.original_length = static_cast<std::uint32_t>(stored.size());
    frame.number = frame.sequence = frames_.size() + 1;
    frame.timestamp.nanoseconds = static_cast<std::int64_t>(frames_.size()) * 1'000'000;
    frames_.push_back(frame);
  }
  void add(const Segment& segment) {
    for (ByteVector& bytes : make_ethernet(segment)) add(std::move(bytes));
  }
  [[nodiscard]] std::span<const Frame> frames() const { return frames_; }
  [[nodiscard]] std::size_t size() const { return frames_.size(); }
  void set_time(std::size_t index, Timestamp time) { frames_[index].timestamp = time; }

 private:
  std::deque<ByteVector> storage_;
  std::vector<Frame> frames_;
};

// Both ends of one TCP connection: turns messages into segments with the right numbers.
class TcpPeers {
 public:
  explicit TcpPeers(std::uint16_t client_port = 40000, std::uint32_t client_first = 1000,
                    std::uint32_t server_first = 5000)
      : client_port_(client_port), next_{client_first, server_first} {}

  Segment syn() { return control(true, 0x02, 1); }
  Segment syn_ack() { return control(false, 0x12, 1); }
  Segment fin(bool client) { return control(client, 0x11, 1); }
  Segment rst(bool client) { return control(client, 0x04, 0); }
  Segment ack(bool client) { return control(client, 0x10, 0); }

  // A message in segments of at most `piece` bytes.
  std::vector<Segment> say(bool client, const ByteVector& message, std::size_t piece = SIZE_MAX) {
    std::vector<Segment> segments;
    Bytes rest = message;
    while (!rest.empty()) {
      Segment segment = control(client, 0x18, 0);
      const Bytes part = rest.first(std::min(piece, rest.size()));
      rest = rest.subspan(part.size());
      segment.payload.assign(part.begin(), part.end());
      next_[client ? 0 : 1] += static_cast<std::uint32_t>(part.size());
      segments.push_back(std::move(segment));
    }
    return segments;
  }

 private:
  Segment control(bool client, unsigned flags, std::uint32_t length) {
    Segment segment;
    if (!client) std::swap(segment.source, segment.destination);
    segment.source_port = client ? client_port_ : std::uint16_t{49664};
    segment.destination_port = client ? std::uint16_t{49664} : client_port_;
    segment.sequence = next_[client ? 0 : 1];
    segment.acknowledgment = (flags & 0x10) != 0 ? next_[client ? 1 : 0] : 0;
    segment.flags = flags;
    next_[client ? 0 : 1] += length;
    return segment;
  }

  std::uint16_t client_port_;
  std::array<std::uint32_t, 2> next_;
};

}  // namespace rpcaudit::test
