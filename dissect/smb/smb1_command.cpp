#include "dissect/smb/smb1_command.h"

#include "dissect/smb/messages/smb_pipe_name.h"

namespace rpcaudit::dissect {
namespace {

// Marks of the kinds of keys of one connection; those of requests have their command beside.
constexpr std::uint64_t kUserMark = std::uint64_t{1} << 60;
constexpr std::uint64_t kFileMark = std::uint64_t{1} << 59;
constexpr std::uint64_t kRequestMark = std::uint64_t{1} << 58;

}  // namespace

TableKey Smb1CommandContext::session_key() const noexcept {
  return {unit.connection.key, kUserMark, header().user_id};
}

TableKey Smb1CommandContext::pipe_key(std::uint16_t file_id) const noexcept {
  return {unit.connection.key, kFileMark, file_id};
}

TableKey Smb1CommandContext::request_key(Smb1Command command) const noexcept {
  return {unit.connection.key, kRequestMark | static_cast<std::uint64_t>(command),
          std::uint64_t{header().process_id} << 16 | header().multiplex_id};
}

Slot<SmbSession> Smb1CommandContext::use_session() const noexcept {
  const Slot<SmbSession> session = host().sessions().find(session_key());
  if (!session) return host().add_session(unit.connection, session_key(), unit.frame);
  host().sessions().touch(session);
  return session;
}

SmbPipes::Reference Smb1CommandContext::find_pipe(std::uint16_t file_id) const noexcept {
  if (host().pipes().holds(chain.pipe)) return chain.pipe;
  if (share() == ShareKind::other) return {};
  const TableKey key = pipe_key(file_id);
  const Slot<SmbPipe> pipe = host().pipes().find(key);
  if (pipe) return host().pipes().reference(pipe);
  return host().open_pipe(unit, key, use_session(), header().tree_id);
}

SmbPipes::Reference Smb1CommandContext::open_pipe(Bytes name) const noexcept {
  const Slot<SmbSession> session = use_session();
  if (header().is_signed) host().sessions()[session].logon.caller.is_signed = true;
  const SmbPipes::Reference pipe =
      host().open_pipe(unit, host().fresh_key(unit.connection), session, header().tree_id);
  append_smb1_pipe_name(name, block.is_unicode, host().pipes()[pipe.slot].origin.name.slot());
  return pipe;
}

void Smb1CommandContext::end_open(Slot<SmbRequest> slot, ParseStatus status,
                                  const Smb1OpenResponse& opened) const noexcept {
  SmbRequest& request = host().request(slot);
  const bool may_be_pipe = share() == ShareKind::pipe || opened.resource != Smb1ResourceType::disk;
  if (header().status == 0 && status == ParseStatus::ok && may_be_pipe &&
      host().pipes().holds(request.pipe)) {
    host().pipes().rekey(request.pipe.slot, pipe_key(opened.file_id));
    request.owns_pipe = false;
  }
  host().end_request(slot);
}

}  // namespace rpcaudit::dissect
