#include "dissect/smb/smb1_transaction.h"

#include <algorithm>

#include "dissect/smb/messages/smb1_transaction_message.h"
#include "dissect/smb/messages/smb2_message.h"

namespace rpcaudit::dissect {
namespace {

// Control codes of pipes: their device type, and the codes that neither write nor consume data
// ([MS-FSCC] 2.3).
constexpr std::uint32_t kPipeDevice = 0x11;
constexpr std::uint32_t kFsctlPipePeek = 0x0011'400c;
constexpr std::uint32_t kFsctlPipeWait = 0x0011'0018;

// The command under which a request of several parts is known.
Smb1Command first_command(Smb1Command command) noexcept {
  switch (command) {
    case Smb1Command::transaction_secondary: return Smb1Command::transaction;
    case Smb1Command::nt_transact_secondary: return Smb1Command::nt_transact;
    default: return command;
  }
}

// The request opens the pipe that it has, for others to use.
bool opens_pipe(const SmbRequest& request) noexcept {
  return request.owns_pipe && !request.is_call;
}

// Hands on a part of the data of a transaction that `request` began, in the direction of its pipe.
// Parts come in order: what one of them skips beyond the `seen` bytes is missing, what it repeats
// is left out.
void take_part(SmbUnitContext& unit, SmbRequest& request, Direction direction,
               const Smb1Transaction& part, std::uint32_t& seen) noexcept {
  SmbPipes& pipes = unit.host.pipes();
  SmbExtent extent = part.extent;
  if (extent.length == 0 || !pipes.holds(request.pipe)) return;
  const Slot<SmbPipe> pipe = request.pipe.slot;
  const std::uint32_t end = part.displacement + extent.length;
  const std::uint32_t skipped = part.displacement - std::min(part.displacement, seen);
  const std::uint32_t repeated = std::min(seen - std::min(seen, part.displacement), extent.length);
  extent.offset += repeated;
  extent.length -= repeated;
  seen = std::max(seen, end);
  if (direction == kToServer) {
    unit.host.write(unit, request, request.pipe, extent, request.expected, true);
    if (skipped == 0) return;
    pipes.gap_write(pipe, request.write, skipped, BlindnessKind::gap, unit.frame);
  } else {
    if (skipped != 0) pipes.gap(pipe, direction, skipped, BlindnessKind::gap, unit.frame);
    unit.host.hand_on(unit, request.pipe, direction, extent);
  }
}

// The pipe that a TRANSACTION writes to or reads from, if it does.
SmbPipes::Reference transaction_pipe(const Smb1CommandContext& context,
                                     const Smb1Transaction& part) noexcept {
  switch (part.subcommand) {
    case kTransCall: return context.open_pipe(part.name);
    case kTransTransact:
    case kTransRead:
    case kTransRawRead:
    case kTransWrite:
    case kTransRawWrite: return context.find_pipe(part.file_id);
    default: return {};  // mailslots, remote administration, states of pipes
  }
}

// The pipe of an NT_TRANSACT, if it opens one, or writes to one and reads the answer.
SmbPipes::Reference nt_transact_pipe(const Smb1CommandContext& context,
                                     const Smb1Transaction& part) noexcept {
  SmbHost& host = context.host();
  if (context.share() == ShareKind::other) return {};
  if (part.subcommand == kNtTransactCreate) {
    Bytes name;
    if (!host.decodes(parse_smb1_nt_create_request(context.block, name))) return {};
    return context.open_pipe(name);
  }
  if (part.subcommand != kNtTransactIoctl) return {};  // of files: security, names, quotas
  if (part.control_code == kFsctlPipeTransceive) return context.find_pipe(part.file_id);
  const bool of_pipe = part.control_code >> 16 == kPipeDevice;
  const bool without_data =
      part.control_code == kFsctlPipePeek || part.control_code == kFsctlPipeWait;
  if (of_pipe && !without_data) ++host.statistics().smb1_nt_transact_unread;
  return {};
}

}  // namespace

void on_smb1_transaction_request(const Smb1CommandContext& context) noexcept {
  SmbHost& host = context.host();
  SmbUnitContext& unit = context.unit;
  const Smb1Command command = context.block.command;
  Smb1Transaction part;
  if (!host.decodes(parse_smb1_transaction(context.block, false, part))) return;
  const TableKey key = context.request_key(first_command(command));
  if (command != first_command(command)) {
    const Slot<SmbRequest> slot = host.find_request(key);
    if (!slot || opens_pipe(host.request(slot))) return;
    return take_part(unit, host.request(slot), kToServer, part, host.request(slot).received);
  }
  const bool is_nt = command == Smb1Command::nt_transact;
  const SmbPipes::Reference pipe =
      is_nt ? nt_transact_pipe(context, part) : transaction_pipe(context, part);
  if (!host.pipes().holds(pipe)) return;
  SmbRequest& request = host.add_request(unit, key);
  request.pipe = pipe;
  request.is_call = !is_nt && part.subcommand == kTransCall;
  request.owns_pipe = request.is_call || (is_nt && part.subcommand == kNtTransactCreate);
  if (opens_pipe(request)) return;  // what follows is no data of the pipe
  request.expected = part.total_data;
  take_part(unit, request, kToServer, part, request.received);
}

void on_smb1_transaction_response(const Smb1CommandContext& context) noexcept {
  SmbHost& host = context.host();
  SmbUnitContext& unit = context.unit;
  const Smb1Block& block = context.block;
  const Slot<SmbRequest> slot = host.find_request(context.request_key());
  if (!slot) return;
  SmbRequest& request = host.request(slot);
  const Smb1Header& header = context.header();
  // An empty response before all of the request was sent asks for the rest (2.2.4.33.2).
  if (block.words.empty() && header.status == 0 && request.received < request.expected) return;
  if (opens_pipe(request)) {
    Smb1OpenResponse opened;
    const ParseStatus status = parse_smb1_nt_create_response(block, opened);
    return context.end_open(slot, status, opened);
  }
  Smb1Transaction part;
  bool more = false;
  if (header.has_data() && !block.words.empty() &&
      host.decodes(parse_smb1_transaction(block, true, part))) {
    take_part(unit, request, kToClient, part, request.answered);
    more = request.answered < part.total_data;
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

}  // namespace rpcaudit::dissect
