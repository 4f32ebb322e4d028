#include "dissect/smb/smb1_reader.h"

#include <algorithm>
#include <utility>

#include "dissect/rpc/pdus/auth_token.h"
#include "dissect/rpc/pdus/rpc_auth.h"
#include "dissect/smb/messages/smb_pipe_name.h"
#include "dissect/smb/messages/smb_status.h"
#include "dissect/smb/smb1_command.h"
#include "dissect/smb/smb1_transaction.h"
#include "dissect/smb/smb_host.h"

namespace rpcaudit::dissect {
namespace {

bool opens_file(Smb1Command command) noexcept {
  return command == Smb1Command::open || command == Smb1Command::open_andx ||
         command == Smb1Command::nt_create_andx;
}

bool reads_file(Smb1Command command) noexcept {
  return command == Smb1Command::read || command == Smb1Command::lock_and_read ||
         command == Smb1Command::read_andx;
}

// Counts a request whose command could carry data of a pipe, and is not read.
void count_unread(const Smb1CommandContext& context) noexcept {
  DissectStatistics& statistics = context.host().statistics();
  if (context.share() == ShareKind::other) return;
  switch (context.block.command) {
    case Smb1Command::read_mpx: ++statistics.smb1_read_mpx_unread; return;
    case Smb1Command::write_mpx: ++statistics.smb1_write_mpx_unread; return;
    case Smb1Command::ioctl: ++statistics.smb1_ioctl_unread; return;
    case Smb1Command::read_bulk: ++statistics.smb1_read_bulk_unread; return;
    case Smb1Command::write_bulk: ++statistics.smb1_write_bulk_unread; return;
    default: return;
  }
}

}  // namespace

void Smb1Reader::begin_message(Direction direction) noexcept {
  chains_[direction] = {};
  raw_[direction] = {};
}

bool Smb1Reader::awaits_raw(const SmbHost& host, Direction direction) const noexcept {
  return host.pipes().holds(raw_[direction].pipe);
}

void Smb1Reader::on_raw(SmbUnitContext& unit) noexcept {
  SmbHost& host = unit.host;
  const Raw raw = std::exchange(raw_[unit.direction], {});
  const SmbExtent all{0, unit.presented.length};
  if (unit.connection.client_direction != unit.direction) {
    return host.hand_on(unit, raw.pipe, kToClient, all);
  }
  const Slot<SmbRequest> request = host.find_request(raw.request);
  if (request) host.write(unit, host.request(request), raw.pipe, all, all.length, false);
}

std::size_t Smb1Reader::bytes_needed(const SmbConnection& connection, Direction direction,
                                     const SmbUnit& unit) const noexcept {
  if (unit.offset != 0) {
    const Smb1Chain& chain = chains_[direction];
    return smb1_bytes_needed(unit.header, chain.command, unit.offset, chain.header.is_response);
  }
  Smb1Header header;
  if (parse_smb1_header(unit.header, header) != ParseStatus::ok) return kSmb1HeaderSize;
  return kSmb1HeaderSize + smb1_bytes_needed(unit.header.subspan(kSmb1HeaderSize), header.command,
                                             kSmb1HeaderSize,
                                             connection.is_response(direction, header.is_response));
}

void Smb1Reader::on_unit(SmbUnitContext& unit) noexcept {
  SmbHost& host = unit.host;
  Smb1Chain& chain = chains_[unit.direction];
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
  const Smb1CommandContext context{unit, block, chain, trees_};
  chain.header.is_response ? on_response(context) : on_request(context);
  if (goes_on) chain.command = next;
}

void Smb1Reader::on_request(const Smb1CommandContext& context) noexcept {
  if (opens_file(context.block.command)) return on_open_request(context);
  if (reads_file(context.block.command)) return on_file_request(context);
  switch (context.block.command) {
    case Smb1Command::session_setup_andx: return on_setup_request(context);
    case Smb1Command::tree_connect_andx: return on_tree_request(context);
    case Smb1Command::write:
    case Smb1Command::write_and_unlock:
    case Smb1Command::write_and_close:
    case Smb1Command::write_andx:
    case Smb1Command::write_raw: return on_write_request(context);
    case Smb1Command::transaction:
    case Smb1Command::transaction_secondary:
    case Smb1Command::nt_transact:
    case Smb1Command::nt_transact_secondary: return on_smb1_transaction_request(context);
    case Smb1Command::close:
    case Smb1Command::read_raw: return on_file_request(context);
    default: return count_unread(context);
  }
}

void Smb1Reader::on_response(const Smb1CommandContext& context) noexcept {
  if (opens_file(context.block.command)) return on_open_response(context);
  if (reads_file(context.block.command)) return on_read_response(context);
  switch (context.block.command) {
    case Smb1Command::session_setup_andx: return on_setup_response(context);
    case Smb1Command::tree_connect_andx: return on_tree_response(context);
    case Smb1Command::write:
    case Smb1Command::write_and_unlock:
    case Smb1Command::write_and_close:
    case Smb1Command::write_andx: return on_write_response(context, context.request_key());
    case Smb1Command::write_raw: return on_raw_answer(context);
    case Smb1Command::write_complete:
      return on_write_response(context, context.request_key(Smb1Command::write_raw));
    case Smb1Command::transaction:
    case Smb1Command::nt_transact: return on_smb1_transaction_response(context);
    case Smb1Command::close:
    case Smb1Command::tree_disconnect:
    case Smb1Command::logoff_andx: return on_leave(context);
    default: return;
  }
}

void Smb1Reader::on_tree_request(const Smb1CommandContext& context) noexcept {
  bool names_ipc = false;
  if (!context.host().decodes(parse_smb1_tree_connect_request(context.block, names_ipc))) return;
  context.host().add_request(context.unit, context.request_key()).names_ipc = names_ipc;
}

// A tree is what its own response says; one without a request may be forged, and says something
// only of trees that are not known.
void Smb1Reader::on_tree_response(const Smb1CommandContext& context) noexcept {
  SmbHost& host = context.host();
  const auto request = host.answer_request(context.request_key());
  const bool names_ipc = request && request->names_ipc;
  const std::uint16_t tree_id = context.header().tree_id;
  bool is_pipe = false;
  if (context.header().status != 0) return;
  if (!request && context.share() != ShareKind::unknown) return;
  if (parse_smb1_tree_connect_response(context.block, is_pipe) != ParseStatus::ok) return;
  trees_.set(tree_id, is_pipe || names_ipc ? ShareKind::pipe : ShareKind::other);
}

void Smb1Reader::on_setup_request(const Smb1CommandContext& context) noexcept {
  SmbHost& host = context.host();
  Smb1SessionSetupRequest request;
  if (!host.decodes(parse_smb1_session_setup_request(context.block, request))) return;
  const Slot<SmbSession> slot =
      context.header().user_id == 0
          ? host.add_session(context.unit.connection, host.fresh_key(context.unit.connection),
                             context.unit.frame)
          : context.use_session();
  Identity& identity = host.sessions().begin_logon(slot);
  if (request.has_names) {
    set_smb1_text(request.user, context.block.is_unicode, identity.user());
    set_smb1_text(request.domain, context.block.is_unicode, identity.domain());
    identity.mechanism = kAuthNtlm;
    identity.null_session = request.null_session;
  } else {
    (void)read_auth_token(0, request.token, identity);
  }
  host.sessions().attempted(slot);
  host.add_request(context.unit, context.request_key()).session = host.sessions().reference(slot);
}

void Smb1Reader::on_setup_response(const Smb1CommandContext& context) noexcept {
  SmbHost& host = context.host();
  const Smb1Header header = context.header();
  const auto request = host.answer_request(context.request_key());
  const SmbSessions::Reference session = request ? request->session : SmbSessions::Reference{};
  const bool success = header.status == 0;
  if (!success && header.status != kStatusMoreProcessingRequired) {
    if (host.sessions().holds(session))
      host.sessions().refuse_logon(session.slot, context.unit.frame);
    return;
  }
  if (host.sessions().holds(session)) {
    host.sessions().name(session.slot, context.session_key(), header.user_id, context.unit.frame);
  }
  bool guest = false;
  if (!success || parse_smb1_session_setup_response(context.block, guest) != ParseStatus::ok)
    return;
  host.sessions().accept_logon(context.use_session(), guest, false);
}

void Smb1Reader::on_open_request(const Smb1CommandContext& context) noexcept {
  SmbHost& host = context.host();
  if (context.share() == ShareKind::other) return;
  Bytes name;
  if (!host.decodes(parse_smb1_open_request(context.block, name))) return;
  const SmbPipes::Reference pipe = context.open_pipe(name);
  context.chain.pipe = pipe;
  SmbRequest& request = host.add_request(context.unit, context.request_key());
  request.pipe = pipe;
  request.owns_pipe = true;
}

void Smb1Reader::on_open_response(const Smb1CommandContext& context) noexcept {
  const Slot<SmbRequest> slot = context.host().find_request(context.request_key());
  if (!slot) return;
  Smb1OpenResponse opened;
  const ParseStatus status = parse_smb1_open_response(context.block, opened);
  context.end_open(slot, status, opened);
}

void Smb1Reader::on_file_request(const Smb1CommandContext& context) noexcept {
  SmbHost& host = context.host();
  std::uint16_t file_id = 0;
  if (!host.decodes(parse_smb1_file_request(context.block, file_id))) return;
  const SmbPipes::Reference pipe = context.find_pipe(file_id);
  if (!host.pipes().holds(pipe)) return;
  if (context.block.command == Smb1Command::read_raw) {
    raw_[opposite(context.unit.direction)] = {pipe, {}, false};
  } else {
    host.add_request(context.unit, context.request_key()).pipe = pipe;
  }
}

void Smb1Reader::on_write_request(const Smb1CommandContext& context) noexcept {
  SmbHost& host = context.host();
  Smb1Data data;
  if (!host.decodes(parse_smb1_write_request(context.block, data))) return;
  const SmbPipes::Reference pipe = context.find_pipe(data.file_id);
  if (!host.pipes().holds(pipe)) return;
  SmbRequest& request = host.add_request(context.unit, context.request_key());
  host.write(context.unit, request, pipe, data.extent, data.extent.length, false);
  if (data.more != 0) raw_[context.unit.direction] = {pipe, context.request_key(), false};
}

// `key` is the request's.
void Smb1Reader::on_write_response(const Smb1CommandContext& context,
                                   const TableKey& key) noexcept {
  SmbHost& host = context.host();
  const Slot<SmbRequest> slot = host.find_request(key);
  if (!slot) return;
  const SmbRequest request = host.request(slot);
  if (context.header().refuses_write(false)) host.refuse_write(host.request(slot));
  host.end_request(slot);
  // For Samba a request without data does not close.
  const bool closes = context.block.command == Smb1Command::write_and_close && request.writes &&
                      context.header().status == 0;
  if (closes && host.pipes().holds(request.pipe)) host.pipes().close(request.pipe.slot);
}

// The server waits for the data that WRITE_RAW announced, or does not want it.
void Smb1Reader::on_raw_answer(const Smb1CommandContext& context) noexcept {
  Raw& raw = raw_[opposite(context.unit.direction)];
  const bool is_awaited = raw.request == context.request_key();
  if (is_awaited && context.header().status == 0) {
    raw.is_granted = true;
    return;
  }
  if (is_awaited) raw = {};
  on_write_response(context, context.request_key());
}

void Smb1Reader::on_read_response(const Smb1CommandContext& context) noexcept {
  SmbHost& host = context.host();
  const auto request = host.answer_request(context.request_key());
  if (!request) {
    if (context.share() == ShareKind::pipe) ++host.statistics().smb_responses_unmatched;
    return;
  }
  const SmbPipes::Reference pipe = request->pipe;
  Smb1Data data;
  if (!context.header().has_data()) return;
  if (!host.decodes(parse_smb1_read_response(context.block, data))) return;
  host.hand_on(context.unit, pipe, kToClient, data.extent);
}

// A file, a tree or a session is over.
void Smb1Reader::on_leave(const Smb1CommandContext& context) noexcept {
  SmbHost& host = context.host();
  const Smb1Header& header = context.header();
  if (context.block.command == Smb1Command::close) {
    return host.close_pipe(context.request_key());
  }
  if (header.status != 0) return;
  if (context.block.command == Smb1Command::logoff_andx) {
    const Slot<SmbSession> session = host.sessions().find(context.session_key());
    if (session) host.sessions().close(session, context.unit.frame);
    return;
  }
  trees_.remove(header.tree_id);  // its files are not named again
}

}  // namespace rpcaudit::dissect
