#include "dissect/shard.h"

#include "dissect/net/packet.h"
#include "dissect/rpc/rpc_connectionless.h"
#include "dissect/tcp/flow_table.h"

namespace rpcaudit::dissect {
namespace {

constexpr std::uint8_t kProtocolUdp = 17;  // RFC 768; in IPv6 headers too

bool may_be_datagram_rpc(const Packet& packet) noexcept {
  if (packet.transport == Transport::fragment) return packet.fragment.protocol == kProtocolUdp;
  return packet.transport == Transport::udp && may_be_connectionless(packet.payload);
}

}  // namespace

std::uint32_t shard_of(const Frame& frame, const Limits& limits, std::uint32_t shards) noexcept {
  Packet packet;
  const DecodeStatus status = decode_packet(frame, limits, packet);
  if (status != DecodeStatus::ok && status != DecodeStatus::fragment) return 0;
  if (may_be_datagram_rpc(packet)) return 0;
  return static_cast<std::uint32_t>(host_pair_hash(packet) % shards);
}

}  // namespace rpcaudit::dissect
