// Every parser of the connection-oriented protocol, reached the way traffic reaches it: chunks of
// both directions, gaps and pauses, into a session with small tables.

#include <cstddef>
#include <cstdint>
#include <cstdlib>

#include "dissect/rpc/rpc_session.h"
#include "tests/support/recording_observer.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace rpcaudit;
  dissect::Limits limits;
  limits.rpc_connections = 2;
  limits.contexts = 64;
  limits.contexts_per_connection = 8;
  limits.pending_calls = 8;
  limits.pdu_buffers = 2;
  test::RecordingObserver observer;
  dissect::DissectStatistics statistics;
  dissect::RpcSessions sessions(limits, observer, statistics, 1);
  const dissect::Slot<dissect::RpcSession> slot =
      sessions.open(dissect::ProtocolSequence::ncacn_ip_tcp, {}, nullptr);

  Bytes rest = std::as_bytes(std::span(data, size));
  dissect::FrameReference frame;
  while (rest.size() >= 2) {
    // One command byte: direction, whether the bytes are lost or seen, how many.
    const auto command = std::to_integer<unsigned>(rest[0]);
    const std::size_t length = std::to_integer<std::size_t>(rest[1]) << (command >> 2 & 3);
    rest = rest.subspan(2);
    frame.sequence = ++frame.number;
    frame.timestamp.nanoseconds += command >= 0xf0 ? 31 * kNanosecondsPerSecond : 1;
    if ((command & 2) != 0) {
      sessions.gap(slot, static_cast<dissect::Direction>(command & 1), length,
                   dissect::BlindnessKind::gap, frame);
    } else {
      const std::size_t taken = std::min(length, rest.size());
      sessions.consume(slot, static_cast<dissect::Direction>(command & 1), rest.first(taken),
                       frame);
      rest = rest.subspan(taken);
    }
    sessions.expire(frame.timestamp);
  }
  sessions.close(slot);
  if (!observer.complaints().empty() || !observer.all_closed()) std::abort();
  return 0;
}
