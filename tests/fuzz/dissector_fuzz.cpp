// The whole dissector from raw frames, with tables so small that they overflow.
//
// The input is a list of frames: one byte of link type, two of length, the bytes. The observer
// checks the promises of rpc_observer.h as it goes.

#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <vector>

#include "dissect/dissector.h"
#include "tests/support/recording_observer.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace rpcaudit;
  dissect::Limits limits;
  limits.flows = 64;
  limits.rpc_connections = 3;
  limits.contexts = 16;
  limits.contexts_per_connection = 6;
  limits.pending_calls = 4;
  limits.pdu_buffers = 2;
  limits.reorder_segments_per_stream = 4;
  limits.reorder_bytes = 16 * 2048;
  limits.ip_fragment_chains = 3;
  limits.ip_fragment_bytes = 64 * 2048;

  std::vector<Frame> frames;
  Bytes rest = std::as_bytes(std::span(data, size));
  while (rest.size() >= 3) {
    const auto control = std::to_integer<unsigned>(rest[0]);
    const std::size_t stated =
        std::to_integer<std::size_t>(rest[1]) << 8 | std::to_integer<std::size_t>(rest[2]);
    rest = rest.subspan(3);
    const std::size_t captured = std::min(stated, rest.size());
    Frame frame;
    frame.bytes = rest.first(captured);
    frame.original_length = static_cast<std::uint32_t>(stated);
    frame.link = static_cast<LinkType>(control % 5);
    frame.number = frame.sequence = frames.size() + 1;
    frame.timestamp.nanoseconds = frames.empty() ? 0 : frames.back().timestamp.nanoseconds;
    frame.timestamp.nanoseconds += control >= 0xf0 ? 31 * kNanosecondsPerSecond : 1000;
    frames.push_back(frame);
    rest = rest.subspan(captured);
  }

  test::RecordingObserver observer;
  dissect::Dissector dissector(limits, observer, 1);
  for (const Frame& frame : frames) {
    dissector.process({&frame, 1});
    dissector.advance({&frame, 1});
  }
  dissector.finish();
  if (!observer.complaints().empty() || !observer.all_closed()) std::abort();
  return 0;
}
