#include "dissect/smb/smb_connections.h"

#include "dissect/store/keyed_hash.h"

namespace rpcaudit::dissect {
namespace {

// Keys whose owner is a connection have the top bit, those whose owner is a session do not.
constexpr std::uint64_t kConnectionMark = std::uint64_t{1} << 63;

// The ports of servers: NetBIOS sessions (RFC 1002 4.3), direct TCP ([MS-SMB2] 2.1).
bool is_smb_port(std::uint16_t port) noexcept { return port == 139 || port == 445; }

}  // namespace

// What one direction of a connection tells.
class SmbConnections::Sink final : public SmbStreamSink {
 public:
  Sink(SmbConnections& smb, Slot<SmbConnection> slot, Direction direction,
       BlindnessKind gap_kind) noexcept
      : smb_(smb),
        slot_(slot),
        connection_(smb.connections_[slot]),
        direction_(direction),
        gap_kind_(gap_kind) {}

  // Whether something was missing that may have mattered.
  [[nodiscard]] bool mattered() const noexcept { return mattered_; }

  std::size_t bytes_needed(const SmbUnit& unit) noexcept override {
    return smb_.bytes_needed(connection_, direction_, unit);
  }
  SmbStep on_unit(const SmbUnit& unit, const FrameReference& frame) noexcept override {
    SmbUnitContext context{smb_.host_, slot_, connection_, direction_, unit, frame, {}};
    return smb_.read(context);
  }
  void on_payload(Bytes bytes, const FrameReference& frame) noexcept override {
    const SmbPayload& payload = connection_.payloads[direction_];
    SmbPipes& pipes = smb_.host_.pipes();
    PipeSource& source = connection_.sources[direction_];
    if (!pipes.holds(payload.pipe)) return;
    if (payload.write.slot) {
      pipes.consume_write(payload.pipe.slot, payload.write, bytes, frame, source);
    } else {
      pipes.consume(payload.pipe.slot, payload.direction, bytes, frame, source);
    }
  }
  void on_payload_gap(std::uint64_t missing, const FrameReference& frame) noexcept override {
    const SmbPayload& payload = connection_.payloads[direction_];
    SmbPipes& pipes = smb_.host_.pipes();
    if (!pipes.holds(payload.pipe)) return;
    mattered_ = true;
    if (payload.write.slot) {
      pipes.gap_write(payload.pipe.slot, payload.write, missing, gap_kind_, frame);
    } else {
      pipes.gap(payload.pipe.slot, payload.direction, missing, gap_kind_, frame);
    }
  }
  void on_lost(const FrameReference& frame) noexcept override {
    mattered_ = true;
    connection_.smb1.end_raw(direction_);
    Blindness blindness = make_blindness(gap_kind_, frame, connection_.client_and_server());
    blindness.messages = 1;
    smb_.observer_.on_blindness(blindness);
  }
  void on_header_evicted(const FrameReference& frame) noexcept override {
    on_lost(frame);
    smb_.tell_evicted_header(connection_, frame);
  }
  void on_empty_message() noexcept override { connection_.smb1.end_raw(direction_); }
  void on_undecodable(const FrameReference& frame) noexcept override {
    ++smb_.statistics_.smb_undecodable;
    Blindness blindness =
        make_blindness(BlindnessKind::undecodable, frame, connection_.client_and_server());
    blindness.messages = 1;
    smb_.observer_.on_blindness(blindness);
  }

 private:
  SmbConnections& smb_;
  Slot<SmbConnection> slot_;
  SmbConnection& connection_;
  Direction direction_;
  BlindnessKind gap_kind_;
  bool mattered_ = false;
};

SmbConnections::SmbConnections(const Limits& limits, RpcObserver& observer,
                               DissectStatistics& statistics, RpcSessions& sessions,
                               std::uint64_t seed)
    : observer_(observer),
      statistics_(statistics),
      host_(limits, observer, statistics, sessions, seed),
      connections_(limits.rpc_connections),
      headers_(limits.smb_header_buffers) {
  SecretSequence secrets(seed);
  for (std::uint64_t& secret : host_secrets_) secret = secrets.next();
}

Slot<SmbConnection> SmbConnections::open(const std::array<Endpoint, 2>& endpoints,
                                         std::optional<Direction> client) noexcept {
  const Slot<SmbConnection> slot = connections_.take();
  if (!slot) return slot;
  SmbConnection& connection = connections_[slot];
  const std::uint32_t generation = connection.generation + 1;
  connection = SmbConnection{};
  connection.generation = generation;
  connection.endpoints = endpoints;
  connection.key = kConnectionMark | std::uint64_t{generation} << 32 | slot.index;
  connection.hosts = hash_hosts(AddressWords::of(endpoints[0].address),
                                AddressWords::of(endpoints[1].address), host_secrets_);
  const PerDirection<bool> by_server{
      {is_smb_port(endpoints[0].port), is_smb_port(endpoints[1].port)}};
  if (!client && by_server[Direction::forward] != by_server[Direction::reverse]) {
    client = by_server[Direction::forward] ? Direction::reverse : Direction::forward;
  }
  if (client) {
    connection.set_client(*client);
    connection.roles_certain = true;
  }
  return slot;
}

void SmbConnections::close(Slot<SmbConnection> slot, const FrameReference& frame) noexcept {
  SmbConnection& connection = connections_[slot];
  host_.end_connection(slot, connection, frame);
  for (SmbStream& stream : connection.streams.values) {
    if (stream.has_lost_header(headers_)) tell_evicted_header(connection, frame);
    stream.reset(headers_);
  }
  connections_.release(slot);
}

void SmbConnections::tell_evicted_header(const SmbConnection& connection,
                                         const FrameReference& frame) noexcept {
  ++statistics_.smb_headers_evicted;
  Blindness blindness =
      make_blindness(BlindnessKind::table_eviction, frame, connection.client_and_server());
  blindness.messages = 1;
  observer_.on_blindness(blindness);
}

Bytes SmbConnections::consume(Slot<SmbConnection> slot, Direction direction, Bytes bytes,
                              const FrameReference& frame) noexcept {
  Sink sink(*this, slot, direction, BlindnessKind::gap);
  return connections_[slot].streams[direction].consume(bytes, frame, headers_, sink);
}

bool SmbConnections::gap(Slot<SmbConnection> slot, Direction direction, std::uint64_t missing,
                         BlindnessKind kind, const FrameReference& frame) noexcept {
  Sink sink(*this, slot, direction, kind);
  connections_[slot].streams[direction].gap(missing, frame, headers_, sink);
  return sink.mattered();
}

std::size_t SmbConnections::bytes_needed(SmbConnection& connection, Direction direction,
                                         const SmbUnit& unit) noexcept {
  SmbKind kind = connection.kinds[direction];
  if (unit.offset == 0) {
    if (connection.smb1.is_raw_next(direction)) return 1;
    const ParseStatus status = parse_smb_magic(unit.header, kind);
    if (status == ParseStatus::truncated && unit.length >= kSmbMagicSize) return kSmbMagicSize;
    if (status != ParseStatus::ok) return connection.smb1.awaits_raw(host_, direction) ? 1 : 0;
  }
  switch (kind) {
    case SmbKind::smb1: return connection.smb1.bytes_needed(connection, direction, unit);
    case SmbKind::smb2: return connection.smb2.bytes_needed(host_, connection, direction, unit);
    case SmbKind::encrypted: return kSmbTransformSize;
    case SmbKind::compressed: return kSmbCompressionSize + kSmb2HeaderSize;
  }
  return 0;
}

SmbStep SmbConnections::read(SmbUnitContext& unit) noexcept {
  ++statistics_.smb_messages;
  SmbConnection& connection = unit.connection;
  host_.end_payload(connection, unit.direction);
  SmbKind& kind = connection.kinds[unit.direction];
  if (unit.presented.offset == 0) {
    const bool is_raw = connection.smb1.is_raw_next(unit.direction) ||
                        parse_smb_magic(unit.presented.header, kind) != ParseStatus::ok;
    if (is_raw) connection.smb1.on_raw(unit);
    connection.smb1.begin_message(unit.direction);
    connection.smb2.begin_message(unit.direction);
    if (is_raw) return unit.step;
  }
  switch (kind) {
    case SmbKind::smb1: connection.smb1.on_unit(unit); break;
    case SmbKind::smb2: connection.smb2.on_unit(unit); break;
    case SmbKind::encrypted:
    case SmbKind::compressed: connection.smb2.on_unreadable(unit, kind); break;
  }
  return unit.step;
}

}  // namespace rpcaudit::dissect
