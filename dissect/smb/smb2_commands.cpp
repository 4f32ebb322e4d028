// The part of SmbConnections that follows SMB2 and SMB3, from 2.0.2 to 3.1.1: what a dialect adds
// stands in fields that pipes do not need.

#include <algorithm>

#include "dissect/rpc/auth_token.h"
#include "dissect/smb/smb_connections.h"

namespace rpcaudit::dissect {
namespace {

// Of what belongs to no session of the wire.
constexpr std::uint64_t kNoSessionMark = std::uint64_t{1} << 61;

// Related messages leave out what they have from the one before ([MS-SMB2] 3.2.4.1.4).
void complete(Smb2Header& header, const SmbChain& chain) noexcept {
  if (!header.is_related()) return;
  if (header.session_id == ~std::uint64_t{0}) header.session_id = chain.session_id;
  if (header.tree_id == ~std::uint32_t{0}) header.tree_id = chain.tree_id;
}

void set_pipe_name(Bytes utf16, PipeOrigin& origin) noexcept {
  constexpr std::byte kBackslash[] = {std::byte{'\\'}, std::byte{0}};
  while (utf16.size() >= 2 && std::equal(kBackslash, kBackslash + 2, utf16.begin())) {
    utf16 = utf16.subspan(2);
  }
  if (utf16.empty()) return;  // the root of the share
  origin.name.slot().append_utf8("\\PIPE\\");
  origin.name.slot().append_utf16(utf16);
}

}  // namespace

std::size_t SmbConnections::smb2_needed(std::uint32_t slot, unsigned direction,
                                        const SmbUnit& unit) noexcept {
  Smb2Header header;
  const ParseStatus status = parse_smb2_header(unit.head, header);
  if (status == ParseStatus::truncated) return kSmb2HeaderSize;
  if (status != ParseStatus::ok) return 0;
  if (unit.offset != 0) complete(header, connections_[slot].chains[direction]);
  return smb2_matters(slot, header) ? smb2_bytes_needed(unit.head, header) : kSmb2HeaderSize;
}

// Messages on shares that hold files are passed over after their header.
bool SmbConnections::smb2_matters(std::uint32_t slot, const Smb2Header& header) noexcept {
  switch (header.command) {
    case Smb2Command::session_setup:
    case Smb2Command::logoff:
    case Smb2Command::tree_connect:
    case Smb2Command::tree_disconnect: return true;
    case Smb2Command::create:
    case Smb2Command::close:
    case Smb2Command::read:
    case Smb2Command::write:
    case Smb2Command::ioctl: {
      if (header.is_async()) return true;
      const std::uint32_t session = smb2_session(slot, header.session_id);
      return session == kNoSlot ||
             sessions_[session].trees.kind(header.tree_id) != ShareKind::other;
    }
  }
  return false;
}

std::uint32_t SmbConnections::smb2_session(std::uint32_t slot, std::uint64_t id) noexcept {
  SmbConnection& connection = connections_[slot];
  if (connection.recent_id == id && sessions_.holds(connection.recent_session)) {
    sessions_.touch(connection.recent_session.slot);
    return connection.recent_session.slot;
  }
  const TableKey key =
      id == 0 ? TableKey{connection.key, kNoSessionMark, 0} : TableKey{connection.hosts, 0, id};
  const std::uint32_t session = sessions_.find(key);
  if (session == kNoSlot) return session;
  connection.recent_id = id;
  connection.recent_session = sessions_.reference(session);
  sessions_.touch(session);
  return session;
}

std::uint32_t SmbConnections::smb2_session_added(const Unit& unit, std::uint64_t id) noexcept {
  SmbConnection& connection = connections_[unit.slot];
  std::uint32_t session = smb2_session(unit.slot, id);
  if (session == kNoSlot) {
    const TableKey key =
        id == 0 ? TableKey{connection.key, kNoSessionMark, 0} : TableKey{connection.hosts, 0, id};
    session = add_session(unit.slot, key, unit.frame);
    sessions_[session].id = id;
    sessions_[session].has_id = id != 0;
    connection.carried = sessions_.reference(session);
  }
  if (connection.carried.slot != session || !sessions_.holds(connection.carried)) {
    carry(unit.slot, session, unit.frame);  // it may be new on this connection
    connection.carried = sessions_.reference(session);
  }
  return session;
}

TableKey SmbConnections::smb2_request_key(const Unit& unit,
                                          const Smb2Header& header) const noexcept {
  return {connections_[unit.slot].key, 0, header.message_id};
}

void SmbConnections::on_smb2(Unit& unit) noexcept {
  Smb2Header header;
  if (parse_smb2_header(unit.shown.head, header) != ParseStatus::ok) {
    ++statistics_.smb_undecodable;
    return;
  }
  SmbChain& chain = connections_[unit.slot].chains[unit.direction];
  if (unit.shown.offset != 0) complete(header, chain);
  chain.session_id = header.session_id;
  chain.tree_id = header.tree_id;
  unit.step.next_offset = header.next;
  if (!is_expected_from(unit.slot, unit.direction, header.is_response())) return;
  if (!smb2_matters(unit.slot, header)) return;
  header.is_response() ? smb2_response(unit, header) : smb2_request(unit, header);
  // Whatever a length says, a message ends where the next one begins.
  SmbStep& step = unit.step;
  if (header.next != 0 && step.payload_length != 0) {
    const std::uint32_t room = header.next - std::min(header.next, step.payload_offset);
    step.payload_length = std::min(step.payload_length, room);
  }
}

EntryReference SmbConnections::smb2_pipe(Unit& unit, const Smb2Header& header, Smb2FileId file,
                                         bool add) noexcept {
  SmbChain& chain = connections_[unit.slot].chains[unit.direction];
  if (file.means_previous()) return chain.pipe;
  std::uint32_t session = smb2_session(unit.slot, header.session_id);
  if (add) session = smb2_session_added(unit, header.session_id);
  chain.pipe = {};
  if (session == kNoSlot) return chain.pipe;
  const TableKey key{sessions_.owner_key(session), file.persistent_part, file.volatile_part};
  const std::uint32_t pipe = pipes_.find(key);
  if (pipe != kNoSlot) {
    chain.pipe = pipes_.reference(pipe);
  } else if (add) {
    chain.pipe = open_pipe(unit, key, session, header.is_async() ? 0 : header.tree_id);
  }
  if (add && header.is_signed()) sessions_[session].caller.is_signed = true;
  return chain.pipe;
}

void SmbConnections::smb2_request(Unit& unit, const Smb2Header& header) noexcept {
  const Bytes message = unit.shown.head;
  Smb2Data data;
  switch (header.command) {
    case Smb2Command::session_setup: return smb2_setup_request(unit, header);
    case Smb2Command::create: return smb2_create_request(unit, header);
    case Smb2Command::close: {
      if (parse_smb2_close_request(message, data.file) != ParseStatus::ok) break;
      const EntryReference pipe = smb2_pipe(unit, header, data.file, false);
      if (pipes_.holds(pipe)) add_request(unit, smb2_request_key(unit, header)).pipe = pipe;
      return;
    }
    case Smb2Command::read: {
      if (parse_smb2_read_request(message, data.file) != ParseStatus::ok) break;
      const EntryReference pipe = smb2_pipe(unit, header, data.file, true);
      add_request(unit, smb2_request_key(unit, header)).pipe = pipe;
      return;
    }
    case Smb2Command::write: {
      if (parse_smb2_write_request(message, data) != ParseStatus::ok) break;
      const EntryReference pipe = smb2_pipe(unit, header, data.file, true);
      data.extent.offset += unit.shown.offset;
      return hand_on(unit, pipe, kToServer, data.extent);
    }
    case Smb2Command::ioctl: {
      if (parse_smb2_ioctl(message, false, data) != ParseStatus::ok) break;
      if (data.control_code != kFsctlPipeTransceive) return;
      const EntryReference pipe = smb2_pipe(unit, header, data.file, true);
      add_request(unit, smb2_request_key(unit, header)).pipe = pipe;
      data.extent.offset += unit.shown.offset;
      return hand_on(unit, pipe, kToServer, data.extent);
    }
    default: return;  // its response says all
  }
  ++statistics_.smb_undecodable;
}

void SmbConnections::smb2_response(Unit& unit, const Smb2Header& header) noexcept {
  if (header.status == kStatusPending) return;  // the real one follows
  switch (header.command) {
    case Smb2Command::session_setup: return smb2_setup_response(unit, header);
    case Smb2Command::create: return smb2_create_response(unit, header);
    case Smb2Command::read:
    case Smb2Command::ioctl: return smb2_data_response(unit, header);
    case Smb2Command::tree_connect: {
      Smb2ShareType type{};
      if (header.status != kStatusSuccess || header.is_async()) return;
      if (parse_smb2_tree_connect_response(unit.shown.head, type) != ParseStatus::ok) break;
      const std::uint32_t session = smb2_session_added(unit, header.session_id);
      const bool is_pipe = type == Smb2ShareType::pipe;
      sessions_[session].trees.set(header.tree_id, is_pipe ? ShareKind::pipe : ShareKind::other);
      return;
    }
    case Smb2Command::close:
    case Smb2Command::tree_disconnect:
    case Smb2Command::logoff: return smb2_leave(unit, header);
    default: return;
  }
  ++statistics_.smb_undecodable;
}

void SmbConnections::smb2_setup_request(Unit& unit, const Smb2Header& header) noexcept {
  Smb2SessionSetupRequest request;
  if (parse_smb2_session_setup_request(unit.shown.head, request) != ParseStatus::ok) {
    ++statistics_.smb_undecodable;
    return;
  }
  const std::uint32_t slot =
      header.session_id == 0
          ? add_session(unit.slot, fresh_key(connections_[unit.slot]), unit.frame)
          : smb2_session_added(unit, header.session_id);
  SmbCaller& caller = sessions_[slot].caller;
  // A connection added to a session authenticates again, and may not change who it is.
  if (!request.binding) {
    (void)read_auth_token(0, request.token, caller.identity);
    caller.setup_seen = true;
  }
  add_request(unit, smb2_request_key(unit, header)).session = sessions_.reference(slot);
}

void SmbConnections::smb2_setup_response(Unit& unit, const Smb2Header& header) noexcept {
  const std::uint32_t request = requests_.find(smb2_request_key(unit, header));
  EntryReference session;
  if (request != kNoSlot) {
    session = requests_[request].session;
    end_request(request, unit.frame.timestamp);
  }
  const bool success = header.status == kStatusSuccess;
  if (!success && header.status != kStatusMoreProcessingRequired) {
    if (sessions_.holds(session) && !sessions_[session.slot].established) {
      sessions_.close(session.slot, unit.frame);
    }
    return;
  }
  if (sessions_.holds(session) && !sessions_[session.slot].has_id) {
    sessions_.rekey(session.slot, {connections_[unit.slot].hosts, 0, header.session_id},
                    unit.frame);
    sessions_[session.slot].id = header.session_id;
    sessions_[session.slot].has_id = true;
  }
  if (!success) return;
  Smb2SessionSetupResponse response;
  if (parse_smb2_session_setup_response(unit.shown.head, response) != ParseStatus::ok) {
    ++statistics_.smb_undecodable;
    return;
  }
  SmbSession& own = sessions_[smb2_session_added(unit, header.session_id)];
  own.established = true;
  own.caller.setup_seen = true;
  own.caller.guest = own.caller.guest || response.guest;
  if (response.null_session) own.caller.identity.null_session = true;
}

void SmbConnections::smb2_create_request(Unit& unit, const Smb2Header& header) noexcept {
  Smb2CreateRequest create;
  if (parse_smb2_create_request(unit.shown.head, create) != ParseStatus::ok) {
    ++statistics_.smb_undecodable;
    return;
  }
  const std::uint32_t session = smb2_session_added(unit, header.session_id);
  if (header.is_signed()) sessions_[session].caller.is_signed = true;
  const EntryReference pipe =
      open_pipe(unit, fresh_key(connections_[unit.slot]), session, header.tree_id);
  set_pipe_name(create.name, pipes_[pipe.slot].origin);
  connections_[unit.slot].chains[unit.direction].pipe = pipe;
  SmbRequest& request = add_request(unit, smb2_request_key(unit, header));
  request.pipe = pipe;
  request.owns_pipe = true;
}

void SmbConnections::smb2_create_response(Unit& unit, const Smb2Header& header) noexcept {
  const std::uint32_t slot = requests_.find(smb2_request_key(unit, header));
  if (slot == kNoSlot) return;
  SmbRequest& request = requests_[slot];
  Smb2FileId file;
  if (header.status == kStatusSuccess && pipes_.holds(request.pipe) &&
      parse_smb2_create_response(unit.shown.head, file) == ParseStatus::ok) {
    const std::uint32_t session = smb2_session_added(unit, header.session_id);
    pipes_.rekey(request.pipe.slot,
                 {sessions_.owner_key(session), file.persistent_part, file.volatile_part},
                 unit.frame.timestamp);
    request.owns_pipe = false;
    connections_[unit.slot].chains[unit.direction].pipe = request.pipe;
  }
  end_request(slot, unit.frame.timestamp);
}

void SmbConnections::smb2_data_response(Unit& unit, const Smb2Header& header) noexcept {
  const bool is_ioctl = header.command == Smb2Command::ioctl;
  const std::uint32_t request = requests_.find(smb2_request_key(unit, header));
  EntryReference pipe;
  if (request != kNoSlot) {
    pipe = requests_[request].pipe;
    end_request(request, unit.frame.timestamp);
  }
  if (header.status != kStatusSuccess && header.status != kStatusBufferOverflow) return;
  Smb2Data data;
  const ParseStatus status = is_ioctl ? parse_smb2_ioctl(unit.shown.head, true, data)
                                      : parse_smb2_read_response(unit.shown.head, data);
  if (status != ParseStatus::ok) {
    ++statistics_.smb_undecodable;
    return;
  }
  if (request == kNoSlot && is_ioctl && data.control_code == kFsctlPipeTransceive) {
    pipe = smb2_pipe(unit, header, data.file, true);
  } else if (request == kNoSlot && !is_ioctl) {
    pipe = smb2_only_pipe(unit, header);
  }
  data.extent.offset += unit.shown.offset;
  hand_on(unit, pipe, kToClient, data.extent);
}

// The pipe of a READ response whose request was not seen: nothing in it says which, so that there
// must be one only on its tree that waits for an answer. Not looked for among many.
EntryReference SmbConnections::smb2_only_pipe(Unit& unit, const Smb2Header& header) noexcept {
  const std::uint32_t session = smb2_session(unit.slot, header.session_id);
  if (session == kNoSlot || header.is_async()) return {};
  constexpr int kLookedAtMax = 64;
  std::uint32_t found = kNoSlot;
  std::uint32_t at = sessions_[session].pipes;
  int candidates = 0;
  for (int looked = 0; at != kNoSlot && looked < kLookedAtMax; ++looked) {
    if (pipes_[at].tree_id == header.tree_id && pipes_.awaits_answer(at)) {
      found = at;
      ++candidates;
    }
    at = pipes_.next_in_group(at);
  }
  if (candidates == 1 && at == kNoSlot) return pipes_.reference(found);
  if (candidates != 0) ++statistics_.smb_responses_unmatched;
  return {};
}

// A handle, a tree or a session is over.
void SmbConnections::smb2_leave(Unit& unit, const Smb2Header& header) noexcept {
  if (header.command == Smb2Command::close) {
    const std::uint32_t request = requests_.find(smb2_request_key(unit, header));
    if (request == kNoSlot) return;
    const EntryReference pipe = requests_[request].pipe;
    end_request(request, unit.frame.timestamp);
    if (pipes_.holds(pipe)) pipes_.close(pipe.slot, unit.frame.timestamp);
    return;
  }
  const std::uint32_t session = smb2_session(unit.slot, header.session_id);
  if (session == kNoSlot || header.status != kStatusSuccess) return;
  if (header.command == Smb2Command::logoff) return sessions_.close(session, unit.frame);
  sessions_[session].trees.remove(header.tree_id);  // its handles are not named again
}

}  // namespace rpcaudit::dissect
