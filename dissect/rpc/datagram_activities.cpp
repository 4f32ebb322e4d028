#include "dissect/rpc/datagram_activities.h"

#include "dissect/store/keyed_hash.h"

namespace rpcaudit::dissect {
namespace {

// Activities of one UUID and client host, to several servers: a broadcast's, or a scanner's.
constexpr unsigned kSameActivityMax = 16;

}  // namespace

// Sequence numbers are compared as the protocol does, around their end (C706 10.1.5).
bool DatagramActivity::was_told(std::uint32_t sequence) const noexcept {
  const std::uint32_t below = highest - sequence;
  return below < kToldWindow && (told >> below & 1) != 0;
}

void DatagramActivity::note_told(std::uint32_t sequence, std::uint16_t digest) noexcept {
  digests[sequence % kToldWindow] = digest;
  const std::uint32_t below = highest - sequence;
  if (told != 0 && below < kToldWindow) {
    told |= std::uint64_t{1} << below;
    settled &= ~(std::uint64_t{1} << below);
    return;
  }
  // Far below the highest, the client has begun anew.
  const std::uint32_t above = sequence - highest;
  told = above < kToldWindow ? told << above : 0;
  settled = above < kToldWindow ? settled << above : 0;
  told |= 1;
  highest = sequence;
}

bool DatagramActivity::is_contradicted(std::uint32_t sequence,
                                       std::uint16_t digest) const noexcept {
  const bool is_settled = (settled >> (highest - sequence) & 1) != 0;
  return !is_settled && digests[sequence % kToldWindow] != digest;
}

void DatagramActivity::settle(std::uint32_t sequence) noexcept {
  if (was_told(sequence)) settled |= std::uint64_t{1} << (highest - sequence);
}

DatagramActivities::DatagramActivities(std::size_t capacity, std::uint64_t seed)
    : activities_(capacity) {
  SecretSequence secrets(seed);
  for (std::uint64_t& secret : secrets_) secret = secrets.next();
}

Slot<DatagramActivity> DatagramActivities::find(const Uuid& uuid, const IpAddress& client,
                                                const IpAddress& server) const noexcept {
  return find_of_client(uuid, client, [&](Slot<DatagramActivity> slot) {
    return activities_[slot].server == server;
  });
}

Slot<DatagramActivity> DatagramActivities::in_the_way(const Uuid& uuid,
                                                      const IpAddress& client) const noexcept {
  unsigned same = 0;
  const Slot<DatagramActivity> one_too_many = find_of_client(
      uuid, client, [&](Slot<DatagramActivity>) { return ++same == kSameActivityMax; });
  if (one_too_many) return one_too_many;
  return activities_.full() ? activities_.oldest() : Slot<DatagramActivity>{};
}

Slot<DatagramActivity> DatagramActivities::add(const Uuid& uuid, const IpAddress& client,
                                               const IpAddress& server) noexcept {
  const Slot<DatagramActivity> slot = activities_.add(hash(uuid, client));
  DatagramActivity& activity = activities_[slot];
  activity = {};
  activity.uuid = uuid;
  activity.client = client;
  activity.server = server;
  return slot;
}

std::uint16_t DatagramActivities::digest(const SyntaxId& interface,
                                         std::uint16_t opnum) const noexcept {
  const std::array<std::uint64_t, 2> name = words_of(interface.uuid.bytes);
  const std::uint64_t rest = std::uint64_t{interface.version_major} << 32 |
                             std::uint64_t{interface.version_minor} << 16 | opnum;
  const std::uint64_t mixed =
      fold_multiply(fold_multiply(name[0] ^ secrets_[1], name[1] ^ secrets_[2]) ^ secrets_[3],
                    rest ^ secrets_[0]);
  return static_cast<std::uint16_t>(mixed >> 32);
}

std::uint64_t DatagramActivities::hash(const Uuid& uuid, const IpAddress& client) const noexcept {
  const std::array<std::uint64_t, 2> name = words_of(uuid.bytes);
  const std::array<std::uint64_t, 2> host = words_of(client.bytes);
  return fold_multiply(
      fold_multiply(name[0] ^ secrets_[0], name[1] ^ secrets_[1]) ^ host[0] ^ secrets_[2],
      host[1] ^ secrets_[3]);
}

}  // namespace rpcaudit::dissect
