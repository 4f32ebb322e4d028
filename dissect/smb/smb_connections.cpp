#include "dissect/smb/smb_connections.h"

#include <algorithm>
#include <cstring>

namespace rpcaudit::dissect {
namespace {

// One connection rarely carries more than a few sessions; it may not crowd out those of others.
constexpr std::uint32_t kSessionsPerConnectionMax = 64;

// Keys whose owner is a connection have the top bit, those whose owner is a session do not.
constexpr std::uint64_t kConnectionMark = std::uint64_t{1} << 63;
// Of what the server has not named yet.
constexpr std::uint64_t kUnnamedMark = std::uint64_t{1} << 62;

std::uint64_t half(const IpAddress& address, std::size_t from) noexcept {
  std::uint64_t value = 0;
  std::memcpy(&value, address.bytes.data() + from, sizeof value);
  return value;
}

}  // namespace

// What a connection's streams tell, handed on with where it came from.
struct SmbConnections::Sink {
  SmbConnections& smb;
  std::uint32_t slot;
  unsigned direction;
  BlindnessKind gap_kind;
  bool mattered = false;

  std::size_t bytes_needed(const SmbUnit& unit) noexcept {
    return smb.bytes_needed(slot, direction, unit);
  }
  SmbStep on_unit(const SmbUnit& unit, const FrameReference& frame) noexcept {
    return smb.on_unit(slot, direction, unit, frame);
  }
  void on_payload(Bytes bytes, const FrameReference& frame) noexcept {
    smb.on_payload(slot, direction, bytes, frame);
  }
  void on_payload_gap(std::uint64_t missing, const FrameReference& frame) noexcept {
    const SmbPayload& payload = smb.connections_[slot].payloads[direction];
    if (!smb.pipes_.holds(payload.pipe)) return;
    mattered = true;
    smb.pipes_.gap(payload.pipe.slot, payload.direction, missing, gap_kind, frame);
  }
  void on_lost(const FrameReference&) noexcept { mattered = true; }
  void on_undecodable(const FrameReference& frame) noexcept {
    ++smb.statistics_.smb_undecodable;
    Blindness blindness = make_blindness(BlindnessKind::undecodable, frame,
                                         smb.client_and_server(smb.connections_[slot]));
    blindness.messages = 1;
    smb.observer_.on_blindness(blindness);
  }
};

SmbConnections::SmbConnections(const Limits& limits, RpcObserver& observer,
                               DissectStatistics& statistics, RpcSessions& sessions,
                               std::uint64_t seed)
    : observer_(observer),
      statistics_(statistics),
      pipes_(limits, observer, statistics, sessions, seed),
      sessions_(limits, observer, statistics, pipes_, seed),
      requests_(limits.smb_requests, seed),
      connections_(limits.rpc_connections),
      channels_(2 * limits.smb_sessions),
      heads_(limits.smb_head_buffers) {
  SecretSequence secrets(seed);
  for (std::uint64_t& secret : host_secrets_) secret = secrets.next();
}

std::uint32_t SmbConnections::open(const std::array<Endpoint, 2>& endpoints) noexcept {
  const std::uint32_t slot = connections_.take();
  if (slot == kNoSlot) return slot;
  SmbConnection& connection = connections_[slot];
  const std::uint32_t generation = connection.generation + 1;
  connection = SmbConnection{};
  connection.generation = generation;
  connection.endpoints = endpoints;
  connection.key = kConnectionMark | std::uint64_t{generation} << 32 | slot;
  const IpAddress& low = std::min(endpoints[0].address, endpoints[1].address);
  const IpAddress& high = std::max(endpoints[0].address, endpoints[1].address);
  const std::uint64_t first =
      fold_multiply(half(low, 0) ^ host_secrets_[0], half(low, 8) ^ host_secrets_[1]);
  const std::uint64_t second =
      fold_multiply(half(high, 0) ^ host_secrets_[1], half(high, 8) ^ host_secrets_[0]);
  connection.hosts = fold_multiply(first ^ host_secrets_[0], second ^ host_secrets_[1]);
  return slot;
}

void SmbConnections::close(std::uint32_t slot, const FrameReference& frame) noexcept {
  SmbConnection& connection = connections_[slot];
  while (connection.requests != kNoSlot) end_request(connection.requests, frame.timestamp);
  while (connection.channels != kNoSlot) {
    const std::uint32_t channel = connection.channels;
    const EntryReference session = channels_[channel].session;
    connection.channels = channels_[channel].next;
    channels_.release(channel);
    if (sessions_.holds(session) && --sessions_[session.slot].channels == 0) {
      sessions_.close(session.slot, frame);
    }
  }
  for (SmbStream& stream : connection.streams) stream.reset(heads_);
  connections_.release(slot);
}

void SmbConnections::consume(std::uint32_t slot, unsigned direction, Bytes bytes,
                             const FrameReference& frame) noexcept {
  Sink sink{*this, slot, direction, BlindnessKind::gap};
  connections_[slot].streams[direction].consume(bytes, frame, heads_, sink);
}

bool SmbConnections::gap(std::uint32_t slot, unsigned direction, std::uint64_t missing,
                         BlindnessKind kind, const FrameReference& frame) noexcept {
  Sink sink{*this, slot, direction, kind};
  connections_[slot].streams[direction].gap(missing, frame, heads_, sink);
  return sink.mattered;
}

std::size_t SmbConnections::bytes_needed(std::uint32_t slot, unsigned direction,
                                         const SmbUnit& unit) noexcept {
  SmbConnection& connection = connections_[slot];
  SmbKind kind = connection.chains[direction].kind;
  if (unit.offset == 0) {
    const ParseStatus status = parse_smb_magic(unit.head, kind);
    if (status == ParseStatus::truncated && unit.length >= kSmbMagicSize) return kSmbMagicSize;
    const bool raw = pipes_.holds(connection.raw[direction]);
    if (status != ParseStatus::ok) return raw ? 1 : 0;
  }
  switch (kind) {
    case SmbKind::smb1: return smb1_needed(slot, direction, unit);
    case SmbKind::smb2: return smb2_needed(slot, direction, unit);
    case SmbKind::encrypted: return kSmbTransformSize;
    case SmbKind::compressed: return kSmbCompressionSize + kSmb2HeaderSize;
  }
  return 0;
}

SmbStep SmbConnections::on_unit(std::uint32_t slot, unsigned direction, const SmbUnit& shown,
                                const FrameReference& frame) noexcept {
  ++statistics_.smb_messages;
  end_payload(slot, direction, frame.timestamp);
  SmbConnection& connection = connections_[slot];
  Unit unit{slot, direction, shown, frame, {}};
  if (shown.offset == 0) {
    connection.chains[direction] = {};
    const EntryReference raw = std::exchange(connection.raw[direction], {});
    SmbKind& kind = connection.chains[direction].kind;
    if (parse_smb_magic(shown.head, kind) != ParseStatus::ok) {
      const bool by_client = connection.client_direction == direction;
      hand_on(unit, raw, by_client ? kToServer : kToClient, {0, shown.length});
      return unit.step;
    }
  }
  switch (connection.chains[direction].kind) {
    case SmbKind::smb1: on_smb1(unit); break;
    case SmbKind::smb2: on_smb2(unit); break;
    case SmbKind::encrypted: count_unseen(unit, SmbKind::encrypted); break;
    case SmbKind::compressed: count_unseen(unit, SmbKind::compressed); break;
  }
  return unit.step;
}

void SmbConnections::on_payload(std::uint32_t slot, unsigned direction, Bytes bytes,
                                const FrameReference& frame) noexcept {
  SmbConnection& connection = connections_[slot];
  const SmbPayload& payload = connection.payloads[direction];
  if (!pipes_.holds(payload.pipe)) return;
  pipes_.consume(payload.pipe.slot, payload.direction, bytes, frame, connection.sources[direction]);
}

void SmbConnections::end_payload(std::uint32_t slot, unsigned direction, Timestamp now) noexcept {
  const SmbPayload payload = std::exchange(connections_[slot].payloads[direction], {});
  if (payload.ends_pipe && pipes_.holds(payload.pipe)) pipes_.close(payload.pipe.slot, now);
}

// All of the message counts; what of it is only framing is little.
void SmbConnections::count_unseen(const Unit& unit, SmbKind kind) noexcept {
  std::uint64_t id = 0;
  const bool encrypted = kind == SmbKind::encrypted;
  const ParseStatus status = encrypted ? parse_smb_transform(unit.shown.head, id)
                                       : parse_smb_compression(unit.shown.head, id);
  if (status != ParseStatus::ok) ++statistics_.smb_undecodable;
  const std::uint32_t slot = smb2_session_added(unit, id);
  SmbSession& session = sessions_[slot];
  UnseenMessages& unseen = encrypted ? session.encrypted : session.compressed;
  if (unseen.messages == 0) unseen.since = unit.frame;
  ++unseen.messages;
  unseen.bytes += unit.shown.length;
}

// Who sent the first request is the client, and stays it.
bool SmbConnections::is_expected_from(std::uint32_t slot, unsigned direction,
                                      bool is_response) noexcept {
  SmbConnection& connection = connections_[slot];
  const unsigned client = is_response ? 1 - direction : direction;
  if (!connection.roles_known) {
    connection.roles_known = true;
    connection.client_direction = static_cast<std::uint8_t>(client);
    for (PipeSource& source : connection.sources) source.carrier = client_and_server(connection);
  }
  if (connection.client_direction == client) return true;
  ++statistics_.smb_unexpected;
  return false;
}

// Where nothing but encrypted messages was seen, the lower port is taken for the server's.
PipeCarrier SmbConnections::client_and_server(const SmbConnection& connection) const noexcept {
  const std::array<Endpoint, 2>& ends = connection.endpoints;
  const bool second =
      connection.roles_known ? connection.client_direction == 1 : ends[0].port < ends[1].port;
  return second ? PipeCarrier{ends[1], ends[0]} : ends;
}

TableKey SmbConnections::fresh_key(const SmbConnection& connection) noexcept {
  return {connection.key, kUnnamedMark, ++keys_made_};
}

std::uint32_t SmbConnections::add_session(std::uint32_t slot, const TableKey& key,
                                          const FrameReference& frame) noexcept {
  const std::uint32_t session = sessions_.add(key, client_and_server(connections_[slot]), frame);
  carry(slot, session, frame);
  return session;
}

// Notes that the connection carries the session.
void SmbConnections::carry(std::uint32_t slot, std::uint32_t session,
                           const FrameReference& frame) noexcept {
  SmbConnection& connection = connections_[slot];
  std::uint32_t* link = &connection.channels;
  while (*link != kNoSlot) {
    SmbChannel& channel = channels_[*link];
    if (channel.session.slot == session && sessions_.holds(channel.session)) return;
    const bool last = channel.next == kNoSlot;
    if (sessions_.holds(channel.session) &&
        !(last && connection.channel_count >= kSessionsPerConnectionMax)) {
      link = &channel.next;
      continue;
    }
    // Over, or the longest known of too many.
    const EntryReference old = channel.session;
    const std::uint32_t released = std::exchange(*link, channel.next);
    channels_.release(released);
    --connection.channel_count;
    if (!sessions_.holds(old)) continue;
    ++statistics_.smb_sessions_evicted;
    if (--sessions_[old.slot].channels == 0) sessions_.close(old.slot, frame);
  }
  const std::uint32_t added = channels_.take();
  if (added == kNoSlot) return;  // the session then ends by age alone
  channels_[added] = {sessions_.reference(session), connection.channels};
  connection.channels = added;
  ++connection.channel_count;
  ++sessions_[session].channels;
}

EntryReference SmbConnections::open_pipe(const Unit& unit, const TableKey& key,
                                         std::uint32_t session, std::uint32_t tree_id) noexcept {
  SmbSession& owner = sessions_[session];
  const std::uint32_t pipe = pipes_.open(key, client_and_server(connections_[unit.slot]),
                                         owner.caller, owner.pipes, unit.frame);
  pipes_[pipe].tree_id = tree_id;
  return pipes_.reference(pipe);
}

// The unit carries bytes of a pipe.
void SmbConnections::hand_on(Unit& unit, EntryReference pipe, unsigned direction,
                             SmbExtent extent) noexcept {
  if (!pipes_.holds(pipe) || extent.length == 0 || extent.offset < unit.shown.offset) return;
  unit.step.payload_offset = extent.offset - unit.shown.offset;
  unit.step.payload_length = extent.length;
  connections_[unit.slot].payloads[unit.direction] = {pipe, direction, false};
  pipes_.begin_message(pipe.slot, direction);
}

// A request under a key in use ends that one: its response did not come.
SmbRequest& SmbConnections::add_request(const Unit& unit, const TableKey& key) noexcept {
  const std::uint32_t earlier = requests_.find(key);
  if (earlier != kNoSlot) end_request(earlier, unit.frame.timestamp);
  if (requests_.full()) {
    ++statistics_.smb_requests_evicted;
    end_request(requests_.oldest(), unit.frame.timestamp);
  }
  std::uint32_t& group = connections_[unit.slot].requests;
  SmbRequest& request = requests_[requests_.add(key, group)];
  request.group = &group;
  return request;
}

void SmbConnections::end_request(std::uint32_t slot, Timestamp now) noexcept {
  const SmbRequest request = requests_[slot];
  requests_.remove(slot, *request.group);
  if (request.owns_pipe && pipes_.holds(request.pipe)) pipes_.close(request.pipe.slot, now);
}

}  // namespace rpcaudit::dissect
