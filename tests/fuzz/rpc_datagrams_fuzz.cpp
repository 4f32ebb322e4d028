// Everything of the connectionless protocol: datagrams of any bytes between a few hosts, and
// pauses, into small tables.

#include <cstddef>
#include <cstdint>
#include <cstdlib>

#include "dissect/rpc/rpc_datagrams.h"
#include "tests/support/recording_observer.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace rpcaudit;
  dissect::Limits limits;
  limits.datagram_activities = 4;
  limits.datagram_contexts = 4;
  limits.datagram_calls = 3;
  test::RecordingObserver observer;
  dissect::DissectStatistics statistics;
  dissect::RpcDatagrams datagrams(limits, observer, statistics, 1);

  Bytes rest = std::as_bytes(std::span(data, size));
  dissect::FrameReference frame;
  while (rest.size() >= 2) {
    // One command byte: who sends, whether the end is cut off, a pause; one for the length.
    const auto command = std::to_integer<unsigned>(rest[0]);
    const std::size_t length = std::min(std::to_integer<std::size_t>(rest[1]), rest.size() - 2);
    dissect::UdpPayload datagram;
    datagram.source = {IpAddress::v4(0x0a000000 + (command & 3)), 1};
    datagram.destination = {IpAddress::v4(0x0a000000 + (command >> 2 & 3)), 2};
    datagram.bytes = rest.subspan(2, length);
    datagram.length = static_cast<std::uint32_t>(length + ((command & 16) != 0 ? 40 : 0));
    rest = rest.subspan(2 + length);
    frame.sequence = ++frame.number;
    frame.timestamp.nanoseconds += (command & 32) != 0 ? 31 * kNanosecondsPerSecond : 1;
    if (dissect::may_be_connectionless(datagram.bytes)) datagrams.add(datagram, frame);
    datagrams.expire(frame.timestamp);
  }
  datagrams.close_all();
  if (!observer.complaints().empty() || !observer.all_closed()) std::abort();
  return 0;
}
