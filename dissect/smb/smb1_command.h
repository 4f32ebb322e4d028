#pragma once

#include <cstdint>

#include "dissect/smb/messages/smb1_message.h"
#include "dissect/smb/smb_host.h"

namespace rpcaudit::dissect {

// A command on its way through the reader of its connection, and how the users, files and requests
// that it names are found. Valid while its unit is.
struct Smb1CommandContext {
  SmbUnitContext& unit;
  const Smb1Block& block;
  Smb1Chain& chain;
  SmbTrees& trees;

  [[nodiscard]] SmbHost& host() const noexcept { return unit.host; }
  [[nodiscard]] const Smb1Header& header() const noexcept { return chain.header; }
  [[nodiscard]] ShareKind share() const noexcept { return trees.kind(header().tree_id); }

  [[nodiscard]] TableKey session_key() const noexcept;
  [[nodiscard]] TableKey pipe_key(std::uint16_t file_id) const noexcept;
  // The key of a request of `command`, by which its response is found.
  [[nodiscard]] TableKey request_key(Smb1Command command) const noexcept;
  [[nodiscard]] TableKey request_key() const noexcept { return request_key(block.command); }

  // The session of the command, which is in use.
  [[nodiscard]] Slot<SmbSession> use_session() const noexcept;
  // The pipe of a request. In a chain that opens a pipe it is that one, whatever the request says;
  // otherwise the pipe of its number, which may be unknown; none on shares that hold files.
  [[nodiscard]] SmbPipes::Reference find_pipe(std::uint16_t file_id) const noexcept;
  // A new pipe of that name, in the character set of the message, which no number leads to.
  [[nodiscard]] SmbPipes::Reference open_pipe(Bytes name) const noexcept;
  // The server opened, or did not open, the pipe of the request, which ends.
  void end_open(Slot<SmbRequest> slot, ParseStatus status,
                const Smb1OpenResponse& opened) const noexcept;
};

}  // namespace rpcaudit::dissect
