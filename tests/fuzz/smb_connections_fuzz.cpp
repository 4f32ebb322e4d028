// SMB1, SMB2 and SMB3 the way traffic reaches them: chunks of both directions of two connections
// between the same hosts, gaps and pauses, with tables so small that they overflow.

#include <cstddef>
#include <cstdint>
#include <cstdlib>

#include "dissect/smb/smb_connections.h"
#include "tests/support/recording_observer.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace rpcaudit;
  dissect::Limits limits;
  limits.rpc_connections = 2;
  limits.smb_sessions = 3;
  limits.smb_pipes = 4;
  limits.smb_requests = 4;
  limits.smb_header_buffers = 3;
  limits.contexts = 64;
  limits.contexts_per_connection = 8;
  limits.pending_calls = 8;
  limits.pdu_buffers = 3;
  test::RecordingObserver observer;
  dissect::DissectStatistics statistics;
  dissect::RpcSessions sessions(limits, observer, statistics, 1);
  dissect::SmbConnections smb(limits, observer, statistics, sessions, 1);
  const Endpoint client{IpAddress::v4(0x0a4d0002), 40000};
  const Endpoint server{IpAddress::v4(0x0a4d0001), 445};
  std::array<dissect::Slot<dissect::SmbConnection>, 2> slots{
      smb.open({client, server}, std::nullopt), smb.open({client, server}, std::nullopt)};

  Bytes rest = std::as_bytes(std::span(data, size));
  dissect::FrameReference frame;
  while (rest.size() >= 3) {
    // Three command bytes: direction, connection, and whether the bytes are seen, lost or the
    // connection begins anew; how many.
    const auto command = std::to_integer<unsigned>(rest[0]);
    const std::size_t length =
        std::to_integer<std::size_t>(rest[1]) << 8 | std::to_integer<std::size_t>(rest[2]);
    rest = rest.subspan(3);
    frame.sequence = ++frame.number;
    frame.timestamp.nanoseconds += command >= 0xf0 ? 31 * kNanosecondsPerSecond : 1;
    const auto direction = static_cast<dissect::Direction>(command & 1);
    dissect::Slot<dissect::SmbConnection>& slot = slots[command >> 1 & 1];
    if ((command & 0x0c) == 0x0c) {
      smb.close(slot, frame);
      slot = smb.open({client, server}, std::nullopt);
    } else if ((command & 0x0c) == 0x08) {
      (void)smb.gap(slot, direction, length, dissect::BlindnessKind::gap, frame);
    } else {
      const Bytes taken = rest.first(std::min(length, rest.size()));
      smb.consume(slot, direction, taken, frame);
      rest = rest.subspan(taken.size());
    }
    sessions.expire(frame.timestamp);
    smb.give_up_stale(frame.timestamp);
  }
  for (const auto slot : slots) smb.close(slot, frame);
  if (!observer.complaints().empty() || !observer.all_closed()) std::abort();
  return 0;
}
