#include "dissect/smb/smb2_reader.h"

#include <algorithm>

#include "dissect/rpc/pdus/auth_token.h"
#include "dissect/smb/messages/smb_pipe_name.h"
#include "dissect/smb/messages/smb_status.h"
#include "dissect/smb/smb_host.h"

namespace rpcaudit::dissect {
namespace {

// Marks keys of what belongs to no session on the wire.
constexpr std::uint64_t kNoSessionMark = std::uint64_t{1} << 61;

TableKey session_key(const SmbConnection& connection, std::uint64_t id) noexcept {
  return id == 0 ? TableKey{connection.key, kNoSessionMark, 0} : TableKey{connection.hosts, 0, id};
}

TableKey request_key(const SmbUnitContext& unit, const Smb2Header& header) noexcept {
  return {unit.connection.key, 0, header.message_id};
}

}  // namespace

// A related operation is on the session, the tree and the handle of the one before, whatever stands
// in its own fields ([MS-SMB2] 3.3.5.2.7.2). Its response states them.
ParseStatus Smb2Reader::parse_header(const SmbConnection& connection, Direction direction,
                                     const SmbUnit& unit, Smb2Header& header) const noexcept {
  const ParseStatus status = parse_smb2_header(unit.header, header);
  if (status != ParseStatus::ok) return status;
  header.set_response(connection.is_response(direction, header.is_response()));
  if (unit.offset == 0 || !header.is_related()) return status;
  const Chain& chain = chains_[direction];
  const bool is_stated = header.is_response();
  if (!is_stated || header.session_id == ~std::uint64_t{0}) header.session_id = chain.session_id;
  if (!is_stated || header.tree_id == ~std::uint32_t{0}) header.tree_id = chain.tree_id;
  return status;
}

std::size_t Smb2Reader::bytes_needed(SmbHost& host, const SmbConnection& connection,
                                     Direction direction, const SmbUnit& unit) noexcept {
  Smb2Header header;
  const ParseStatus status = parse_header(connection, direction, unit, header);
  if (status == ParseStatus::truncated) return kSmb2HeaderSize;
  if (status != ParseStatus::ok) return 0;
  if (!matters(host, connection, header)) return kSmb2HeaderSize;
  const std::size_t needed = smb2_bytes_needed(unit.header, header);
  if (header.next == 0) return needed;
  // Whatever a length says, a message ends where the next one begins.
  return std::min(needed, std::max<std::size_t>(header.next, kSmb2HeaderSize));
}

// Messages on shares that hold files are passed over after their header.
bool Smb2Reader::matters(SmbHost& host, const SmbConnection& connection,
                         const Smb2Header& header) noexcept {
  switch (header.command) {
    case Smb2Command::session_setup:
    case Smb2Command::logoff:
    case Smb2Command::tree_connect:
    case Smb2Command::tree_disconnect: return true;
    case Smb2Command::create:
    case Smb2Command::close:
    case Smb2Command::read:
    case Smb2Command::write:
    case Smb2Command::ioctl: break;
    default:
      // Its handle may be that of the operation behind it.
      if (header.next == 0 || header.is_response()) return false;
  }
  if (header.is_async()) return true;
  const Slot<SmbSession> session = find_session(host, connection, header.session_id);
  return !session || host.sessions()[session].trees.kind(header.tree_id) != ShareKind::other;
}

Slot<SmbSession> Smb2Reader::find_session(SmbHost& host, const SmbConnection& connection,
                                          std::uint64_t id) noexcept {
  if (recent_id_ != id || !host.sessions().holds(recent_session_)) {
    const Slot<SmbSession> session = host.sessions().find(session_key(connection, id));
    if (!session) return session;
    recent_id_ = id;
    recent_session_ = host.sessions().reference(session);
  }
  host.sessions().touch(recent_session_.slot);
  return recent_session_.slot;
}

Slot<SmbSession> Smb2Reader::use_session(const SmbUnitContext& unit, std::uint64_t id) noexcept {
  SmbHost& host = unit.host;
  SmbConnection& connection = unit.connection;
  Slot<SmbSession> session = find_session(host, connection, id);
  if (!session) {
    session = host.add_session(connection, session_key(connection, id), unit.frame);
    host.sessions()[session].id = id;
    host.sessions()[session].has_id = id != 0;
    connection.carried = host.sessions().reference(session);
  }
  if (connection.carried.slot != session || !host.sessions().holds(connection.carried)) {
    host.carry(connection, session, unit.frame);  // it may be new on this connection
    connection.carried = host.sessions().reference(session);
  }
  return session;
}

void Smb2Reader::on_unit(SmbUnitContext& unit) noexcept {
  SmbHost& host = unit.host;
  Smb2Header header;
  if (unit.presented.offset == 0 &&
      parse_smb2_header(unit.presented.header, header) == ParseStatus::ok) {
    (void)host.is_response(unit, header.is_response());
  }
  if (!host.decodes(parse_header(unit.connection, unit.direction, unit.presented, header))) return;
  Chain& chain = chains_[unit.direction];
  chain.session_id = header.session_id;
  chain.tree_id = header.tree_id;
  unit.step.next_offset = header.next;
  if (!matters(host, unit.connection, header)) return;
  header.is_response() ? on_response(unit, header) : on_request(unit, header);
  // The payload, too, ends where the next message begins.
  SmbStep& step = unit.step;
  if (header.next == 0) return;
  step.payload_offset = std::min(step.payload_offset, header.next);
  step.payload_length = std::min(step.payload_length, header.next - step.payload_offset);
}

SmbPipes::Reference Smb2Reader::find_pipe(SmbUnitContext& unit, const Smb2Header& header,
                                          bool add) noexcept {
  SmbHost& host = unit.host;
  Chain& chain = chains_[unit.direction];
  Smb2FileId file;
  if (parse_smb2_file_id(unit.presented.header, header.command, file) != ParseStatus::ok) return {};
  const bool is_related =
      unit.presented.offset != 0 && header.is_related() && !header.is_response();
  if (file.means_previous() || (is_related && chain.has_handle)) return chain.pipe;
  Slot<SmbSession> session = find_session(host, unit.connection, header.session_id);
  if (add) session = use_session(unit, header.session_id);
  chain.pipe = {};
  chain.has_handle = true;
  if (!session) return chain.pipe;
  const TableKey key{host.sessions().owner_key(session), file.persistent_part, file.volatile_part};
  const Slot<SmbPipe> pipe = host.pipes().find(key);
  if (pipe) {
    chain.pipe = host.pipes().reference(pipe);
  } else if (add) {
    chain.pipe = host.open_pipe(unit, key, session, header.is_async() ? 0 : header.tree_id);
  }
  if (add && header.is_signed()) host.sessions()[session].logon.caller.is_signed = true;
  return chain.pipe;
}

void Smb2Reader::on_request(SmbUnitContext& unit, const Smb2Header& header) noexcept {
  SmbHost& host = unit.host;
  const Bytes message = unit.presented.header;
  Smb2Data data;
  switch (header.command) {
    case Smb2Command::session_setup: return on_setup_request(unit, header);
    case Smb2Command::tree_connect: return on_tree_request(unit, header);
    case Smb2Command::create: return on_create_request(unit, header);
    case Smb2Command::close:
    case Smb2Command::read: {
      Smb2FileId file;
      if (!host.decodes(parse_smb2_file_id(message, header.command, file))) return;
      const bool reads = header.command == Smb2Command::read;
      const SmbPipes::Reference pipe = find_pipe(unit, header, reads);
      if (!reads && !host.pipes().holds(pipe)) return;
      host.add_request(unit, request_key(unit, header)).pipe = pipe;
      return;
    }
    case Smb2Command::write:
      if (host.decodes(parse_smb2_write_request(message, data))) on_write(unit, header, data);
      return;
    case Smb2Command::ioctl:
      if (!host.decodes(parse_smb2_ioctl(message, false, data))) return;
      if (data.control_code == kFsctlPipeTransceive) return on_write(unit, header, data);
      (void)find_pipe(unit, header, false);
      return;
    default: (void)find_pipe(unit, header, false);  // its handle may be that of the one behind it
  }
}

// A WRITE, or an IOCTL that writes and reads. Without its response it counts as accepted.
void Smb2Reader::on_write(SmbUnitContext& unit, const Smb2Header& header, Smb2Data data) noexcept {
  const SmbPipes::Reference pipe = find_pipe(unit, header, true);
  if (!unit.host.pipes().holds(pipe)) return;
  SmbRequest& request = unit.host.add_request(unit, request_key(unit, header));
  data.extent.offset += unit.presented.offset;
  unit.host.write(unit, request, pipe, data.extent, data.extent.length,
                  header.command == Smb2Command::ioctl);
}

// The answer to what a request writes to a pipe. An IOCTL that waits for the answer of its pipe has
// written; so has one that failed because the pipe ended.
void Smb2Reader::on_write_answer(SmbUnitContext& unit, const Smb2Header& header) noexcept {
  const Slot<SmbRequest> slot = unit.host.find_request(request_key(unit, header));
  if (!slot) return;
  const bool is_ioctl = header.command == Smb2Command::ioctl;
  if (header.status == kStatusPending && is_ioctl) {
    unit.host.accept_write(unit.host.request(slot));
  } else if (refuses_write(header.status, is_ioctl)) {
    unit.host.refuse_write(unit.host.request(slot));
  }
}

void Smb2Reader::on_response(SmbUnitContext& unit, const Smb2Header& header) noexcept {
  if (header.command == Smb2Command::write || header.command == Smb2Command::ioctl) {
    on_write_answer(unit, header);
  }
  if (header.status == kStatusPending) return;  // the real one follows
  switch (header.command) {
    case Smb2Command::session_setup: return on_setup_response(unit, header);
    case Smb2Command::tree_connect: return on_tree_response(unit, header);
    case Smb2Command::create: return on_create_response(unit, header);
    case Smb2Command::read:
    case Smb2Command::ioctl: return on_data_response(unit, header);
    case Smb2Command::write: (void)unit.host.answer_request(request_key(unit, header)); return;
    case Smb2Command::close:
    case Smb2Command::tree_disconnect:
    case Smb2Command::logoff: return on_leave(unit, header);
    default: return;
  }
}

void Smb2Reader::on_tree_request(SmbUnitContext& unit, const Smb2Header& header) noexcept {
  bool names_ipc = false;
  if (!unit.host.decodes(parse_smb2_tree_connect_request(unit.presented.header, names_ipc))) return;
  unit.host.add_request(unit, request_key(unit, header)).names_ipc = names_ipc;
  chains_[unit.direction].tree_id = ~std::uint32_t{0};  // what the server will call it
}

// A tree is what its own response says; one without a request may be forged, and says something
// only of trees that are not known.
void Smb2Reader::on_tree_response(SmbUnitContext& unit, const Smb2Header& header) noexcept {
  SmbHost& host = unit.host;
  const auto request = host.answer_request(request_key(unit, header));
  const bool names_ipc = request && request->names_ipc;
  Smb2ShareType type{};
  if (header.status != kStatusSuccess || header.is_async()) return;
  if (!host.decodes(parse_smb2_tree_connect_response(unit.presented.header, type))) return;
  SmbSession& session = host.sessions()[use_session(unit, header.session_id)];
  SmbTrees& trees = session.trees;
  session.logon.established = true;
  if (!request && trees.kind(header.tree_id) != ShareKind::unknown) return;
  const bool is_pipe = type == Smb2ShareType::pipe || names_ipc;
  trees.set(header.tree_id, is_pipe ? ShareKind::pipe : ShareKind::other);
}

void Smb2Reader::on_setup_request(SmbUnitContext& unit, const Smb2Header& header) noexcept {
  SmbHost& host = unit.host;
  Smb2SessionSetupRequest request;
  if (!host.decodes(parse_smb2_session_setup_request(unit.presented.header, request))) return;
  const Slot<SmbSession> slot =
      header.session_id == 0
          ? host.add_session(unit.connection, host.fresh_key(unit.connection), unit.frame)
          : use_session(unit, header.session_id);
  SmbRequest& asked = host.add_request(unit, request_key(unit, header));
  // A connection added to a session authenticates again, and may not change who it is.
  if (request.binding) return;
  asked.session = host.sessions().reference(slot);
  (void)read_auth_token(0, request.token, host.sessions().begin_logon(slot));
  host.sessions().attempted(slot);
}

void Smb2Reader::on_setup_response(SmbUnitContext& unit, const Smb2Header& header) noexcept {
  SmbHost& host = unit.host;
  const auto request = host.answer_request(request_key(unit, header));
  const SmbSessions::Reference session = request ? request->session : SmbSessions::Reference{};
  const bool is_known = host.sessions().holds(session);
  const bool success = header.status == kStatusSuccess;
  if (!success && header.status != kStatusMoreProcessingRequired) {
    if (is_known) host.sessions().refuse_logon(session.slot, unit.frame);
    return;
  }
  if (is_known && !host.sessions()[session.slot].has_id) {
    host.sessions().name(session.slot, {unit.connection.hosts, 0, header.session_id},
                         header.session_id, unit.frame);
  }
  if (!success) return;
  Smb2SessionSetupResponse response;
  if (!host.decodes(parse_smb2_session_setup_response(unit.presented.header, response))) return;
  const Slot<SmbSession> own = use_session(unit, header.session_id);
  // With a request but no session a connection was added; a response alone may be forged.
  if (request ? !is_known : host.sessions()[own].logon.established) return;
  host.sessions().accept_logon(own, response.guest, response.null_session);
}

void Smb2Reader::on_create_request(SmbUnitContext& unit, const Smb2Header& header) noexcept {
  SmbHost& host = unit.host;
  Smb2CreateRequest create;
  if (!host.decodes(parse_smb2_create_request(unit.presented.header, create))) return;
  const Slot<SmbSession> session = use_session(unit, header.session_id);
  if (header.is_signed()) host.sessions()[session].logon.caller.is_signed = true;
  const SmbPipes::Reference pipe =
      host.open_pipe(unit, host.fresh_key(unit.connection), session, header.tree_id);
  append_smb2_pipe_name(create.name, host.pipes()[pipe.slot].origin.name.slot());
  chains_[unit.direction].pipe = pipe;
  chains_[unit.direction].has_handle = true;
  SmbRequest& request = host.add_request(unit, request_key(unit, header));
  request.pipe = pipe;
  request.owns_pipe = true;
}

void Smb2Reader::on_create_response(SmbUnitContext& unit, const Smb2Header& header) noexcept {
  SmbHost& host = unit.host;
  const Slot<SmbRequest> slot = host.find_request(request_key(unit, header));
  if (!slot) return;
  SmbRequest& request = host.request(slot);
  Smb2FileId file;
  Slot<SmbSession> session;
  if (header.status == kStatusSuccess &&
      parse_smb2_create_response(unit.presented.header, file) == ParseStatus::ok) {
    session = use_session(unit, header.session_id);
  }
  // A new session may have taken the place of another, whose pipes are closed.
  if (session && host.pipes().holds(request.pipe)) {
    host.pipes().rekey(request.pipe.slot, {host.sessions().owner_key(session), file.persistent_part,
                                           file.volatile_part});
    request.owns_pipe = false;
    chains_[unit.direction].pipe = request.pipe;
    chains_[unit.direction].has_handle = true;
  } else if (header.status != kStatusSuccess && host.pipes().holds(request.pipe)) {
    host.pipes().refuse_all(request.pipe.slot);
  }
  host.end_request(slot);
}

void Smb2Reader::on_data_response(SmbUnitContext& unit, const Smb2Header& header) noexcept {
  SmbHost& host = unit.host;
  const bool is_ioctl = header.command == Smb2Command::ioctl;
  const auto request = host.answer_request(request_key(unit, header));
  SmbPipes::Reference pipe = request ? request->pipe : SmbPipes::Reference{};
  if (header.status != kStatusSuccess && header.status != kStatusBufferOverflow) return;
  Smb2Data data;
  const ParseStatus status = is_ioctl ? parse_smb2_ioctl(unit.presented.header, true, data)
                                      : parse_smb2_read_response(unit.presented.header, data);
  if (status != ParseStatus::ok) {
    ++host.statistics().smb_undecodable;
    return;
  }
  if (!request && is_ioctl && data.control_code == kFsctlPipeTransceive) {
    pipe = find_pipe(unit, header, true);
  } else if (!request && !is_ioctl) {
    pipe = only_waiting_pipe(unit, header);
  }
  data.extent.offset += unit.presented.offset;
  host.hand_on(unit, pipe, kToClient, data.extent);
}

// The pipe of a READ response whose request was not seen. Nothing in the response names the pipe,
// so it counts only if one pipe alone of its tree waits for an answer. Sessions of many pipes are
// not searched.
SmbPipes::Reference Smb2Reader::only_waiting_pipe(SmbUnitContext& unit,
                                                  const Smb2Header& header) noexcept {
  SmbHost& host = unit.host;
  const Slot<SmbSession> session = find_session(host, unit.connection, header.session_id);
  if (!session || header.is_async()) return {};
  constexpr int kLookedAtMax = 64;
  Slot<SmbPipe> found;
  Slot<SmbPipe> at = host.pipes().first_in_group(session);
  int candidates = 0;
  for (int looked = 0; at && looked < kLookedAtMax; ++looked) {
    if (host.pipes()[at].tree_id == header.tree_id && host.pipes().awaits_answer(at)) {
      found = at;
      ++candidates;
    }
    at = host.pipes().next_in_group(at);
  }
  if (candidates == 1 && !at) return host.pipes().reference(found);
  if (candidates != 0) ++host.statistics().smb_responses_unmatched;
  return {};
}

// A handle, a tree or a session is over.
void Smb2Reader::on_leave(SmbUnitContext& unit, const Smb2Header& header) noexcept {
  SmbHost& host = unit.host;
  if (header.command == Smb2Command::close) {
    return host.close_pipe(request_key(unit, header));
  }
  const Slot<SmbSession> session = find_session(host, unit.connection, header.session_id);
  if (!session || header.status != kStatusSuccess) return;
  if (header.command == Smb2Command::logoff) return host.sessions().close(session, unit.frame);
  host.sessions()[session].trees.remove(header.tree_id);  // its handles are not named again
}

// The whole message is counted; its framing is small enough to include.
void Smb2Reader::on_unreadable(SmbUnitContext& unit, SmbKind kind) noexcept {
  SmbHost& host = unit.host;
  std::uint64_t id = 0;
  const bool encrypted = kind == SmbKind::encrypted;
  const Bytes header = unit.presented.header;
  const ParseStatus status =
      encrypted ? parse_smb_transform(header, id) : parse_smb_compression(header, id);
  if (status != ParseStatus::ok) ++host.statistics().smb_undecodable;
  SmbSession& session = host.sessions()[use_session(unit, id)];
  UnseenMessages& unseen = encrypted ? session.encrypted : session.compressed;
  if (unseen.messages == 0) unseen.since = unit.frame;
  ++unseen.messages;
  unseen.bytes += unit.presented.length;
}

}  // namespace rpcaudit::dissect
