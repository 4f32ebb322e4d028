#include "bench/tcp_conversation.h"

#include <algorithm>
#include <array>

namespace rpcaudit::bench {
namespace {

constexpr std::size_t kSegmentSizeMax = 1460;
constexpr std::size_t kPoolSize = std::size_t{1} << 16;

// Random bytes, made once; position `at` of any message is read at `at` modulo its size.
const std::vector<std::uint8_t>& filler_pool() {
  static const std::vector<std::uint8_t> kPool = [] {
    Random random(7);
    std::vector<std::uint8_t> bytes(kPoolSize);
    for (std::uint8_t& byte : bytes) byte = static_cast<std::uint8_t>(random.next());
    return bytes;
  }();
  return kPool;
}

Side other(Side side) { return side == Side::client ? Side::server : Side::client; }

}  // namespace

void TcpConversation::write_segment(FrameWriter& writer) {
  const std::size_t total = message_.head.size() + message_.filler;
  const std::size_t size = std::min(kSegmentSizeMax, total - sent_);
  std::array<std::uint8_t, kSegmentSizeMax> segment{};
  for (std::size_t i = 0; i < size; ++i) {
    const std::size_t at = sent_ + i;
    segment[i] =
        at < message_.head.size() ? message_.head[at] : filler_pool()[at % filler_pool().size()];
  }
  sent_ += size;
  const bool is_last = sent_ == total;
  if (size == kSegmentSizeMax) ++full_segments_unacknowledged_;
  writer.tcp(flow_, message_.from, is_last ? kAck | kPush : kAck, std::span(segment).first(size));
}

bool TcpConversation::talk(FrameWriter& writer) {
  if (full_segments_unacknowledged_ == 2) {
    full_segments_unacknowledged_ = 0;
    writer.tcp(flow_, other(message_.from), kAck, {});
    return true;
  }
  if (sent_ == message_.head.size() + message_.filler) {
    message_ = {};
    sent_ = 0;
    if (!script_->next(message_)) return false;
  }
  write_segment(writer);
  return true;
}

bool TcpConversation::step(FrameWriter& writer) {
  switch (phase_) {
    case Phase::syn:
      writer.tcp(flow_, Side::client, kSyn, {});
      phase_ = Phase::syn_ack;
      return true;
    case Phase::syn_ack:
      writer.tcp(flow_, Side::server, kSyn | kAck, {});
      phase_ = Phase::ack;
      return true;
    case Phase::ack:
      writer.tcp(flow_, Side::client, kAck, {});
      phase_ = Phase::talking;
      return true;
    case Phase::talking:
      if (talk(writer)) return true;
      [[fallthrough]];
    case Phase::fin:
      writer.tcp(flow_, Side::client, kFin | kAck, {});
      phase_ = Phase::fin_ack;
      return true;
    case Phase::fin_ack:
      writer.tcp(flow_, Side::server, kFin | kAck, {});
      phase_ = Phase::last_ack;
      return true;
    case Phase::last_ack:
      writer.tcp(flow_, Side::client, kAck, {});
      phase_ = Phase::over;
      return true;
    case Phase::over: break;
  }
  return false;
}

}  // namespace rpcaudit::bench
