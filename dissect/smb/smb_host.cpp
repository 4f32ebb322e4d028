#include "dissect/smb/smb_host.h"

#include <utility>

namespace rpcaudit::dissect {
namespace {

// One connection rarely carries more than a few sessions; it may not crowd out those of others.
constexpr std::uint32_t kSessionsPerConnectionMax = 64;

// Marks keys of what the server has not named yet.
constexpr std::uint64_t kUnnamedMark = std::uint64_t{1} << 62;

}  // namespace

PipeCarrier SmbConnection::client_and_server() const noexcept {
  const bool second =
      roles_known ? client_direction == Direction::reverse : endpoints[0].port < endpoints[1].port;
  return second ? PipeCarrier{endpoints[1], endpoints[0]} : endpoints;
}

void SmbConnection::set_client(Direction direction) noexcept {
  roles_known = true;
  client_direction = direction;
  for (PipeSource& source : sources.values) source.carrier = client_and_server();
}

SmbHost::SmbHost(const Limits& limits, RpcObserver& observer, DissectStatistics& statistics,
                 RpcSessions& sessions, std::uint64_t seed)
    : statistics_(statistics),
      pipes_(limits, observer, statistics, sessions, seed),
      sessions_(limits, observer, statistics, pipes_, seed),
      requests_(limits.smb_requests, limits.rpc_connections, seed),
      channels_(2 * limits.smb_sessions) {}

bool SmbHost::is_response(const SmbUnitContext& unit, bool flag) noexcept {
  // After so many flags in a row that contradict the first one, the first is taken to be wrong.
  constexpr std::uint8_t kContradictionsMax = 2;
  SmbConnection& connection = unit.connection;
  const Direction client = flag ? opposite(unit.direction) : unit.direction;
  if (!connection.roles_known) connection.set_client(client);
  if (connection.client_direction == client) {
    connection.contradictions = 0;
    return flag;
  }
  ++statistics_.smb_unexpected;
  if (!connection.roles_certain && ++connection.contradictions >= kContradictionsMax) {
    connection.contradictions = 0;
    connection.set_client(client);
  }
  return connection.is_response(unit.direction, flag);
}

TableKey SmbHost::fresh_key(const SmbConnection& connection) noexcept {
  return {connection.key, kUnnamedMark, ++keys_made_};
}

Slot<SmbSession> SmbHost::add_session(SmbConnection& connection, const TableKey& key,
                                      const FrameReference& frame) noexcept {
  const Slot<SmbSession> session = sessions_.add(key, connection.client_and_server(), frame);
  carry(connection, session, frame);
  return session;
}

void SmbHost::carry(SmbConnection& connection, Slot<SmbSession> session,
                    const FrameReference& frame) noexcept {
  Slot<SmbChannel>* link = &connection.channels;
  while (*link) {
    SmbChannel& channel = channels_[*link];
    if (channel.session.slot == session && sessions_.holds(channel.session)) return;
    const bool last = !channel.next;
    if (sessions_.holds(channel.session) &&
        !(last && connection.channel_count >= kSessionsPerConnectionMax)) {
      link = &channel.next;
      continue;
    }
    // The session is over, or the connection carries too many and has known this one the longest.
    const SmbSessions::Reference old = channel.session;
    const Slot<SmbChannel> released = std::exchange(*link, channel.next);
    channels_.release(released);
    --connection.channel_count;
    if (!sessions_.holds(old)) continue;
    ++statistics_.smb_sessions_evicted;
    if (--sessions_[old.slot].channels == 0) sessions_.close(old.slot, frame);
  }
  const Slot<SmbChannel> added = channels_.take();
  if (!added) return;  // the session then ends by age alone
  channels_[added] = {sessions_.reference(session), connection.channels};
  connection.channels = added;
  ++connection.channel_count;
  ++sessions_[session].channels;
  if (connection.doubts.any()) doubt(session, connection.doubts, frame);
}

void SmbHost::doubt(SmbConnection& connection, Doubts doubts,
                    const FrameReference& frame) noexcept {
  Doubts all = connection.doubts;
  all.add(doubts);
  if (all == connection.doubts) return;
  connection.doubts = all;
  for (Slot<SmbChannel> at = connection.channels; at; at = channels_[at].next) {
    const SmbSessions::Reference session = channels_[at].session;
    if (sessions_.holds(session)) doubt(session.slot, all, frame);
  }
}

void SmbHost::doubt(Slot<SmbSession> session, Doubts doubts, const FrameReference& frame) noexcept {
  sessions_[session].doubts.add(doubts);
  for (Slot<SmbPipe> at = pipes_.first_in_group(session); at; at = pipes_.next_in_group(at)) {
    pipes_.doubt(at, doubts, frame);
  }
}

SmbPipes::Reference SmbHost::open_pipe(const SmbUnitContext& unit, const TableKey& key,
                                       Slot<SmbSession> session, std::uint32_t tree_id) noexcept {
  const Slot<SmbPipe> pipe = pipes_.open(key, unit.connection.client_and_server(),
                                         sessions_[session].logon.caller, session, unit.frame);
  sessions_[session].logon.established = true;
  pipes_[pipe].tree_id = tree_id;
  pipes_[pipe].doubts = sessions_[session].doubts;
  return pipes_.reference(pipe);
}

void SmbHost::hand_on(SmbUnitContext& unit, SmbPipes::Reference pipe, Direction direction,
                      SmbExtent extent) noexcept {
  if (!pipes_.holds(pipe) || extent.length == 0 || extent.offset < unit.presented.offset) return;
  unit.step.payload_offset = extent.offset - unit.presented.offset;
  unit.step.payload_length = extent.length;
  unit.connection.payloads[unit.direction] = {pipe, direction, false, {}};
  if (direction == kToClient) pipes_.accept_answered(pipe.slot);
  pipes_.begin_message(pipe.slot, direction);
}

void SmbHost::write(SmbUnitContext& unit, SmbRequest& request, SmbPipes::Reference pipe,
                    SmbExtent extent, std::uint32_t length, bool is_answer) noexcept {
  request.pipe = pipe;
  if (!pipes_.holds(pipe) || extent.length == 0 || extent.offset < unit.presented.offset) return;
  unit.step.payload_offset = extent.offset - unit.presented.offset;
  unit.step.payload_length = extent.length;
  if (request.writes) {
    pipes_.resume_write(request.write);
  } else {
    request.writes = true;
    request.write = pipes_.begin_write(pipe.slot, length, is_answer,
                                       unit.connection.sources[unit.direction].carrier, unit.frame);
  }
  unit.connection.payloads[unit.direction] = {pipe, kToServer, false, request.write};
}

void SmbHost::accept_write(SmbRequest& request) noexcept {
  if (std::exchange(request.writes, false)) pipes_.accept(request.write);
}

void SmbHost::refuse_write(SmbRequest& request) noexcept {
  if (!std::exchange(request.writes, false) || !pipes_.holds(request.pipe)) return;
  pipes_.refuse(request.pipe.slot, request.write);
}

void SmbHost::end_payload(SmbConnection& connection, Direction direction) noexcept {
  const SmbPayload payload = std::exchange(connection.payloads[direction], {});
  pipes_.end_write(payload.write);
  if (payload.ends_pipe && pipes_.holds(payload.pipe)) pipes_.close(payload.pipe.slot);
}

SmbRequest& SmbHost::add_request(const SmbUnitContext& unit, const TableKey& key) noexcept {
  const Slot<SmbRequest> earlier = requests_.find(key);
  if (earlier) end_request(earlier);
  if (requests_.full()) {
    ++statistics_.smb_requests_evicted;
    end_request(requests_.oldest());
  }
  return requests_[requests_.add(key, unit.slot)];
}

void SmbHost::end_request(Slot<SmbRequest> slot) noexcept {
  SmbRequest request = requests_[slot];
  requests_.remove(slot);
  accept_write(request);
  if (request.owns_pipe && pipes_.holds(request.pipe)) pipes_.close(request.pipe.slot);
}

std::optional<SmbRequest> SmbHost::answer_request(const TableKey& key) noexcept {
  const Slot<SmbRequest> slot = requests_.find(key);
  if (!slot) return std::nullopt;
  const SmbRequest request = requests_[slot];
  end_request(slot);
  return request;
}

void SmbHost::close_pipe(const TableKey& key) noexcept {
  const std::optional<SmbRequest> request = answer_request(key);
  if (request && pipes_.holds(request->pipe)) pipes_.close(request->pipe.slot);
}

void SmbHost::end_connection(Slot<SmbConnection> slot, SmbConnection& connection,
                             const FrameReference& frame) noexcept {
  for (const Direction direction : kDirections) end_payload(connection, direction);
  for (Slot<SmbRequest> request; (request = requests_.first_in_group(slot));) {
    end_request(request);
  }
  while (connection.channels) {
    const Slot<SmbChannel> channel = connection.channels;
    const SmbSessions::Reference session = channels_[channel].session;
    connection.channels = channels_[channel].next;
    channels_.release(channel);
    if (sessions_.holds(session) && --sessions_[session.slot].channels == 0) {
      sessions_.close(session.slot, frame);
    }
  }
}

void SmbHost::tell_so_far(const SmbConnection& connection, const FrameReference& frame) noexcept {
  for (Slot<SmbChannel> channel = connection.channels; channel; channel = channels_[channel].next) {
    const SmbSessions::Reference session = channels_[channel].session;
    if (sessions_.holds(session) && sessions_[session.slot].channels == 1) {
      sessions_.tell_so_far(session.slot, frame);
    }
  }
}

}  // namespace rpcaudit::dissect
