#pragma once

#include <string>
#include <utility>
#include <vector>

#include "tests/support/evasion_script.h"
#include "tests/support/model_receiver.h"

namespace rpcaudit::test {

class EvasionGenerator;

// How one conversation is made. What a kind of evasion needs, it sets before the conversation
// begins.
struct EvasionSetup {
  Carrier carrier = Carrier::tcp;
  ScriptOptions script;
  ReceiverPolicy server;
  std::size_t segment_bytes = 1460;     // at most
  std::size_t frames_not_captured = 0;  // at the beginning: the sensor joins late
  std::size_t answer_bytes = 4096;      // of the stub of an answer, at most
  bool is_listed = false;               // EvasiveConversation::listing is wanted
  bool has_timestamps = false;
  std::array<bool, 2> offloads_checksums{};  // of the client and of the server
  bool shuffles_segments = false;
};

// One kind of evasion. `disturb` may send decoys before a legitimate segment; `transmit` sends the
// segment itself in an unusual way and returns whether it did.
struct EvasionKind {
  const char* name;
  void (*prepare)(EvasionSetup&, Random&) = nullptr;
  void (*disturb)(EvasionGenerator&, const WireSegment& next) = nullptr;
  bool (*transmit)(EvasionGenerator&, const WireSegment& segment) = nullptr;
};

// A conversation between a client and a server as a sensor sees it, and what the server made of it.
struct EvasiveConversation {
  FrameList frames;
  std::vector<ExecutedCall> executed;          // those of which the sensor saw every byte
  std::array<std::uint32_t, 2> first_bytes{};  // their sequence numbers, by side
  std::uint16_t port = 0;                      // of the server
  std::string listing;                         // the frames, for people
};

// Plays a script between two model hosts, with decoys in between. The models decide which bytes
// count; what the generator means by a frame does not matter to them.
class EvasionGenerator {
 public:
  EvasionGenerator(const EvasionSetup& setup, std::vector<EvasionKind> kinds, Random& random)
      : setup_(setup),
        kinds_(std::move(kinds)),
        random_(random),
        script_(make_script(setup.carrier, random, setup.script)),
        hosts_{WireHost{kClientAddress, 40000, 0x0200'0000'0002},
               WireHost{kServerAddress, script_.port, 0x0200'0000'0001}},
        ends_{{{hosts_[0],
                hosts_[1],
                static_cast<std::uint32_t>(random()),
                std::nullopt,
                {.ignores_resets = setup.server.ignores_resets, .hops = setup.server.hops}},
               {hosts_[1], hosts_[0], static_cast<std::uint32_t>(random()), std::nullopt,
                setup.server}}} {}

  EvasiveConversation run() {
    conversation_.port = script_.port;
    for (const unsigned side : {kClient, kServer}) {
      conversation_.first_bytes[side] = ends_[side].next_to_send() + 1;
    }
    open();
    for (const ByteVector& message : script_.messages) {
      const bool is_captured = frames_ >= setup_.frames_not_captured;
      say(kClient, message);
      if (!is_captured) calls_not_captured_ = executed().size();
      say(kServer, std::exchange(answers_, {}));
      if (chance(2)) send(blank(kClient));
      if (!is_alive()) break;
    }
    if (is_alive() && chance(2)) close();
    conversation_.executed = executed();
    conversation_.executed.erase(
        conversation_.executed.begin(),
        conversation_.executed.begin() + static_cast<std::ptrdiff_t>(calls_not_captured_));
    return std::move(conversation_);
  }

  // --- For kinds of evasion ---

  static constexpr unsigned kClient = 0;
  static constexpr unsigned kServer = 1;
  static constexpr std::uint32_t kClientAddress = 0x0a4d0002;
  static constexpr std::uint32_t kServerAddress = 0x0a4d0001;

  Random& random() { return random_; }
  bool chance(std::size_t one_in) { return up_to(random_, one_in - 1) == 0; }
  unsigned any_side() { return chance(2) ? kClient : kServer; }
  [[nodiscard]] static unsigned side_of(const WireSegment& segment) {
    return segment.source.address == kClientAddress ? kClient : kServer;
  }
  [[nodiscard]] const std::optional<WireSegment>& last_data(unsigned side) const {
    return last_data_[side];
  }

  // The sequence number that the other side expects of that one next.
  [[nodiscard]] std::uint32_t expected_of(unsigned side) const {
    return ends_[1 - side].next_expected();
  }
  // Whether the other side has acknowledged, on the wire, everything that one side sent.
  [[nodiscard]] bool is_acknowledged(unsigned side) const {
    return acknowledged_[side] == ends_[side].next_to_send();
  }
  // An acknowledgment by one side, as it would send it now.
  [[nodiscard]] WireSegment blank(unsigned side) const {
    WireSegment segment;
    segment.source = hosts_[side];
    segment.destination = hosts_[1 - side];
    segment.sequence = ends_[side].next_to_send();
    segment.acknowledgment = ends_[side].next_expected();
    segment.flags = kAck;
    if (setup_.has_timestamps) {
      segment.timestamps = TcpTimestamps{clock(), ends_[side].recent_timestamp()};
    }
    return segment;
  }

  // A forged segment. One that the client would fall for is left out: the script of a client that
  // believes a forgery is not known.
  void decoy(const WireSegment& segment) {
    const ByteVector frame = make_wire_frame(segment, ++identification_);
    if (deceives_client(frame)) return;
    note(segment, "decoy");
    put(frame);
  }
  void decoy_in_vxlan(const WireSegment& segment) {
    const ByteVector inner = make_wire_frame(segment, ++identification_);
    const WireHost third{0x0a4d0063, 5555, 0x0200'0000'0063};
    const WireHost fourth{0x0a4d0064, 4789, 0x0200'0000'0064};
    note(segment, "decoy in VXLAN");
    put(make_vxlan_frame(third, fourth, inner, ++identification_));
  }
  // A frame of the sender's own.
  void send(const WireSegment& segment) {
    note(segment, "");
    acknowledged_[1 - side_of(segment)] = segment.acknowledgment;
    const ByteVector frame = make_wire_frame(segment, ++identification_);
    WireSegment captured = segment;
    captured.is_checksum_wrong = setup_.offloads_checksums[side_of(segment)];
    put(frame, captured.is_checksum_wrong ? make_wire_frame(captured, identification_) : frame);
  }
  // The sender of a segment sends one byte more than its script says.
  void lengthen(const WireSegment& segment) { ends_[side_of(segment)].sent(1); }

  // A segment in IP fragments, in any order. `forge` may change the bytes of one of them that has
  // been sent before or will be.
  void send_fragments(const WireSegment& segment, std::size_t fragment_bytes,
                      const ByteVector& forged = {}) {
    const ByteVector whole = make_tcp_bytes(segment);
    const std::uint16_t identification = ++identification_;
    std::vector<ByteVector> pieces;
    for (std::size_t at = 0; at < whole.size(); at += fragment_bytes) {
      const Bytes part = part_of(whole, at, fragment_bytes);
      const IpPart place{identification, at, at + part.size() < whole.size()};
      pieces.push_back(make_ip_frame(segment, part, place));
      const Bytes false_part = part_of(forged, at, fragment_bytes);
      if (!std::equal(part.begin(), part.end(), false_part.begin(), false_part.end()) &&
          !forged.empty()) {
        pieces.push_back(make_ip_frame(segment, false_part, place));
      }
    }
    std::shuffle(pieces.begin(), pieces.end(), random_);
    note(segment, forged.empty() ? "in fragments" : "in fragments, some of them forged");
    for (const ByteVector& piece : pieces) put(piece);
  }

 private:
  [[nodiscard]] std::vector<ExecutedCall> executed() const {
    return setup_.carrier == Carrier::tcp ? rpc_.executed() : smb_.executed();
  }
  [[nodiscard]] std::uint32_t clock() const {
    return 100'000 + static_cast<std::uint32_t>(10 * frames_);
  }
  [[nodiscard]] bool is_alive() const {
    return ends_[kServer].can_receive() && !rpc_.is_broken() && !smb_.is_broken();
  }
  [[nodiscard]] bool deceives_client(Bytes frame) const {
    ModelReceiver client = ends_[kClient];
    (void)client.receive(frame);
    return client.progress() != ends_[kClient].progress();
  }

  void open() {
    for (const unsigned side : {kClient, kServer}) {
      WireSegment segment = blank(side);
      segment.flags = side == kClient ? unsigned{kSyn} : kSyn | kAck;
      if (side == kClient) segment.acknowledgment = 0;
      disturb(segment);
      if (side == kClient) ends_[kClient].connect();
      ends_[side].sent(1);
      send(segment);
    }
    send(blank(kClient));
  }
  void close() {
    for (const unsigned side : {kClient, kServer}) {
      WireSegment segment = blank(side);
      segment.flags = kFin | kAck;
      ends_[side].sent(1);
      send(segment);
    }
  }

  // A message in segments, those that did not arrive once more.
  void say(unsigned side, const ByteVector& message) {
    const std::uint32_t begin = ends_[side].next_to_send();
    std::vector<WireSegment> segments;
    for (std::size_t at = 0; at < message.size();) {
      WireSegment segment = blank(side);
      const Bytes part = part_of(message, at, setup_.segment_bytes);
      segment.flags = kPsh | kAck;
      segment.payload.assign(part.begin(), part.end());
      ends_[side].sent(segment.length());
      at += part.size();
      segments.push_back(std::move(segment));
    }
    std::vector<WireSegment> sent = segments;
    if (setup_.shuffles_segments) shuffle_nearby(sent);
    for (const WireSegment& segment : sent) say(segment);
    const ModelReceiver& receiver = ends_[1 - side];
    for (const WireSegment& segment : segments) {
      const std::uint32_t missing = receiver.next_expected() - begin;
      const bool is_missing = segment.sequence + segment.length() - begin > missing;
      if (receiver.can_receive() && is_missing) send(renewed(segment));
    }
  }
  // Segments overtake those near them, as in a network of several paths.
  void shuffle_nearby(std::vector<WireSegment>& segments) {
    constexpr std::ptrdiff_t kNear = 50;
    for (auto begin = segments.begin(); begin != segments.end();) {
      const auto end = begin + std::min(kNear, segments.end() - begin);
      std::shuffle(begin, end, random_);
      begin = end;
    }
  }
  void say(const WireSegment& segment) {
    const unsigned side = side_of(segment);
    if (!ends_[1 - side].can_receive()) return;
    const WireSegment now = renewed(segment);
    disturb(now);
    bool is_sent = false;
    for (const EvasionKind& kind : kinds_) {
      if (!is_sent && kind.transmit != nullptr) is_sent = kind.transmit(*this, now);
    }
    if (!is_sent) send(now);
    last_data_[side] = now;
    if (chance(2) && is_alive()) send(blank(1 - side));
  }
  // The segment with what its sender knows now.
  [[nodiscard]] WireSegment renewed(WireSegment segment) const {
    const WireSegment now = blank(side_of(segment));
    segment.acknowledgment = now.acknowledgment;
    segment.timestamps = now.timestamps;
    return segment;
  }
  void disturb(const WireSegment& next) {
    for (const EvasionKind& kind : kinds_) {
      if (kind.disturb != nullptr) kind.disturb(*this, next);
    }
  }

  void put(const ByteVector& frame) { put(frame, frame); }
  void put(const ByteVector& frame, const ByteVector& captured) {
    (void)ends_[kClient].receive(frame);
    const ByteVector read = ends_[kServer].receive(frame);
    const ByteVector answer =
        setup_.carrier == Carrier::tcp ? rpc_.consume(read) : smb_.consume(read);
    answers_.insert(answers_.end(), answer.begin(), answer.end());
    if (frames_++ >= setup_.frames_not_captured) conversation_.frames.add(captured);
  }

  void note(const WireSegment& segment, std::string_view remark) {
    if (!setup_.is_listed) return;
    std::string& out = conversation_.listing;
    const unsigned side = side_of(segment);
    out += frames_ < setup_.frames_not_captured
               ? std::string("not captured")
               : "frame " + std::to_string(conversation_.frames.size() + 1);
    out += side == kClient ? " client" : " server";
    static constexpr std::pair<unsigned, const char*> kNames[] = {
        {kSyn, " SYN"}, {kFin, " FIN"}, {kRst, " RST"}, {kUrg, " URG"}, {kAck, " ACK"}};
    for (const auto& [flag, name] : kNames) {
      if ((segment.flags & flag) != 0) out += name;
    }
    const auto ahead =
        static_cast<std::int32_t>(segment.sequence - ends_[1 - side].next_expected());
    out += " at " + std::to_string(ahead) + " from what is expected, " +
           std::to_string(segment.payload.size()) + " bytes, TTL " + std::to_string(segment.ttl);
    if (segment.is_checksum_wrong) out += ", wrong TCP checksum";
    if (segment.is_ip_checksum_wrong) out += ", wrong IP checksum";
    if (segment.vlan) out += ", VLAN " + std::to_string(*segment.vlan);
    if (segment.destination != hosts_[1 - side]) out += ", to another host";
    out += remark.empty() ? "\n" : " (" + std::string(remark) + ")\n";
  }

  EvasionSetup setup_;
  std::vector<EvasionKind> kinds_;
  Random& random_;
  Script script_;
  std::array<WireHost, 2> hosts_;
  std::array<ModelReceiver, 2> ends_;
  ModelRpcServer rpc_{setup_.answer_bytes};
  ModelSmbServer smb_{setup_.answer_bytes};
  ByteVector answers_;
  std::array<std::optional<WireSegment>, 2> last_data_;
  std::array<std::uint32_t, 2> acknowledged_{};  // of what that side sent
  std::uint16_t identification_ = 0;
  std::uint64_t frames_ = 0;
  std::size_t calls_not_captured_ = 0;
  EvasiveConversation conversation_;
};

}  // namespace rpcaudit::test
