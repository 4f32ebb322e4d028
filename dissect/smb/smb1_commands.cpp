// The part of SmbConnections that follows SMB1.

#include <algorithm>

#include "dissect/rpc/auth_token.h"
#include "dissect/rpc/rpc_auth.h"
#include "dissect/smb/smb_connections.h"

namespace rpcaudit::dissect {
namespace {

// What the keys of one connection are about; requests have their command beside.
constexpr std::uint64_t kUserMark = std::uint64_t{1} << 60;
constexpr std::uint64_t kFileMark = std::uint64_t{1} << 59;
constexpr std::uint64_t kRequestMark = std::uint64_t{1} << 58;

void set_text(Bytes bytes, bool is_unicode, TextSlot text) noexcept {
  text.clear();
  is_unicode ? text.append_utf16(bytes) : text.append_octets(bytes);
}

bool equal_ignoring_case(char a, char b) noexcept {
  const auto lower = [](char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c + 32) : c; };
  return lower(a) == lower(b);
}

// Some clients write \PIPE\name, others \name ([MS-CIFS] 2.2.4.64.1, 2.2.5.11.1).
void set_pipe_name(Bytes name, bool is_unicode, PipeOrigin& origin) noexcept {
  constexpr std::string_view kPrefix = "PIPE\\";
  BoundedText<260> raw;
  set_text(name, is_unicode, raw.slot());
  std::string_view rest = raw.view();
  while (rest.starts_with('\\')) rest.remove_prefix(1);
  if (rest.size() >= kPrefix.size() &&
      std::equal(kPrefix.begin(), kPrefix.end(), rest.begin(), equal_ignoring_case)) {
    rest.remove_prefix(kPrefix.size());
  }
  if (rest.empty()) return;  // the root of the share
  origin.name.slot().append_utf8("\\PIPE\\");
  origin.name.slot().append_utf8(rest);
}

bool opens_file(Smb1Command command) noexcept {
  return command == Smb1Command::open || command == Smb1Command::open_andx ||
         command == Smb1Command::nt_create_andx;
}

bool reads_file(Smb1Command command) noexcept {
  return command == Smb1Command::read || command == Smb1Command::read_andx;
}

}  // namespace

std::size_t SmbConnections::smb1_needed(std::uint32_t slot, unsigned direction,
                                        const SmbUnit& unit) noexcept {
  if (unit.offset != 0) {
    const SmbChain& chain = connections_[slot].chains[direction];
    return smb1_bytes_needed(unit.head, chain.command, chain.header.is_response);
  }
  Smb1Header header;
  if (parse_smb1_header(unit.head, header) != ParseStatus::ok) return kSmb1HeaderSize;
  return kSmb1HeaderSize +
         smb1_bytes_needed(unit.head.subspan(kSmb1HeaderSize), header.command, header.is_response);
}

void SmbConnections::on_smb1(Unit& unit) noexcept {
  SmbChain& chain = connections_[unit.slot].chains[unit.direction];
  Smb1Block block;
  Bytes rest = unit.shown.head;
  if (unit.shown.offset == 0) {
    if (parse_smb1_header(rest, chain.header) != ParseStatus::ok) {
      ++statistics_.smb_undecodable;
      return;
    }
    chain.command = chain.header.command;
    block.offset = kSmb1HeaderSize;
    rest = rest.subspan(kSmb1HeaderSize);
  } else {
    block.offset = unit.shown.offset;
  }
  block.command = chain.command;
  block.is_unicode = chain.header.is_unicode;
  if (parse_smb1_block(rest, block) != ParseStatus::ok) {
    ++statistics_.smb_undecodable;
    return;
  }
  if (!is_expected_from(unit.slot, unit.direction, chain.header.is_response)) return;
  Smb1Command next{};
  std::uint32_t next_offset = 0;
  const bool goes_on = next_in_chain(block, next, next_offset);
  if (goes_on) unit.step.next_offset = next_offset - unit.shown.offset;
  chain.header.is_response ? smb1_response(unit, block) : smb1_request(unit, block);
  if (goes_on) chain.command = next;
}

TableKey SmbConnections::smb1_request_key(const Unit& unit, Smb1Command command) const noexcept {
  const Smb1Header& header = smb1_header(unit);
  return {connections_[unit.slot].key, kRequestMark | static_cast<std::uint64_t>(command),
          std::uint64_t{header.process_id} << 16 | header.multiplex_id};
}

TableKey SmbConnections::smb1_pipe_key(const Unit& unit, std::uint16_t file_id) const noexcept {
  return {connections_[unit.slot].key, kFileMark, file_id};
}

TableKey SmbConnections::smb1_session_key(const Unit& unit) const noexcept {
  return {connections_[unit.slot].key, kUserMark, smb1_header(unit).user_id};
}

std::uint32_t SmbConnections::smb1_session(const Unit& unit) noexcept {
  const std::uint32_t session = sessions_.find(smb1_session_key(unit));
  if (session == kNoSlot) return add_session(unit.slot, smb1_session_key(unit), unit.frame);
  sessions_.touch(session);
  return session;
}

// The pipe of a request. In a chain that opens one, that, whatever the request says; otherwise that
// of its number, unknown where its opening was not seen; none on shares that hold files.
EntryReference SmbConnections::smb1_pipe(Unit& unit, std::uint16_t file_id) noexcept {
  SmbConnection& connection = connections_[unit.slot];
  SmbChain& chain = connection.chains[unit.direction];
  if (pipes_.holds(chain.pipe)) return chain.pipe;
  const std::uint16_t tree_id = chain.header.tree_id;
  if (connection.trees.kind(tree_id) == ShareKind::other) return {};
  const TableKey key = smb1_pipe_key(unit, file_id);
  const std::uint32_t pipe = pipes_.find(key);
  if (pipe != kNoSlot) return pipes_.reference(pipe);
  return open_pipe(unit, key, smb1_session(unit), tree_id);
}

void SmbConnections::smb1_request(Unit& unit, const Smb1Block& block) noexcept {
  if (opens_file(block.command)) return smb1_open_request(unit, block);
  switch (block.command) {
    case Smb1Command::session_setup_andx: return smb1_setup_request(unit, block);
    case Smb1Command::write:
    case Smb1Command::write_andx:
    case Smb1Command::write_raw: return smb1_write_request(unit, block);
    case Smb1Command::transaction:
    case Smb1Command::transaction_secondary: return smb1_transaction_request(unit, block);
    case Smb1Command::close:
    case Smb1Command::read:
    case Smb1Command::read_raw:
    case Smb1Command::read_andx: break;
    default: return;
  }
  std::uint16_t file_id = 0;
  if (parse_smb1_file_request(block, file_id) != ParseStatus::ok) {
    ++statistics_.smb_undecodable;
    return;
  }
  const EntryReference pipe = smb1_pipe(unit, file_id);
  if (!pipes_.holds(pipe)) return;
  if (block.command == Smb1Command::read_raw) {
    connections_[unit.slot].raw[1 - unit.direction] = pipe;
  } else {
    add_request(unit, smb1_request_key(unit, block.command)).pipe = pipe;
  }
}

void SmbConnections::smb1_response(Unit& unit, const Smb1Block& block) noexcept {
  if (opens_file(block.command)) return smb1_open_response(unit, block);
  if (reads_file(block.command)) return smb1_read_response(unit, block);
  switch (block.command) {
    case Smb1Command::session_setup_andx: return smb1_setup_response(unit, block);
    case Smb1Command::tree_connect_andx: {
      bool is_pipe = false;
      if (smb1_header(unit).status != 0) return;
      if (parse_smb1_tree_connect_response(block, is_pipe) != ParseStatus::ok) return;
      connections_[unit.slot].trees.set(smb1_header(unit).tree_id,
                                        is_pipe ? ShareKind::pipe : ShareKind::other);
      return;
    }
    case Smb1Command::transaction: return smb1_transaction_response(unit, block);
    case Smb1Command::close:
    case Smb1Command::tree_disconnect:
    case Smb1Command::logoff_andx: return smb1_leave(unit, block);
    default: return;
  }
}

void SmbConnections::smb1_setup_request(Unit& unit, const Smb1Block& block) noexcept {
  Smb1SessionSetupRequest request;
  if (parse_smb1_session_setup_request(block, request) != ParseStatus::ok) {
    ++statistics_.smb_undecodable;
    return;
  }
  const std::uint32_t slot =
      smb1_header(unit).user_id == 0
          ? add_session(unit.slot, fresh_key(connections_[unit.slot]), unit.frame)
          : smb1_session(unit);
  SmbCaller& caller = sessions_[slot].caller;
  caller.setup_seen = true;
  if (request.has_names) {
    set_text(request.user, block.is_unicode, caller.identity.user());
    set_text(request.domain, block.is_unicode, caller.identity.domain());
    caller.identity.mechanism = kAuthNtlm;
    caller.identity.null_session = request.null_session;
  } else {
    (void)read_auth_token(0, request.token, caller.identity);
  }
  add_request(unit, smb1_request_key(unit, block.command)).session = sessions_.reference(slot);
}

void SmbConnections::smb1_setup_response(Unit& unit, const Smb1Block& block) noexcept {
  const Smb1Header header = smb1_header(unit);
  const std::uint32_t request = requests_.find(smb1_request_key(unit, block.command));
  EntryReference session;
  if (request != kNoSlot) {
    session = requests_[request].session;
    end_request(request, unit.frame.timestamp);
  }
  const bool success = header.status == 0;
  if (!success && header.status != kStatusMoreProcessingRequired) {
    if (sessions_.holds(session) && !sessions_[session.slot].established) {
      sessions_.close(session.slot, unit.frame);
    }
    return;
  }
  if (sessions_.holds(session)) {
    sessions_.rekey(session.slot, smb1_session_key(unit), unit.frame);
    sessions_[session.slot].id = header.user_id;
    sessions_[session.slot].has_id = true;
  }
  bool guest = false;
  if (!success || parse_smb1_session_setup_response(block, guest) != ParseStatus::ok) return;
  SmbSession& own = sessions_[smb1_session(unit)];
  own.established = true;
  own.caller.setup_seen = true;
  own.caller.guest = guest;
}

void SmbConnections::smb1_open_request(Unit& unit, const Smb1Block& block) noexcept {
  SmbConnection& connection = connections_[unit.slot];
  const Smb1Header& header = smb1_header(unit);
  if (connection.trees.kind(header.tree_id) == ShareKind::other) return;
  Bytes name;
  if (parse_smb1_open_request(block, name) != ParseStatus::ok) {
    ++statistics_.smb_undecodable;
    return;
  }
  const std::uint32_t session = smb1_session(unit);
  if (header.is_signed) sessions_[session].caller.is_signed = true;
  const EntryReference pipe = open_pipe(unit, fresh_key(connection), session, header.tree_id);
  set_pipe_name(name, block.is_unicode, pipes_[pipe.slot].origin);
  connection.chains[unit.direction].pipe = pipe;
  SmbRequest& request = add_request(unit, smb1_request_key(unit, block.command));
  request.pipe = pipe;
  request.owns_pipe = true;
}

void SmbConnections::smb1_open_response(Unit& unit, const Smb1Block& block) noexcept {
  const std::uint32_t slot = requests_.find(smb1_request_key(unit, block.command));
  if (slot == kNoSlot) return;
  SmbRequest& request = requests_[slot];
  const Smb1Header& header = smb1_header(unit);
  Smb1OpenResponse opened;
  if (header.status == 0 && pipes_.holds(request.pipe) &&
      parse_smb1_open_response(block, opened) == ParseStatus::ok) {
    const ShareKind share = connections_[unit.slot].trees.kind(header.tree_id);
    if (share == ShareKind::pipe || opened.resource != Smb1ResourceType::disk) {
      pipes_.rekey(request.pipe.slot, smb1_pipe_key(unit, opened.file_id), unit.frame.timestamp);
      request.owns_pipe = false;
    }
  }
  end_request(slot, unit.frame.timestamp);
}

void SmbConnections::smb1_write_request(Unit& unit, const Smb1Block& block) noexcept {
  Smb1Data data;
  if (parse_smb1_write_request(block, data) != ParseStatus::ok) {
    ++statistics_.smb_undecodable;
    return;
  }
  const EntryReference pipe = smb1_pipe(unit, data.file_id);
  hand_on(unit, pipe, kToServer, data.extent);
  if (data.more != 0) connections_[unit.slot].raw[unit.direction] = pipe;
}

void SmbConnections::smb1_read_response(Unit& unit, const Smb1Block& block) noexcept {
  const std::uint32_t request = requests_.find(smb1_request_key(unit, block.command));
  if (request == kNoSlot) {
    const ShareKind share = connections_[unit.slot].trees.kind(smb1_header(unit).tree_id);
    if (share == ShareKind::pipe) ++statistics_.smb_responses_unmatched;
    return;
  }
  const EntryReference pipe = requests_[request].pipe;
  end_request(request, unit.frame.timestamp);
  Smb1Data data;
  if (!smb1_header(unit).has_data()) return;
  if (parse_smb1_read_response(block, data) != ParseStatus::ok) {
    ++statistics_.smb_undecodable;
    return;
  }
  hand_on(unit, pipe, kToClient, data.extent);
}

void SmbConnections::smb1_transaction_request(Unit& unit, const Smb1Block& block) noexcept {
  Smb1Transaction part;
  if (parse_smb1_transaction(block, false, part) != ParseStatus::ok) {
    ++statistics_.smb_undecodable;
    return;
  }
  const TableKey key = smb1_request_key(unit, Smb1Command::transaction);
  if (block.command == Smb1Command::transaction_secondary) {
    const std::uint32_t slot = requests_.find(key);
    if (slot == kNoSlot) return;
    return smb1_part(unit, requests_[slot], kToServer, part, requests_[slot].received);
  }
  EntryReference pipe;
  switch (part.subcommand) {
    case kTransCall: {
      const std::uint32_t session = smb1_session(unit);
      pipe =
          open_pipe(unit, fresh_key(connections_[unit.slot]), session, smb1_header(unit).tree_id);
      set_pipe_name(part.name, block.is_unicode, pipes_[pipe.slot].origin);
      break;
    }
    case kTransTransact:
    case kTransRead:
    case kTransRawRead:
    case kTransWrite:
    case kTransRawWrite: pipe = smb1_pipe(unit, part.file_id); break;
    default: return;  // mailslots, remote administration, states of pipes
  }
  if (!pipes_.holds(pipe)) return;
  SmbRequest& request = add_request(unit, key);
  request.pipe = pipe;
  request.is_call = part.subcommand == kTransCall;
  request.owns_pipe = request.is_call;
  request.expected = part.total_data;
  smb1_part(unit, request, kToServer, part, request.received);
}

// Hands on a part of a transaction's data. Parts come in order; what one of them skips is missing,
// what it repeats is left out.
void SmbConnections::smb1_part(Unit& unit, SmbRequest& request, unsigned direction,
                               const Smb1Transaction& transaction, std::uint32_t& seen) noexcept {
  SmbExtent extent = transaction.extent;
  if (extent.length == 0 || !pipes_.holds(request.pipe)) return;
  const std::uint32_t end = transaction.displacement + extent.length;
  if (transaction.displacement > seen) {
    pipes_.gap(request.pipe.slot, direction, transaction.displacement - seen, BlindnessKind::gap,
               unit.frame);
  }
  const std::uint32_t repeated =
      std::min(seen - std::min(seen, transaction.displacement), extent.length);
  extent.offset += repeated;
  extent.length -= repeated;
  seen = std::max(seen, end);
  hand_on(unit, request.pipe, direction, extent);
}

void SmbConnections::smb1_transaction_response(Unit& unit, const Smb1Block& block) noexcept {
  const std::uint32_t slot = requests_.find(smb1_request_key(unit, Smb1Command::transaction));
  if (slot == kNoSlot) return;
  SmbRequest& request = requests_[slot];
  const Smb1Header& header = smb1_header(unit);
  // An empty response before all of the request was sent asks for the rest (2.2.4.33.2).
  if (block.words.empty() && header.status == 0 && request.received < request.expected) return;
  Smb1Transaction part;
  bool more = false;
  if (header.has_data() && !block.words.empty()) {
    if (parse_smb1_transaction(block, true, part) == ParseStatus::ok) {
      smb1_part(unit, request, kToClient, part, request.answered);
      more = request.answered < part.total_data;
    } else {
      ++statistics_.smb_undecodable;
    }
  }
  if (more) return;
  SmbPayload& payload = connections_[unit.slot].payloads[unit.direction];
  if (request.is_call && unit.step.payload_length != 0) {
    payload.ends_pipe = true;  // not before its bytes have come
    request.owns_pipe = false;
  }
  end_request(slot, unit.frame.timestamp);
}

// A file, a tree or a session is over.
void SmbConnections::smb1_leave(Unit& unit, const Smb1Block& block) noexcept {
  const Smb1Header& header = smb1_header(unit);
  if (block.command == Smb1Command::close) {
    const std::uint32_t request = requests_.find(smb1_request_key(unit, block.command));
    if (request == kNoSlot) return;
    const EntryReference pipe = requests_[request].pipe;
    end_request(request, unit.frame.timestamp);
    if (pipes_.holds(pipe)) pipes_.close(pipe.slot, unit.frame.timestamp);
    return;
  }
  if (header.status != 0) return;
  if (block.command == Smb1Command::logoff_andx) {
    const std::uint32_t session = sessions_.find(smb1_session_key(unit));
    if (session != kNoSlot) sessions_.close(session, unit.frame);
    return;
  }
  connections_[unit.slot].trees.remove(header.tree_id);  // its files are not named again
}

}  // namespace rpcaudit::dissect
