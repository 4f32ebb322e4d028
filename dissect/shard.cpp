#include "dissect/shard.h"

#include "dissect/net/ip.h"
#include "dissect/net/packet.h"
#include "dissect/rpc/pdus/rpc_connectionless.h"
#include "dissect/tcp/flow_table.h"

namespace rpcaudit::dissect {
namespace {

bool belongs_to_first(const Packet& packet) noexcept {
  if (packet.transport == Transport::fragment) return packet.fragment.protocol != kProtocolTcp;
  return packet.transport == Transport::udp && may_be_connectionless(packet.payload);
}

}  // namespace

std::uint32_t shard_of(const Frame& frame, const Limits& limits, std::uint32_t shards) noexcept {
  Packet packet;
  const DecodeStatus status = decode_packet(frame, limits, packet);
  if (status != DecodeStatus::ok && status != DecodeStatus::fragment) return 0;
  if (belongs_to_first(packet)) return 0;
  return static_cast<std::uint32_t>(host_pair_hash(packet) % shards);
}

}  // namespace rpcaudit::dissect
