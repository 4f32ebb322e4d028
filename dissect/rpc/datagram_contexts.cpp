#include "dissect/rpc/datagram_contexts.h"

#include "dissect/store/keyed_hash.h"

namespace rpcaudit::dissect {
DatagramContexts::DatagramContexts(const Limits& limits, RpcObserver& observer,
                                   DissectStatistics& statistics, std::uint64_t seed)
    : limits_(limits),
      observer_(observer),
      statistics_(statistics),
      contexts_(limits.datagram_contexts) {
  SecretSequence secrets(seed);
  for (std::uint64_t& secret : secrets_) secret = secrets.next();
}

Slot<DatagramContext> DatagramContexts::use(const Endpoint& client, const Endpoint& server,
                                            const SyntaxId& interface,
                                            const FrameReference& frame) noexcept {
  const std::uint64_t key = hash(client, server, interface);
  const Slot<DatagramContext> known = contexts_.find(key, [&](Slot<DatagramContext> slot) {
    const RpcContext& context = contexts_[slot].context;
    return context.client == client && context.server == server &&
           *context.abstract_syntax == interface;
  });
  if (known) {
    contexts_.touch(known);
    return known;
  }
  if (contexts_.full()) make_room();
  const Slot<DatagramContext> slot = contexts_.add(key);
  DatagramContext& record = contexts_[slot];
  record.open_calls = 0;
  RpcContext& context = record.context;
  context = {};
  context.key = {static_cast<std::uint32_t>(limits_.contexts) + slot.index, ++record.generation};
  context.origin = ContextOrigin::stated;
  context.frame = frame;
  context.protocol = ProtocolSequence::ncadg_ip_udp;
  context.client = client;
  context.server = server;
  context.abstract_syntax = interface;
  context.result = ContextResult::accepted;
  ++statistics_.contexts;
  observer_.on_context(context);
  return slot;
}

void DatagramContexts::make_room() noexcept {
  while (contexts_[contexts_.oldest()].open_calls != 0) contexts_.touch(contexts_.oldest());
  ++statistics_.contexts_evicted;
  close(contexts_.oldest());
}

void DatagramContexts::close_all() noexcept {
  while (contexts_.oldest()) close(contexts_.oldest());
}

void DatagramContexts::close(Slot<DatagramContext> slot) noexcept {
  observer_.on_context_closed(contexts_[slot].context.key);
  contexts_.remove(slot);
}

std::uint64_t DatagramContexts::hash(const Endpoint& client, const Endpoint& server,
                                     const SyntaxId& interface) const noexcept {
  const std::array<std::uint64_t, 2> from = words_of(client.address.bytes);
  const std::array<std::uint64_t, 2> to = words_of(server.address.bytes);
  const std::array<std::uint64_t, 2> name = words_of(interface.uuid.bytes);
  const std::uint64_t ports = std::uint64_t{client.port} << 16 | server.port;
  std::uint64_t mixed = fold_multiply(from[0] ^ secrets_[0], from[1] ^ secrets_[1]);
  mixed = fold_multiply(mixed ^ to[0], to[1] ^ secrets_[2]);
  return fold_multiply(mixed ^ name[0] ^ ports, name[1] ^ secrets_[3]);
}

}  // namespace rpcaudit::dissect
