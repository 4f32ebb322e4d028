#pragma once

#include <algorithm>
#include <cstdint>
#include <deque>
#include <map>
#include <optional>
#include <set>
#include <tuple>
#include <utility>
#include <vector>

#include "tests/support/wire_segment.h"

namespace rpcaudit::test {

// What real receivers do differently.
struct ReceiverPolicy {
  enum class Overlap { discard, oldest, newest };

  bool keeps_newest_copy = false;        // of bytes held out of order that arrive again
  bool is_urgent_inline = false;         // SO_OOBINLINE
  bool ignores_resets = false;           // a proxy or socket wrapper whose segments are made up
  Overlap fragments = Overlap::discard;  // of IP fragments that overlap (RFC 5722, RFC 815)
  unsigned hops = 0;                     // routers between the sensor and this host
};

inline std::uint16_t be16(Bytes bytes, std::size_t at) {
  return static_cast<std::uint16_t>(std::to_integer<unsigned>(bytes[at]) << 8 |
                                    std::to_integer<unsigned>(bytes[at + 1]));
}
inline std::uint32_t be32(Bytes bytes, std::size_t at) {
  return std::uint32_t{be16(bytes, at)} << 16 | be16(bytes, at + 2);
}

// A host's IPv4 (RFC 791): which frames arrive, and the datagrams that their fragments make up.
class ModelIp {
 public:
  ModelIp(const WireHost& own, std::optional<std::uint16_t> vlan, const ReceiverPolicy& policy)
      : own_(own), vlan_(vlan), policy_(policy) {}

  struct Datagram {
    std::uint32_t source = 0;
    unsigned protocol = 0;
    ByteVector bytes;  // behind the IP header
  };

  // The datagram that is complete with this frame, if there is one.
  std::optional<Datagram> receive(Bytes frame) {
    std::uint64_t mac = std::uint64_t{be16(frame, 0)} << 32 | be32(frame, 2);
    std::size_t at = 12;
    std::optional<std::uint16_t> vlan;
    if (be16(frame, at) == 0x8100) {
      vlan = be16(frame, at + 2) & 0xfff;
      at += 4;
    }
    if (mac != own_.mac || vlan != vlan_ || be16(frame, at) != 0x0800) return std::nullopt;
    const Bytes packet = frame.subspan(at + 2);
    constexpr std::size_t kHeader = 20;
    const bool is_intact = internet_sum(packet.first(kHeader)) == 0xffff;
    const bool reaches = std::to_integer<unsigned>(packet[8]) > policy_.hops;
    if (!is_intact || !reaches) return std::nullopt;
    if (be32(packet, 16) != own_.address) return std::nullopt;
    const Bytes body = packet.subspan(kHeader, be16(packet, 2) - kHeader);
    const unsigned place = be16(packet, 6);
    const Part part{(place & 0x1fffu) * 8, {body.begin(), body.end()}, (place & 0x2000u) != 0};
    const std::uint32_t source = be32(packet, 12);
    const auto protocol = std::to_integer<unsigned>(packet[9]);
    if (part.offset == 0 && !part.more) return Datagram{source, protocol, part.bytes};
    return reassemble({source, protocol, be16(packet, 4)}, part);
  }

 private:
  struct Part {
    std::size_t offset = 0;
    ByteVector bytes;
    bool more = false;
  };
  using Key = std::tuple<std::uint32_t, unsigned, std::uint16_t>;
  struct Chain {
    std::map<std::size_t, std::byte> bytes;
    std::optional<std::size_t> size;
    bool is_discarded = false;
  };

  std::optional<Datagram> reassemble(const Key& key, const Part& part) {
    Chain& chain = chains_[key];
    for (std::size_t i = 0; i < part.bytes.size(); ++i) {
      const auto [held, is_new] = chain.bytes.try_emplace(part.offset + i, part.bytes[i]);
      if (is_new || held->second == part.bytes[i]) continue;
      if (policy_.fragments == ReceiverPolicy::Overlap::discard) chain.is_discarded = true;
      if (policy_.fragments == ReceiverPolicy::Overlap::newest) held->second = part.bytes[i];
    }
    if (!part.more) chain.size = part.offset + part.bytes.size();
    if (chain.is_discarded || !chain.size || chain.bytes.size() < *chain.size) return std::nullopt;
    Datagram datagram{std::get<0>(key), std::get<1>(key), {}};
    for (const auto& [at, byte] : chain.bytes) datagram.bytes.push_back(byte);
    chains_.erase(key);
    return datagram;
  }

  WireHost own_;
  std::optional<std::uint16_t> vlan_;
  ReceiverPolicy policy_;
  std::map<Key, Chain> chains_;
};

// A host's end of one TCP connection as RFC 9293 3.10.7, RFC 5961 and RFC 7323 have it: says which
// bytes of the frames on the wire its application reads. The window is always 65,535 bytes.
class ModelReceiver {
 public:
  enum class State { listen, syn_sent, syn_received, established, half_closed, closed };

  ModelReceiver(const WireHost& own, const WireHost& peer, std::uint32_t first_sequence,
                std::optional<std::uint16_t> vlan, const ReceiverPolicy& policy)
      : ip_(own, vlan, policy),
        own_(own),
        peer_(peer),
        policy_(policy),
        unacknowledged_(first_sequence),
        next_(first_sequence) {}

  // The bytes that the application reads because of this frame.
  ByteVector receive(Bytes frame) {
    const std::optional<ModelIp::Datagram> datagram = ip_.receive(frame);
    if (!datagram || datagram->source != peer_.address || datagram->protocol != 6) return {};
    const std::optional<WireSegment> segment = parse(datagram->bytes);
    return segment ? receive(*segment) : ByteVector{};
  }

  // This host has sent a segment of that many sequence numbers.
  void sent(std::uint32_t length) { next_ += length; }
  void connect() { state_ = State::syn_sent; }

  [[nodiscard]] State state() const { return state_; }
  [[nodiscard]] bool can_receive() const { return state_ == State::established; }
  [[nodiscard]] std::uint32_t next_expected() const { return expected_; }
  [[nodiscard]] std::uint32_t next_to_send() const { return next_; }
  [[nodiscard]] std::uint32_t recent_timestamp() const { return recent_timestamp_.value_or(0); }

  // What tells whether a segment changed anything.
  [[nodiscard]] auto progress() const {
    return std::tuple(state_, expected_, unacknowledged_, bytes_taken_, finish_);
  }

 private:
  static constexpr std::uint32_t kWindow = 65535;

  std::optional<WireSegment> parse(Bytes tcp) const {
    const std::uint32_t sum = pseudo_header_sum(peer_.address, own_.address, 6, tcp.size());
    if (internet_sum(tcp, sum) != 0xffff) return std::nullopt;
    if (be16(tcp, 0) != peer_.port || be16(tcp, 2) != own_.port) return std::nullopt;
    WireSegment segment;
    segment.sequence = be32(tcp, 4);
    segment.acknowledgment = be32(tcp, 8);
    const std::size_t header = std::to_integer<std::size_t>(tcp[12]) >> 4 << 2;
    segment.flags = std::to_integer<unsigned>(tcp[13]);
    segment.urgent = be16(tcp, 18);
    for (std::size_t at = 20; at + 9 < header;) {
      const auto kind = std::to_integer<unsigned>(tcp[at]);
      if (kind == 8) segment.timestamps = TcpTimestamps{be32(tcp, at + 2), be32(tcp, at + 6)};
      at += kind == 1 ? 1 : std::to_integer<std::size_t>(tcp[at + 1]);
    }
    segment.payload.assign(tcp.begin() + static_cast<std::ptrdiff_t>(header), tcp.end());
    return segment;
  }

  ByteVector receive(const WireSegment& segment) {
    switch (state_) {
      case State::listen: listen(segment); return {};
      case State::syn_sent: answer_to_syn(segment); return {};
      case State::closed: return {};
      case State::syn_received:
      case State::established:
      case State::half_closed: return synchronized(segment);
    }
    return {};
  }

  // RFC 9293 3.10.7.2.
  void listen(const WireSegment& segment) {
    if ((segment.flags & (kSyn | kAck | kRst)) != kSyn) return;
    expected_ = segment.sequence + 1;
    if (segment.timestamps) recent_timestamp_ = segment.timestamps->value;
    state_ = State::syn_received;
  }

  // RFC 9293 3.10.7.3.
  void answer_to_syn(const WireSegment& segment) {
    if ((segment.flags & kAck) == 0 || segment.acknowledgment != next_) return;
    if ((segment.flags & kRst) != 0 && !policy_.ignores_resets) state_ = State::closed;
    if ((segment.flags & (kSyn | kRst)) != kSyn) return;
    expected_ = segment.sequence + 1;
    unacknowledged_ = segment.acknowledgment;
    if (segment.timestamps) recent_timestamp_ = segment.timestamps->value;
    state_ = State::established;
  }

  // RFC 9293 3.10.7.4, in its order of checks.
  ByteVector synchronized(const WireSegment& segment) {
    if (is_old(segment) || !is_in_window(segment)) return {};
    if ((segment.flags & kRst) != 0) {
      if (segment.sequence == expected_ && !policy_.ignores_resets) state_ = State::closed;
      return {};  // elsewhere in the window, it only provokes an acknowledgment (RFC 5961 3.2)
    }
    if ((segment.flags & kSyn) != 0) return {};  // provokes an acknowledgment (RFC 5961 4.2)
    if (!take_acknowledgment(segment)) return {};
    if (segment.timestamps && segment.sequence - expected_ == 0) {
      recent_timestamp_ = segment.timestamps->value;
    }
    if (state_ == State::half_closed) return {};
    if (is_plain(segment)) return take(segment);
    hold(segment);
    return deliver();
  }

  // Protection against wrapped sequence numbers (RFC 7323 5.3).
  [[nodiscard]] bool is_old(const WireSegment& segment) const {
    if (!recent_timestamp_ || (segment.flags & kRst) != 0) return false;
    if (!segment.timestamps) return true;
    return static_cast<std::int32_t>(segment.timestamps->value - *recent_timestamp_) < 0;
  }

  // RFC 9293 3.4, table 6.
  [[nodiscard]] bool is_in_window(const WireSegment& segment) const {
    const std::uint32_t length = segment.length();
    const std::uint32_t begin = segment.sequence - expected_;
    if (length == 0) return begin < kWindow;
    return begin < kWindow || begin + length - 1 < kWindow;
  }

  // RFC 9293 3.10.7.4, fifth check, with the narrower range of RFC 5961 5.2.
  bool take_acknowledgment(const WireSegment& segment) {
    if ((segment.flags & kAck) == 0) return false;
    const std::uint32_t outstanding = next_ - unacknowledged_;
    const std::uint32_t advance = segment.acknowledgment - unacknowledged_;
    if (advance > outstanding)
      return unacknowledged_ - segment.acknowledgment <= kWindow && state_ != State::syn_received;
    if (state_ == State::syn_received) {
      if (advance == 0) return false;
      state_ = State::established;
    }
    unacknowledged_ = segment.acknowledgment;
    return true;
  }

  // Offsets count from the first byte of the stream; those of sequence numbers before `expected_`
  // are no longer of interest.
  void hold(const WireSegment& segment) {
    const auto distance = static_cast<std::int32_t>(segment.sequence - expected_);
    const std::int64_t begin = static_cast<std::int64_t>(delivered_) + distance;
    if ((segment.flags & kUrg) != 0 && segment.urgent != 0 && !policy_.is_urgent_inline) {
      urgent_.insert(begin + segment.urgent - 1);  // RFC 6093 3.1: the byte before the pointer
    }
    for (std::size_t i = 0; i < segment.payload.size(); ++i) {
      const std::int64_t ahead = begin + static_cast<std::int64_t>(i) - delivered_;
      if (ahead < 0 || ahead >= kWindow) continue;
      const auto place = static_cast<std::size_t>(ahead);
      if (place >= held_.size()) held_.resize(place + 1);
      if (held_[place] && !policy_.keeps_newest_copy) continue;
      held_[place] = segment.payload[i];
      ++bytes_taken_;
    }
    if ((segment.flags & kFin) != 0) {
      finish_ = begin + static_cast<std::int64_t>(segment.payload.size());
    }
  }

  // Nothing is held, nothing is urgent: the usual case.
  [[nodiscard]] bool is_plain(const WireSegment& segment) const {
    return segment.sequence == expected_ && held_.empty() && urgent_.empty() &&
           (segment.flags & (kUrg | kFin)) == 0 && segment.payload.size() <= kWindow;
  }
  ByteVector take(const WireSegment& segment) {
    expected_ += segment.length();
    delivered_ += segment.length();
    return segment.payload;
  }

  ByteVector deliver() {
    ByteVector read;
    for (; !held_.empty() && held_.front(); held_.pop_front()) {
      if (!urgent_.contains(delivered_)) read.push_back(*held_.front());
      ++delivered_;
      ++expected_;
    }
    if (finish_ == delivered_) {
      ++expected_;
      state_ = State::half_closed;
    }
    return read;
  }

  ModelIp ip_;
  WireHost own_;
  WireHost peer_;
  ReceiverPolicy policy_;
  State state_ = State::listen;
  std::uint32_t unacknowledged_;  // SND.UNA
  std::uint32_t next_;            // SND.NXT
  std::uint32_t expected_ = 0;    // RCV.NXT
  std::optional<std::uint32_t> recent_timestamp_;
  std::int64_t delivered_ = 0;                 // bytes of the stream so far
  std::deque<std::optional<std::byte>> held_;  // what follows the delivered bytes
  std::uint64_t bytes_taken_ = 0;
  std::set<std::int64_t> urgent_;
  std::optional<std::int64_t> finish_;
};

}  // namespace rpcaudit::test
