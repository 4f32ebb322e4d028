// Every header, tag and tunnel: frames of any link type into the decoder, fragments into the
// reassembly, and what comes out of it into the decoder again. The bytes of a frame stand in a
// block of exactly their size, so that a sanitizer sees what is read past it.

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <vector>

#include "dissect/net/checksum.h"
#include "dissect/net/ip_fragments.h"
#include "dissect/net/packet.h"
#include "dissect/tcp/flow_table.h"

namespace {

using namespace rpcaudit;

void check(bool holds) {
  if (!holds) std::abort();
}

// What decode_packet() promises of a packet it calls ok.
void check_packet(const dissect::Packet& packet, dissect::FlowTable& flows, Timestamp now) {
  check(packet.transport == dissect::Transport::tcp || packet.transport == dissect::Transport::udp);
  check(packet.payload.size() <= packet.payload_length);
  check(packet.ip_version == 4 || packet.ip_version == 6);
  (void)dissect::verify_transport_checksum(packet);
  (void)dissect::host_pair_hash(packet);
  const dissect::FlowKey key = flows.key(packet);
  flows.prefetch(key.tag);
  dissect::FlowEntry* const entry = flows.find_or_insert(key.tag, now).entry;
  check(entry->tag == key.tag && flows.find(key.tag) == entry);
  if ((key.tag & 1) != 0) entry->set_valuable(true);
  if ((key.tag & 6) == 0) flows.erase(key.tag);
  check(flows.size() <= flows.capacity());
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  dissect::Limits limits;
  limits.flows = 64;
  limits.ip_fragment_chains = 4;
  limits.ip_fragment_bytes = 64 << 10;
  dissect::FlowTable flows(limits, 1);
  dissect::IpFragments fragments(limits, 1);
  Timestamp now;

  Bytes rest = std::as_bytes(std::span(data, size));
  while (rest.size() >= 4) {
    // Link type, milliseconds since the last, length, and how much of it the snap length took.
    Frame frame;
    frame.link = static_cast<LinkType>(std::to_integer<unsigned>(rest[0]) % 5);
    now.nanoseconds += std::to_integer<std::int64_t>(rest[1]) * 1'000'000;
    const std::size_t length = std::min(std::to_integer<std::size_t>(rest[2]), rest.size() - 4);
    const std::vector<std::byte> bytes(rest.begin() + 4,
                                       rest.begin() + 4 + static_cast<std::ptrdiff_t>(length));
    frame.original_length = static_cast<std::uint32_t>(length) + std::to_integer<unsigned>(rest[3]);
    frame.bytes = bytes;
    frame.timestamp = now;
    rest = rest.subspan(4 + length);

    dissect::Packet packet;
    dissect::DecodeStatus status = dissect::decode_packet(frame, limits, packet);
    for (unsigned depth = 0; status == dissect::DecodeStatus::fragment && depth < 4; ++depth) {
      const std::optional<dissect::Datagram> datagram = fragments.add(packet, now);
      check(fragments.size() <= limits.ip_fragment_chains);
      if (!datagram) break;
      check(datagram->payload.size() <= datagram->payload_length);
      status = dissect::decode_datagram(*datagram, limits, packet);
    }
    if (status == dissect::DecodeStatus::ok) check_packet(packet, flows, now);
  }
  return 0;
}
