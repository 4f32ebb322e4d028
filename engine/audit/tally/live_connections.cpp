#include "engine/audit/tally/live_connections.h"

#include <algorithm>
#include <utility>

namespace rpcaudit::audit {

std::span<LiveConnections::Place, LiveConnections::kPlaces> LiveConnections::places_of(
    const Connection& connection) noexcept {
  HashMixer mixer(seed_);
  mixer.add(connection.client.address.bytes);
  mixer.add(connection.client.port);
  mixer.add(connection.server.address.bytes);
  mixer.add(connection.server.port);
  const std::size_t group = mixer.value() % (places_.size() / kPlaces);
  return std::span<Place, kPlaces>(&places_[group * kPlaces], kPlaces);
}

std::optional<Connection> LiveConnections::open(const Connection& connection) {
  if (places_.empty()) places_.resize(kConnectionsMax);
  const std::span<Place, kPlaces> places = places_of(connection);
  auto place = std::find_if(places.begin(), places.end(), [&](const Place& one) {
    return one.opened != 0 && one.connection == connection;
  });
  // A free place, or that of the one opened the longest ago.
  if (place == places.end()) {
    place = std::min_element(places.begin(), places.end(),
                             [](const Place& a, const Place& b) { return a.opened < b.opened; });
  }
  const Place before = std::exchange(*place, {connection, ++opened_});
  return before.opened == 0 ? std::nullopt : std::optional(before.connection);
}

bool LiveConnections::close(const Connection& connection) {
  if (places_.empty()) return false;
  for (Place& place : places_of(connection)) {
    if (place.opened == 0 || place.connection != connection) continue;
    place.opened = 0;
    return true;
  }
  return false;
}

}  // namespace rpcaudit::audit
