#include "dissect/shard.h"

#include "dissect/flow_table.h"
#include "dissect/packet.h"

namespace rpcaudit {

std::uint32_t shard_of(const Frame& frame, const Limits& limits, std::uint32_t shards) noexcept {
  Packet packet;
  const DecodeStatus status = decode_packet(frame, limits, packet);
  if (status != DecodeStatus::ok && status != DecodeStatus::fragment) return 0;
  return static_cast<std::uint32_t>(host_pair_hash(packet) % shards);
}

}  // namespace rpcaudit
