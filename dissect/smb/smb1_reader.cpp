#include "dissect/smb/smb1_reader.h"

#include <algorithm>
#include <utility>

#include "dissect/rpc/auth_token.h"
#include "dissect/rpc/rpc_auth.h"
#include "dissect/smb/messages/smb_pipe_name.h"
#include "dissect/smb/messages/smb_status.h"
#include "dissect/smb/smb1_transaction.h"
#include "dissect/smb/smb_host.h"

namespace rpcaudit::dissect {
namespace {

// What the keys of one connection are about; requests have their command beside.
constexpr std::uint64_t kUserMark = std::uint64_t{1} << 60;
constexpr std::uint64_t kFileMark = std::uint64_t{1} << 59;
constexpr std::uint64_t kRequestMark = std::uint64_t{1} << 58;

bool opens_file(Smb1Command command) noexcept {
  return command == Smb1Command::open || command == Smb1Command::open_andx ||
         command == Smb1Command::nt_create_andx;
}

bool reads_file(Smb1Command command) noexcept {
  return command == Smb1Command::read || command == Smb1Command::read_andx;
}

TableKey pipe_key(const SmbUnitContext& unit, std::uint16_t file_id) noexcept {
  return {unit.connection.key, kFileMark, file_id};
}

}  // namespace

const Smb1Header& Smb1Reader::header_of(const SmbUnitContext& unit) const noexcept {
  return chains_[unit.direction].header;
}

void Smb1Reader::begin_message(Direction direction) noexcept {
  chains_[direction] = {};
  raw_[direction] = {};
}

bool Smb1Reader::awaits_raw(const SmbHost& host, Direction direction) const noexcept {
  return host.pipes().holds(raw_[direction]);
}

void Smb1Reader::on_raw(SmbUnitContext& unit) noexcept {
  const bool by_client = unit.connection.client_direction == unit.direction;
  unit.host.hand_on(unit, std::exchange(raw_[unit.direction], {}),
                    by_client ? kToServer : kToClient, {0, unit.presented.length});
}

std::size_t Smb1Reader::bytes_needed(const SmbConnection& connection, Direction direction,
                                     const SmbUnit& unit) const noexcept {
  if (unit.offset != 0) {
    const Chain& chain = chains_[direction];
    return smb1_bytes_needed(unit.header, chain.command, chain.header.is_response);
  }
  Smb1Header header;
  if (parse_smb1_header(unit.header, header) != ParseStatus::ok) return kSmb1HeaderSize;
  return kSmb1HeaderSize + smb1_bytes_needed(unit.header.subspan(kSmb1HeaderSize), header.command,
                                             connection.is_response(direction, header.is_response));
}

void Smb1Reader::on_unit(SmbUnitContext& unit) noexcept {
  SmbHost& host = unit.host;
  Chain& chain = chains_[unit.direction];
  Smb1Block block;
  Bytes rest = unit.presented.header;
  if (unit.presented.offset == 0) {
    if (!host.decodes(parse_smb1_header(rest, chain.header))) return;
    chain.command = chain.header.command;
    block.offset = kSmb1HeaderSize;
    rest = rest.subspan(kSmb1HeaderSize);
  } else {
    block.offset = unit.presented.offset;
  }
  block.command = chain.command;
  block.is_unicode = chain.header.is_unicode;
  if (!host.decodes(parse_smb1_block(rest, block))) return;
  if (unit.presented.offset == 0) {
    chain.header.is_response = host.is_response(unit, chain.header.is_response);
  }
  Smb1Command next{};
  std::uint32_t next_offset = 0;
  const bool goes_on = next_in_chain(block, next, next_offset);
  if (goes_on) unit.step.next_offset = next_offset - unit.presented.offset;
  chain.header.is_response ? on_response(unit, block) : on_request(unit, block);
  if (goes_on) chain.command = next;
}

TableKey Smb1Reader::request_key(const SmbUnitContext& unit, Smb1Command command) const noexcept {
  const Smb1Header& header = header_of(unit);
  return {unit.connection.key, kRequestMark | static_cast<std::uint64_t>(command),
          std::uint64_t{header.process_id} << 16 | header.multiplex_id};
}

TableKey Smb1Reader::session_key(const SmbUnitContext& unit) const noexcept {
  return {unit.connection.key, kUserMark, header_of(unit).user_id};
}

Slot<SmbSession> Smb1Reader::use_session(const SmbUnitContext& unit) noexcept {
  SmbHost& host = unit.host;
  const Slot<SmbSession> session = host.sessions().find(session_key(unit));
  if (!session) return host.add_session(unit.connection, session_key(unit), unit.frame);
  host.sessions().touch(session);
  return session;
}

// The pipe of a request. In a chain that opens one, that, whatever the request says; otherwise that
// of its number, unknown where its opening was not seen; none on shares that hold files.
SmbPipes::Reference Smb1Reader::find_pipe(SmbUnitContext& unit, std::uint16_t file_id) noexcept {
  SmbHost& host = unit.host;
  Chain& chain = chains_[unit.direction];
  if (host.pipes().holds(chain.pipe)) return chain.pipe;
  const std::uint16_t tree_id = chain.header.tree_id;
  if (trees_.kind(tree_id) == ShareKind::other) return {};
  const TableKey key = pipe_key(unit, file_id);
  const Slot<SmbPipe> pipe = host.pipes().find(key);
  if (pipe) return host.pipes().reference(pipe);
  return host.open_pipe(unit, key, use_session(unit), tree_id);
}

void Smb1Reader::on_request(SmbUnitContext& unit, const Smb1Block& block) noexcept {
  if (opens_file(block.command)) return on_open_request(unit, block);
  switch (block.command) {
    case Smb1Command::session_setup_andx: return on_setup_request(unit, block);
    case Smb1Command::tree_connect_andx: return on_tree_request(unit, block);
    case Smb1Command::write:
    case Smb1Command::write_andx:
    case Smb1Command::write_raw: return on_write_request(unit, block);
    case Smb1Command::transaction:
    case Smb1Command::transaction_secondary: return on_transaction_request(unit, block);
    case Smb1Command::close:
    case Smb1Command::read:
    case Smb1Command::read_raw:
    case Smb1Command::read_andx: return on_file_request(unit, block);
    default: return;
  }
}

void Smb1Reader::on_response(SmbUnitContext& unit, const Smb1Block& block) noexcept {
  if (opens_file(block.command)) return on_open_response(unit, block);
  if (reads_file(block.command)) return on_read_response(unit, block);
  switch (block.command) {
    case Smb1Command::session_setup_andx: return on_setup_response(unit, block);
    case Smb1Command::tree_connect_andx: return on_tree_response(unit, block);
    case Smb1Command::write:
    case Smb1Command::write_andx: return on_write_response(unit, block);
    case Smb1Command::transaction: return on_transaction_response(unit, block);
    case Smb1Command::close:
    case Smb1Command::tree_disconnect:
    case Smb1Command::logoff_andx: return on_leave(unit, block);
    default: return;
  }
}

void Smb1Reader::on_tree_request(SmbUnitContext& unit, const Smb1Block& block) noexcept {
  bool names_ipc = false;
  if (!unit.host.decodes(parse_smb1_tree_connect_request(block, names_ipc))) return;
  unit.host.add_request(unit, request_key(unit, block.command)).names_ipc = names_ipc;
}

// A tree is what its own response says; one without a request may be forged, and says something
// only of trees that are not known.
void Smb1Reader::on_tree_response(SmbUnitContext& unit, const Smb1Block& block) noexcept {
  SmbHost& host = unit.host;
  const auto request = host.answer_request(request_key(unit, block.command));
  const bool names_ipc = request && request->names_ipc;
  const std::uint16_t tree_id = header_of(unit).tree_id;
  bool is_pipe = false;
  if (header_of(unit).status != 0) return;
  if (!request && trees_.kind(tree_id) != ShareKind::unknown) return;
  if (parse_smb1_tree_connect_response(block, is_pipe) != ParseStatus::ok) return;
  trees_.set(tree_id, is_pipe || names_ipc ? ShareKind::pipe : ShareKind::other);
}

void Smb1Reader::on_setup_request(SmbUnitContext& unit, const Smb1Block& block) noexcept {
  SmbHost& host = unit.host;
  Smb1SessionSetupRequest request;
  if (!host.decodes(parse_smb1_session_setup_request(block, request))) return;
  const Slot<SmbSession> slot =
      header_of(unit).user_id == 0
          ? host.add_session(unit.connection, host.fresh_key(unit.connection), unit.frame)
          : use_session(unit);
  Identity& identity = host.sessions().begin_logon(slot);
  if (request.has_names) {
    set_smb1_text(request.user, block.is_unicode, identity.user());
    set_smb1_text(request.domain, block.is_unicode, identity.domain());
    identity.mechanism = kAuthNtlm;
    identity.null_session = request.null_session;
  } else {
    (void)read_auth_token(0, request.token, identity);
  }
  host.sessions().attempted(slot);
  host.add_request(unit, request_key(unit, block.command)).session =
      host.sessions().reference(slot);
}

void Smb1Reader::on_setup_response(SmbUnitContext& unit, const Smb1Block& block) noexcept {
  SmbHost& host = unit.host;
  const Smb1Header header = header_of(unit);
  const auto request = host.answer_request(request_key(unit, block.command));
  const SmbSessions::Reference session = request ? request->session : SmbSessions::Reference{};
  const bool success = header.status == 0;
  if (!success && header.status != kStatusMoreProcessingRequired) {
    if (host.sessions().holds(session)) host.sessions().refuse_logon(session.slot, unit.frame);
    return;
  }
  if (host.sessions().holds(session)) {
    host.sessions().name(session.slot, session_key(unit), header.user_id, unit.frame);
  }
  bool guest = false;
  if (!success || parse_smb1_session_setup_response(block, guest) != ParseStatus::ok) return;
  host.sessions().accept_logon(use_session(unit), guest, false);
}

void Smb1Reader::on_open_request(SmbUnitContext& unit, const Smb1Block& block) noexcept {
  SmbHost& host = unit.host;
  const Smb1Header& header = header_of(unit);
  if (trees_.kind(header.tree_id) == ShareKind::other) return;
  Bytes name;
  if (!host.decodes(parse_smb1_open_request(block, name))) return;
  const Slot<SmbSession> session = use_session(unit);
  if (header.is_signed) host.sessions()[session].logon.caller.is_signed = true;
  const SmbPipes::Reference pipe =
      host.open_pipe(unit, host.fresh_key(unit.connection), session, header.tree_id);
  append_smb1_pipe_name(name, block.is_unicode, host.pipes()[pipe.slot].origin.name.slot());
  chains_[unit.direction].pipe = pipe;
  SmbRequest& request = host.add_request(unit, request_key(unit, block.command));
  request.pipe = pipe;
  request.owns_pipe = true;
}

void Smb1Reader::on_open_response(SmbUnitContext& unit, const Smb1Block& block) noexcept {
  SmbHost& host = unit.host;
  const Slot<SmbRequest> slot = host.find_request(request_key(unit, block.command));
  if (!slot) return;
  SmbRequest& request = host.request(slot);
  const Smb1Header& header = header_of(unit);
  Smb1OpenResponse opened;
  if (header.status == 0 && host.pipes().holds(request.pipe) &&
      parse_smb1_open_response(block, opened) == ParseStatus::ok) {
    const ShareKind share = trees_.kind(header.tree_id);
    if (share == ShareKind::pipe || opened.resource != Smb1ResourceType::disk) {
      host.pipes().rekey(request.pipe.slot, pipe_key(unit, opened.file_id));
      request.owns_pipe = false;
    }
  }
  host.end_request(slot);
}

void Smb1Reader::on_file_request(SmbUnitContext& unit, const Smb1Block& block) noexcept {
  SmbHost& host = unit.host;
  std::uint16_t file_id = 0;
  if (!host.decodes(parse_smb1_file_request(block, file_id))) return;
  const SmbPipes::Reference pipe = find_pipe(unit, file_id);
  if (!host.pipes().holds(pipe)) return;
  if (block.command == Smb1Command::read_raw) {
    raw_[opposite(unit.direction)] = pipe;
  } else {
    host.add_request(unit, request_key(unit, block.command)).pipe = pipe;
  }
}

void Smb1Reader::on_write_request(SmbUnitContext& unit, const Smb1Block& block) noexcept {
  SmbHost& host = unit.host;
  Smb1Data data;
  if (!host.decodes(parse_smb1_write_request(block, data))) return;
  const SmbPipes::Reference pipe = find_pipe(unit, data.file_id);
  if (!host.pipes().holds(pipe)) return;
  if (block.command == Smb1Command::write_raw) {
    host.hand_on(unit, pipe, kToServer, data.extent);
    if (data.more != 0) raw_[unit.direction] = pipe;
    return;
  }
  SmbRequest& request = host.add_request(unit, request_key(unit, block.command));
  host.write(unit, request, pipe, data.extent, data.extent.length, false);
}

void Smb1Reader::on_write_response(SmbUnitContext& unit, const Smb1Block& block) noexcept {
  SmbHost& host = unit.host;
  const Slot<SmbRequest> slot = host.find_request(request_key(unit, block.command));
  if (!slot) return;
  if (header_of(unit).refuses_write(false)) host.refuse_write(host.request(slot));
  host.end_request(slot);
}

void Smb1Reader::on_read_response(SmbUnitContext& unit, const Smb1Block& block) noexcept {
  SmbHost& host = unit.host;
  const auto request = host.answer_request(request_key(unit, block.command));
  if (!request) {
    const ShareKind share = trees_.kind(header_of(unit).tree_id);
    if (share == ShareKind::pipe) ++host.statistics().smb_responses_unmatched;
    return;
  }
  const SmbPipes::Reference pipe = request->pipe;
  Smb1Data data;
  if (!header_of(unit).has_data()) return;
  if (!host.decodes(parse_smb1_read_response(block, data))) return;
  host.hand_on(unit, pipe, kToClient, data.extent);
}

void Smb1Reader::on_transaction_request(SmbUnitContext& unit, const Smb1Block& block) noexcept {
  SmbHost& host = unit.host;
  Smb1Transaction part;
  if (!host.decodes(parse_smb1_transaction(block, false, part))) return;
  const TableKey key = request_key(unit, Smb1Command::transaction);
  if (block.command == Smb1Command::transaction_secondary) {
    const Slot<SmbRequest> slot = host.find_request(key);
    if (!slot) return;
    return take_smb1_part(unit, host.request(slot), kToServer, part, host.request(slot).received);
  }
  SmbPipes::Reference pipe;
  switch (part.subcommand) {
    case kTransCall: {
      const Slot<SmbSession> session = use_session(unit);
      pipe =
          host.open_pipe(unit, host.fresh_key(unit.connection), session, header_of(unit).tree_id);
      append_smb1_pipe_name(part.name, block.is_unicode,
                            host.pipes()[pipe.slot].origin.name.slot());
      break;
    }
    case kTransTransact:
    case kTransRead:
    case kTransRawRead:
    case kTransWrite:
    case kTransRawWrite: pipe = find_pipe(unit, part.file_id); break;
    default: return;  // mailslots, remote administration, states of pipes
  }
  if (!host.pipes().holds(pipe)) return;
  SmbRequest& request = host.add_request(unit, key);
  request.pipe = pipe;
  request.is_call = part.subcommand == kTransCall;
  request.owns_pipe = request.is_call;
  request.expected = part.total_data;
  take_smb1_part(unit, request, kToServer, part, request.received);
}

void Smb1Reader::on_transaction_response(SmbUnitContext& unit, const Smb1Block& block) noexcept {
  SmbHost& host = unit.host;
  const Slot<SmbRequest> slot = host.find_request(request_key(unit, Smb1Command::transaction));
  if (!slot) return;
  SmbRequest& request = host.request(slot);
  const Smb1Header& header = header_of(unit);
  // An empty response before all of the request was sent asks for the rest (2.2.4.33.2).
  if (block.words.empty() && header.status == 0 && request.received < request.expected) return;
  Smb1Transaction part;
  bool more = false;
  if (header.has_data() && !block.words.empty()) {
    if (parse_smb1_transaction(block, true, part) == ParseStatus::ok) {
      take_smb1_part(unit, request, kToClient, part, request.answered);
      more = request.answered < part.total_data;
    } else {
      ++host.statistics().smb_undecodable;
    }
  }
  if (more) return;
  if (header.refuses_write(true)) host.refuse_write(request);
  SmbPayload& payload = unit.connection.payloads[unit.direction];
  if (request.is_call && unit.step.payload_length != 0) {
    payload.ends_pipe = true;  // not before its bytes have come
    request.owns_pipe = false;
  }
  host.end_request(slot);
}

// A file, a tree or a session is over.
void Smb1Reader::on_leave(SmbUnitContext& unit, const Smb1Block& block) noexcept {
  SmbHost& host = unit.host;
  const Smb1Header& header = header_of(unit);
  if (block.command == Smb1Command::close) {
    return host.close_pipe(request_key(unit, block.command));
  }
  if (header.status != 0) return;
  if (block.command == Smb1Command::logoff_andx) {
    const Slot<SmbSession> session = host.sessions().find(session_key(unit));
    if (session) host.sessions().close(session, unit.frame);
    return;
  }
  trees_.remove(header.tree_id);  // its files are not named again
}

}  // namespace rpcaudit::dissect
