// Nothing hides in captures of real implementations either: decoys that no receiver takes are put
// between their frames, and every call that is told of the capture as it is has to be told still,
// or its connection has to.
//
// RPCAUDIT_CORPUS adds the captures of a folder. RPCAUDIT_PROPERTY_CASES and RPCAUDIT_EVASION as
// for evasions of constructed conversations.

#include <gtest/gtest.h>

#include <algorithm>
#include <cstdlib>
#include <deque>
#include <filesystem>
#include <map>
#include <set>

#include "tests/support/captures_at_hand.h"
#include "tests/support/evasion_kinds.h"
#include "tests/support/evasion_verdict.h"
#include "tests/support/mutated_capture.h"
#include "tests/support/places.h"

namespace rpcaudit {
namespace {

using namespace test;
namespace fs = std::filesystem;

// --- One TCP segment over IPv4 in an Ethernet frame, to be forged ---

class SegmentInFrame {
 public:
  // Empty when the frame is of another kind, or cut.
  static std::optional<SegmentInFrame> find(const Frame& frame) {
    SegmentInFrame found{{frame.bytes.begin(), frame.bytes.end()}};
    const Bytes bytes = found.bytes_;
    if (frame.link != LinkType::ethernet || bytes.size() < 54) return std::nullopt;
    const bool is_whole = (be16(bytes, kIp + 6) & 0x3fff) == 0;
    const bool is_tcp = be16(bytes, 12) == 0x0800 && bytes[kIp + 9] == std::byte{6};
    if (!is_tcp || !is_whole) return std::nullopt;
    found.tcp_ = kIp + (std::to_integer<std::size_t>(bytes[kIp]) & 15) * 4;
    found.end_ = kIp + be16(bytes, kIp + 2);
    if (found.end_ > bytes.size() || found.tcp_ + 20 > found.end_) return std::nullopt;
    found.payload_ = found.tcp_ + (std::to_integer<std::size_t>(bytes[found.tcp_ + 12]) >> 4) * 4;
    if (found.payload_ < found.tcp_ + 20 || found.payload_ > found.end_) return std::nullopt;
    return found;
  }

  [[nodiscard]] std::size_t payload_size() const { return end_ - payload_; }
  [[nodiscard]] unsigned flags() const { return std::to_integer<unsigned>(bytes_[tcp_ + 13]); }
  void set_flags(unsigned flags) { bytes_[tcp_ + 13] = static_cast<std::byte>(flags); }
  void move_sequence(std::uint32_t distance) { put(tcp_ + 4, be32(bytes_, tcp_ + 4) + distance); }

  void misdirect() { bytes_[5] ^= std::byte{0x77}; }
  void contradict(Random& random) {
    const ByteVector payload(bytes_.begin() + at(payload_), bytes_.begin() + at(end_));
    const ByteVector other = decoy_bytes(random, payload);
    bytes_.resize(payload_);
    bytes_.insert(bytes_.end(), other.begin(), other.end());
    end_ = bytes_.size();
    put16(kIp + 2, static_cast<unsigned>(end_ - kIp));
  }
  void drop_payload() {
    bytes_.resize(payload_);
    end_ = payload_;
    put16(kIp + 2, static_cast<unsigned>(end_ - kIp));
  }

  // The frame with checksums of its own.
  [[nodiscard]] ByteVector finish(bool is_tcp_wrong = false, bool is_ip_wrong = false) {
    put16(kIp + 10, 0);
    const Bytes header = Bytes(bytes_).subspan(kIp, tcp_ - kIp);
    put16(kIp + 10, (~internet_sum(header) & 0xffffu) ^ (is_ip_wrong ? 0x0101u : 0u));
    put16(tcp_ + 16, 0);
    const std::uint32_t start =
        pseudo_header_sum(be32(bytes_, kIp + 12), be32(bytes_, kIp + 16), 6, end_ - tcp_);
    const Bytes segment = Bytes(bytes_).subspan(tcp_, end_ - tcp_);
    put16(tcp_ + 16, (~internet_sum(segment, start) & 0xffffu) ^ (is_tcp_wrong ? 0x0101u : 0u));
    return bytes_;
  }

 private:
  explicit SegmentInFrame(ByteVector bytes) : bytes_(std::move(bytes)) {}

  static constexpr std::size_t kIp = 14;
  static std::ptrdiff_t at(std::size_t place) { return static_cast<std::ptrdiff_t>(place); }
  void put16(std::size_t place, unsigned value) {
    bytes_[place] = static_cast<std::byte>(value >> 8);
    bytes_[place + 1] = static_cast<std::byte>(value);
  }
  void put(std::size_t place, std::uint32_t value) {
    put16(place, value >> 16);
    put16(place + 2, value & 0xffff);
  }

  ByteVector bytes_;
  std::size_t tcp_ = 0;
  std::size_t payload_ = 0;
  std::size_t end_ = 0;
};

// What makes a frame out of one that comes next a decoy. Empty: this frame serves for none.
struct CaptureEvasion {
  const char* name;
  std::optional<ByteVector> (*forge)(SegmentInFrame next, Random& random);
};

void PrintTo(const CaptureEvasion& evasion, std::ostream* out) { *out << evasion.name; }

bool has_data(const SegmentInFrame& segment) { return segment.payload_size() != 0; }

std::optional<ByteVector> bad_checksum(SegmentInFrame next, Random& random) {
  if (!has_data(next)) return std::nullopt;
  next.contradict(random);
  return next.finish(true);
}
std::optional<ByteVector> bad_ip_checksum(SegmentInFrame next, Random& random) {
  if (!has_data(next)) return std::nullopt;
  next.contradict(random);
  return next.finish(false, true);
}
std::optional<ByteVector> no_ack_flag(SegmentInFrame next, Random& random) {
  if (!has_data(next) || (next.flags() & kSyn) != 0) return std::nullopt;
  next.contradict(random);
  next.set_flags(kPsh);
  return next.finish();
}
std::optional<ByteVector> out_of_window(SegmentInFrame next, Random& random) {
  if (!has_data(next)) return std::nullopt;
  next.contradict(random);
  next.move_sequence(0x3000'0000);
  return next.finish();
}
std::optional<ByteVector> other_station(SegmentInFrame next, Random& random) {
  if (!has_data(next)) return std::nullopt;
  next.contradict(random);
  next.misdirect();
  return next.finish();
}
template <unsigned kFlags>
std::optional<ByteVector> far_control(SegmentInFrame next, Random& random) {
  if ((next.flags() & (kSyn | kFin | kRst)) != 0) return std::nullopt;
  next.drop_payload();
  next.set_flags(kFlags);
  next.move_sequence(up_to(random, 1) == 0 ? 0x3000'0000 : 0xd000'0000);
  return next.finish();
}
std::optional<ByteVector> bad_checksum_reset(SegmentInFrame next, Random&) {
  if ((next.flags() & (kSyn | kFin | kRst)) != 0) return std::nullopt;
  next.drop_payload();
  next.set_flags(kRst | kAck);
  return next.finish(true);
}

constexpr CaptureEvasion kCaptureEvasions[] = {
    {"captured_bad_checksum", bad_checksum},
    {"captured_bad_ip_checksum", bad_ip_checksum},
    {"captured_no_ack_flag", no_ack_flag},
    {"captured_out_of_window", out_of_window},
    {"captured_other_station", other_station},
    {"captured_wrong_sequence_reset", far_control<kRst>},
    {"captured_wrong_sequence_fin", far_control<kFin | kAck>},
    {"captured_wrong_sequence_syn", far_control<kSyn>},
    {"captured_bad_checksum_reset", bad_checksum_reset},
};

// --- What is told of all connections ---

// By the two ends of the connection, the client first.
using Connection = std::pair<Endpoint, Endpoint>;

class ConnectionListener : public SilentObserver {
 public:
  void on_call(const dissect::RpcContext& context, const dissect::RpcCall& call) override {
    const Uuid interface = context.abstract_syntax ? context.abstract_syntax->uuid : Uuid{};
    calls_[{context.client, context.server}].push_back(
        {{interface, call.opnum, std::string(call.identity.user), std::string(context.pipe)},
         call.doubts.any()});
  }
  void on_blindness(const dissect::Blindness& blindness) override {
    if (blindness.kind == dissect::BlindnessKind::missed_bind) return;
    if (blindness.client && blindness.server) blind_.insert({*blindness.client, *blindness.server});
  }

  [[nodiscard]] const std::map<Connection, std::vector<ToldCall>>& calls() const { return calls_; }
  [[nodiscard]] bool is_blind(const Connection& connection) const {
    return blind_.contains(connection) || blind_.contains({connection.second, connection.first});
  }

 private:
  std::map<Connection, std::vector<ToldCall>> calls_;
  std::set<Connection> blind_;
};

void play(std::span<const Frame> frames, ConnectionListener& listener) {
  dissect::Limits limits;
  limits.flows = 1u << 14;
  limits.outcome_window.nanoseconds *= 1000;
  dissect::Dissector dissector(limits, listener, 1);
  for (std::span<const Frame> rest = frames; !rest.empty();) {
    const std::span<const Frame> some = rest.first(std::min<std::size_t>(64, rest.size()));
    dissector.process(some);
    dissector.advance(some);
    rest = rest.subspan(some.size());
  }
  dissector.finish();
}

// Which calls of the capture as it is are hidden in the one with decoys.
std::string hidden_calls(const ConnectionListener& clean, const ConnectionListener& evaded) {
  std::string hidden;
  for (const auto& [connection, calls] : clean.calls()) {
    const auto found = evaded.calls().find(connection);
    std::vector<ToldCall> left =
        found == evaded.calls().end() ? std::vector<ToldCall>{} : found->second;
    for (const ToldCall& call : calls) {
      const auto like = [&](const ToldCall& told) { return likeness(told, call.call, false); };
      const auto best =
          std::max_element(left.begin(), left.end(),
                           [&](const ToldCall& a, const ToldCall& b) { return like(a) < like(b); });
      if (best != left.end() && like(*best) != 0) {
        left.erase(best);
      } else if (!evaded.is_blind(connection)) {
        hidden += to_text(call.call) + " of port " + std::to_string(connection.first.port) + "\n";
      }
    }
  }
  return hidden;
}

// --- Captures ---

// The frames with a decoy before about every third of those that serve for one.
std::vector<Frame> with_decoys(const std::vector<Frame>& frames, const CaptureEvasion& evasion,
                               Random& random, std::deque<ByteVector>& storage) {
  std::vector<Frame> all;
  const auto add = [&](Frame frame) {
    frame.number = frame.sequence = all.size() + 1;
    all.push_back(frame);
  };
  for (const Frame& frame : frames) {
    const std::optional<SegmentInFrame> segment = SegmentInFrame::find(frame);
    if (segment && up_to(random, 2) == 0) {
      if (std::optional<ByteVector> decoy = evasion.forge(*segment, random)) {
        Frame forged = frame;
        forged.bytes = storage.emplace_back(std::move(*decoy));
        forged.original_length = static_cast<std::uint32_t>(forged.bytes.size());
        add(forged);
      }
    }
    add(frame);
  }
  return all;
}

class EvasionCaptureProperty : public testing::TestWithParam<CaptureEvasion> {};

TEST_P(EvasionCaptureProperty, EveryCallOfTheCaptureIsToldOrItsConnectionIs) {
  const std::string name = GetParam().name;
  const char* chosen = std::getenv("RPCAUDIT_EVASION");
  if (chosen != nullptr && name != chosen) GTEST_SKIP() << "another one is chosen";
  const char* wanted = std::getenv("RPCAUDIT_PROPERTY_CASES");
  const std::uint64_t seeds =
      1 + (wanted == nullptr ? 0 : std::strtoull(wanted, nullptr, 10) / 100'000);
  std::uint64_t decoys = 0;
  for (const fs::path& path : captures_at_hand(700'000)) {
    const MutatedCapture capture(path.string());
    const std::vector<Frame> frames = capture.frames();
    ConnectionListener clean;
    play(frames, clean);
    for (std::uint64_t seed = 0; seed < seeds && !clean.calls().empty(); ++seed) {
      Random random(seed);
      std::deque<ByteVector> storage;
      ConnectionListener evaded;
      play(with_decoys(frames, GetParam(), random, storage), evaded);
      decoys += storage.size();
      const std::string hidden = hidden_calls(clean, evaded);
      ASSERT_EQ(hidden, "") << name << ", " << path << ", seed " << seed;
    }
  }
  EXPECT_GT(decoys, 100u);
}

INSTANTIATE_TEST_SUITE_P(Kinds, EvasionCaptureProperty, testing::ValuesIn(kCaptureEvasions),
                         [](const auto& test) { return std::string(test.param.name); });

}  // namespace
}  // namespace rpcaudit
