#include "bench/frame_writer.h"

#include <stdexcept>

namespace rpcaudit::bench {
namespace {

constexpr std::size_t kEthernetSize = 14;
constexpr std::size_t kIpv4Size = 20;
constexpr std::size_t kTransportAt = kEthernetSize + kIpv4Size;
constexpr std::size_t kFrameSizeMin = 60;
constexpr std::size_t kSmallSizeMax = 128;
constexpr std::uint8_t kTcp = 6;
constexpr std::uint8_t kUdp = 17;
constexpr std::uint64_t kFirstSecond = 1'704'067'200;  // 2024-01-01T00:00:00Z
constexpr std::uint64_t kMicrosecondsApart = 10;

// The sum of RFC 1071, not yet folded.
std::uint64_t sum16(std::span<const std::uint8_t> bytes) {
  std::uint64_t sum = 0;
  for (std::size_t i = 0; i + 1 < bytes.size(); i += 2) {
    sum += static_cast<std::uint64_t>(bytes[i]) << 8 | bytes[i + 1];
  }
  if (bytes.size() % 2 != 0) sum += static_cast<std::uint64_t>(bytes.back()) << 8;
  return sum;
}

std::uint64_t fold(std::uint64_t sum) {
  while (sum >> 16 != 0) sum = (sum & 0xffff) + (sum >> 16);
  return ~sum & 0xffff;
}

void put_mac(WireBuffer& frame, std::uint32_t address) {
  frame.u16_big(0x0200);  // locally administered
  frame.u32_big(address);
}

}  // namespace

FrameWriter::FrameWriter(const std::string& path)
    : path_(path), file_(std::fopen(path.c_str(), "wb")) {
  if (!file_) throw std::runtime_error("cannot write " + path);
  std::setvbuf(file_.get(), nullptr, _IOFBF, std::size_t{1} << 20);
  WireBuffer header;
  header.u32(0xa1b2c3d4);  // microseconds, little endian
  header.u16(2);
  header.u16(4);
  header.zeros(8);
  header.u32(65535);
  header.u32(1);  // LINKTYPE_ETHERNET
  std::fwrite(header.view().data(), 1, header.size(), file_.get());
  file_bytes_ = header.size();
}

void FrameWriter::begin_ip(const Flow& flow, Side from, std::uint8_t protocol, std::size_t size) {
  const bool is_client = from == Side::client;
  const std::uint32_t source = is_client ? flow.client_address : flow.server_address;
  const std::uint32_t target = is_client ? flow.server_address : flow.client_address;
  frame_.clear();
  put_mac(frame_, target);
  put_mac(frame_, source);
  frame_.u16_big(0x0800);
  frame_.u16_big(0x4500);
  frame_.u16_big(kIpv4Size + size);
  frame_.u16_big(frames_ & 0xffff);
  frame_.u16_big(0x4000);  // do not fragment
  frame_.u8(128);
  frame_.u8(protocol);
  frame_.u16_big(0);
  frame_.u32_big(source);
  frame_.u32_big(target);
  frame_.set_u16_big(kEthernetSize + 10,
                     fold(sum16(frame_.view().subspan(kEthernetSize, kIpv4Size))));
  frame_.u16_big(is_client ? flow.client_port : flow.server_port);
  frame_.u16_big(is_client ? flow.server_port : flow.client_port);
}

void FrameWriter::finish_transport(std::uint8_t protocol, std::size_t checksum_at) {
  const std::span<const std::uint8_t> segment = frame_.view().subspan(kTransportAt);
  const std::uint64_t addresses = sum16(frame_.view().subspan(kEthernetSize + 12, 8));
  const std::uint64_t checksum = fold(sum16(segment) + addresses + protocol + segment.size());
  frame_.set_u16_big(kTransportAt + checksum_at, checksum);
  write_frame();
}

void FrameWriter::tcp(Flow& flow, Side from, std::uint8_t flags,
                      std::span<const std::uint8_t> payload) {
  const bool is_client = from == Side::client;
  std::uint32_t& own = is_client ? flow.client_sequence : flow.server_sequence;
  const std::uint32_t other = is_client ? flow.server_sequence : flow.client_sequence;
  begin_ip(flow, from, kTcp, 20 + payload.size());
  frame_.u32_big(own);
  frame_.u32_big((flags & kAck) != 0 ? other : 0);
  frame_.u8(5 << 4);
  frame_.u8(flags);
  frame_.u16_big(0xfaf0);
  frame_.u32_big(0);  // checksum, urgent pointer
  frame_.bytes(payload);
  own += static_cast<std::uint32_t>(payload.size()) + ((flags & (kSyn | kFin)) != 0 ? 1 : 0);
  finish_transport(kTcp, 16);
}

void FrameWriter::udp(const Flow& flow, Side from, std::span<const std::uint8_t> payload) {
  begin_ip(flow, from, kUdp, 8 + payload.size());
  frame_.u16_big(8 + payload.size());
  frame_.u16_big(0);
  frame_.bytes(payload);
  finish_transport(kUdp, 6);
}

void FrameWriter::first_fragment(const Flow& flow, Side from, std::uint16_t identification,
                                 std::span<const std::uint8_t> payload) {
  constexpr std::uint16_t kMoreFragments = 0x2000;
  begin_ip(flow, from, kTcp, 4 + payload.size());
  frame_.set_u16_big(kEthernetSize + 4, identification);
  frame_.set_u16_big(kEthernetSize + 6, kMoreFragments);
  frame_.set_u16_big(kEthernetSize + 10, 0);
  frame_.set_u16_big(kEthernetSize + 10,
                     fold(sum16(frame_.view().subspan(kEthernetSize, kIpv4Size))));
  frame_.bytes(payload);
  write_frame();
}

void FrameWriter::write_frame() {
  if (frame_.size() < kFrameSizeMin) frame_.zeros(kFrameSizeMin - frame_.size());
  const std::uint64_t microseconds = frames_ * kMicrosecondsApart;
  WireBuffer header;
  header.u32(kFirstSecond + microseconds / 1'000'000);
  header.u32(microseconds % 1'000'000);
  header.u32(frame_.size());
  header.u32(frame_.size());
  std::fwrite(header.view().data(), 1, header.size(), file_.get());
  std::fwrite(frame_.view().data(), 1, frame_.size(), file_.get());
  ++frames_;
  if (frame_.size() <= kSmallSizeMax) ++small_frames_;
  file_bytes_ += header.size() + frame_.size();
}

void FrameWriter::close() {
  const bool failed = std::ferror(file_.get()) != 0;
  if (std::fclose(file_.release()) != 0 || failed) {
    throw std::runtime_error("cannot write " + path_);
  }
}

}  // namespace rpcaudit::bench
